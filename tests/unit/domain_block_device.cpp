#include <gtest/gtest.h>

#include "amivirt/domain/block_device_mapping.hpp"
#include "domain_samples.hpp"

namespace amivirt {
namespace {

const std::string k_snapshot = "snap-00000000000000001";

EbsDevice ebs(std::optional<std::uint64_t> gib, std::optional<VolumeType> type = {}, std::optional<std::uint32_t> iops = {},
              std::optional<std::uint32_t> throughput = {}) {
    EbsDevice result;
    if (gib) {
        result.size = GiB{*gib};
    }
    result.type = type;
    result.iops = iops;
    result.throughput = throughput;
    return result;
}

TEST(VolumeType, RoundTrips) {
    using enum VolumeType;
    for (const auto type : {standard, gp2, gp3, io1, io2, st1, sc1}) {
        ASSERT_TRUE(parse_volume_type(to_string(type)));
        EXPECT_EQ(*parse_volume_type(to_string(type)), type);
    }
    EXPECT_FALSE(parse_volume_type("gp4"));
    EXPECT_FALSE(parse_volume_type("GP3"));
}

TEST(ParseBlockDevice, TakesEveryForm) {
    EbsDevice full;
    full.snapshot = samples::id<SnapshotId>(1);
    full.size = GiB{40};
    full.delete_on_termination = true;
    full.type = VolumeType::gp3;
    EbsDevice fast = full;
    fast.iops = 4000;
    EbsDevice faster = fast;
    faster.throughput = 500;
    EbsDevice secret = faster;
    secret.encrypted = true;
    EbsDevice secret_slow = ebs(20);
    secret_slow.encrypted = true;
    EbsDevice secret_typed = full;
    secret_typed.encrypted = true;
    EbsDevice kept;
    kept.delete_on_termination = false;
    EbsDevice only_snapshot;
    only_snapshot.snapshot = full.snapshot;
    const std::vector<std::pair<std::string, BlockDevice>> forms{
        {"/dev/sdb=:20", {"/dev/sdb", ebs(20)}},
        {"/dev/sdb=" + k_snapshot, {"/dev/sdb", only_snapshot}},
        {"/dev/sdb=" + k_snapshot + ":40:true:gp3", {"/dev/sdb", full}},
        {"xvdb=" + k_snapshot + ":40:true:gp3:4000", {"xvdb", fast}},
        {"sdb=" + k_snapshot + ":40:true:gp3:4000:500", {"sdb", faster}},
        {"sdb=" + k_snapshot + ":40:true:gp3:4000:500:encrypted", {"sdb", secret}},
        {"sdb=" + k_snapshot + ":40:true:gp3:encrypted", {"sdb", secret_typed}},
        {"sdb=:20::encrypted", {"sdb", secret_slow}},
        {"sdb=:20:::encrypted", {"sdb", secret_slow}},
        {"/dev/sda1=::false", {"/dev/sda1", kept}},
        {"/dev/sdb=:20::io1:500", {"/dev/sdb", ebs(20, VolumeType::io1, 500)}},
        {"/dev/sdb=:20::gp3::250", {"/dev/sdb", ebs(20, VolumeType::gp3, {}, 250)}},
        {"/dev/sdc=ephemeral0", {"/dev/sdc", EphemeralDevice{0}}},
        {"/dev/sdc=ephemeral23", {"/dev/sdc", EphemeralDevice{23}}},
        {"/dev/sdd=none", {"/dev/sdd", NoDevice{}}},
        {"/dev/vdb=:1", {"/dev/vdb", ebs(1)}},
        {"xvdba12=:1", {"xvdba12", ebs(1)}},
    };
    for (const auto& [text, want] : forms) {
        const auto parsed = parse_block_device(text);
        ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
        EXPECT_EQ(*parsed, want) << text;
    }
}

TEST(ParseBlockDevice, RefusesEveryIllFormAndQuotesIt) {
    for (const std::string bad : {"",
                                  "/dev/sdb",
                                  "=:20",
                                  "/dev/sdb=",
                                  "/dev/sdb=:",
                                  "/dev/sdb=:::",
                                  "/dev/sdb=20",
                                  "/dev/sdb=:twenty",
                                  "/dev/sdb=:-1",
                                  "/dev/sdb=:+1",
                                  "/dev/sdb=:1.5",
                                  "/dev/sdb=: 1",
                                  "/dev/sdb=:18446744073709551616",
                                  "/dev/sdb=snap-1",
                                  "/dev/sdb=ami-00000000000000001:20",
                                  "/dev/sdb=:20:yes",
                                  "/dev/sdb=:20:true:gp9",
                                  "/dev/sdb=:20:true:gp3:fast",
                                  "/dev/sdb=:20:true:gp3:4294967296",
                                  "/dev/sdb=:20:true:gp3:3000:fast",
                                  "/dev/sdb=:20:true:gp3:3000:125:secret",
                                  "/dev/sdb=:20:true:gp3:3000:125:encrypted:more",
                                  "/dev/sdb=ephemeral",
                                  "/dev/sdb=ephemeral24",
                                  "/dev/sdb=ephemeral-1",
                                  "/dev/sdb=ephemeralx",
                                  "/dev/sdb=None",
                                  "/dev/nvme0n1=:20",
                                  "/dev/hda=:20",
                                  "/dev/sd=:20",
                                  "/dev/sdB=:20",
                                  "/dev/sdaa=:20",
                                  "/dev/xvdabc=:20",
                                  "/dev/sda01=:20",
                                  "/dev/sda1234=:20",
                                  "/dev/sda1x=:20",
                                  "dev/sda=:20",
                                  "/dev//sda=:20",
                                  "/dev/../sda=:20",
                                  " /dev/sdb=:20"}) {
        const auto parsed = parse_block_device(bad);
        ASSERT_FALSE(parsed) << bad;
        EXPECT_EQ(parsed.error().code, Code::invalid_block_device_mapping) << bad;
        EXPECT_TRUE(parsed.error().message.starts_with("Invalid block device \"" + bad + "\": ")) << parsed.error().message;
        EXPECT_FALSE(parsed.error().hint.empty());
    }
}

/// The codes of all faults of one EBS entry.
std::vector<Code> codes(const EbsDevice& device) {
    std::vector<Code> result;
    for (const Error& fault : check_mapping({{"/dev/sdb", device}})) {
        EXPECT_NE(fault.message.find("\"/dev/sdb\""), std::string::npos) << fault.message;
        result.push_back(fault.code);
    }
    return result;
}
const std::vector<Code> k_fine{};
const std::vector<Code> k_value{Code::invalid_parameter_value};
const std::vector<Code> k_combination{Code::invalid_parameter_combination};

TEST(CheckMapping, HoldsEachTypeToItsSize) {
    using enum VolumeType;
    struct Range {
        VolumeType type;
        std::uint64_t least;
        std::uint64_t most;
        std::optional<std::uint32_t> iops;
    };
    for (const Range& range : {Range{standard, 1, 1024, {}}, Range{gp2, 1, 16384, {}}, Range{gp3, 1, 16384, {}}, Range{io1, 4, 16384, 100},
                               Range{io2, 4, 65536, 100}, Range{st1, 125, 16384, {}}, Range{sc1, 125, 16384, {}}}) {
        EXPECT_EQ(codes(ebs(range.least, range.type, range.iops)), k_fine) << to_string(range.type);
        EXPECT_EQ(codes(ebs(range.most, range.type, range.iops)), k_fine) << to_string(range.type);
        EXPECT_EQ(codes(ebs(range.least - 1, range.type, range.iops)), k_value) << to_string(range.type);
        EXPECT_EQ(codes(ebs(range.most + 1, range.type, range.iops)), k_value) << to_string(range.type);
        EXPECT_EQ(codes(ebs(~0ULL, range.type, range.iops)), k_value) << to_string(range.type);
    }
    EXPECT_EQ(codes(ebs(16384)), k_fine);  // not said: gp3
    EXPECT_EQ(codes(ebs(16385)), k_value);
}

TEST(CheckMapping, HoldsIopsToTheTypeAndTheSize) {
    using enum VolumeType;
    for (const VolumeType type : {standard, gp2, st1, sc1}) {
        EXPECT_EQ(codes(ebs(200, type, 3000)), k_combination) << to_string(type);
    }
    EXPECT_EQ(codes(ebs(20, io1)), std::vector<Code>{Code::missing_parameter});
    EXPECT_EQ(codes(ebs(20, io2)), std::vector<Code>{Code::missing_parameter});
    EXPECT_EQ(codes(ebs(20, gp3)), k_fine);
    // gp3: 3000 at any size, up to 500 per GiB
    EXPECT_EQ(codes(ebs(1, gp3, 3000)), k_fine);
    EXPECT_EQ(codes(ebs(1, gp3, 3001)), k_value);
    EXPECT_EQ(codes(ebs(8, gp3, 4000)), k_fine);
    EXPECT_EQ(codes(ebs(8, gp3, 4001)), k_value);
    EXPECT_EQ(codes(ebs(1000, gp3, 16000)), k_fine);
    EXPECT_EQ(codes(ebs(1000, gp3, 16001)), k_value);
    EXPECT_EQ(codes(ebs(1000, gp3, 2999)), k_value);
    EXPECT_EQ(codes(ebs(8, {}, 4000)), k_fine);  // gp3 by default
    // io1: 50 per GiB
    EXPECT_EQ(codes(ebs(4, io1, 200)), k_fine);
    EXPECT_EQ(codes(ebs(4, io1, 201)), k_value);
    EXPECT_EQ(codes(ebs(16384, io1, 64000)), k_fine);
    EXPECT_EQ(codes(ebs(16384, io1, 64001)), k_value);
    EXPECT_EQ(codes(ebs(16384, io1, 99)), k_value);
    // io2: 1000 per GiB
    EXPECT_EQ(codes(ebs(4, io2, 4000)), k_fine);
    EXPECT_EQ(codes(ebs(4, io2, 4001)), k_value);
    EXPECT_EQ(codes(ebs(256, io2, 256000)), k_fine);
    EXPECT_EQ(codes(ebs(1024, io2, 256001)), k_value);
    EXPECT_EQ(codes(ebs(1024, io2, 99)), k_value);
}

TEST(CheckMapping, HoldsThroughputToGp3AndTheIops) {
    using enum VolumeType;
    for (const VolumeType type : {standard, gp2, st1, sc1}) {
        EXPECT_EQ(codes(ebs(200, type, {}, 125)), k_combination) << to_string(type);
    }
    EXPECT_EQ(codes(ebs(200, io1, 1000, 125)), k_combination);
    EXPECT_EQ(codes(ebs(200, io2, 1000, 125)), k_combination);
    EXPECT_EQ(codes(ebs(200, gp3, {}, 124)), k_value);
    EXPECT_EQ(codes(ebs(200, gp3, {}, 125)), k_fine);
    EXPECT_EQ(codes(ebs(200, gp3, {}, 750)), k_fine);  // a quarter of the 3000 that come with it
    EXPECT_EQ(codes(ebs(200, gp3, {}, 751)), k_value);
    EXPECT_EQ(codes(ebs(200, gp3, 4000, 1000)), k_fine);
    EXPECT_EQ(codes(ebs(200, gp3, 16000, 1001)), k_value);
    EXPECT_EQ(codes(ebs(200, {}, {}, 125)), k_fine);
}

TEST(CheckLimits, NamesWhatItIsToldInWholeSentences) {
    using enum VolumeType;
    const auto message = [](std::string_view what, const EbsDevice& device) {
        std::vector<Error> faults;
        check_limits(what, device, faults);
        return faults.size() == 1 ? faults.front().message : std::to_string(faults.size()) + " faults";
    };
    const std::string_view fresh = "the new volume";
    const std::string_view named = "volume \"vol-0123456789abcdef0\"";
    EXPECT_EQ(message(fresh, ebs(3, io1, 100)),
              "The size of the new volume, 3 GiB, is not possible for volume type io1 (expecting 4 to 16384 GiB)");
    EXPECT_EQ(message(fresh, ebs(10, io1)), "The IOPS of the new volume are not said, and volume type io1 needs them");
    EXPECT_EQ(message(named, ebs(10, gp2, 300)), "The IOPS of volume \"vol-0123456789abcdef0\", 300, are not supported by volume type gp2");
    EXPECT_EQ(message(fresh, ebs(10, io1, 5)),
              "The IOPS of the new volume, 5, are not possible for volume type io1 (expecting 100 to 64000)");
    EXPECT_EQ(message(fresh, ebs(4, io1, 300)),
              "The IOPS of the new volume, 300, are too many for volume type io1 and 4 GiB (at most 200, 50 per GiB)");
    EXPECT_EQ(message(fresh, ebs(4, gp2, {}, 200)), "The throughput of the new volume, 200 MiB/s, is not supported by volume type gp2");
    EXPECT_EQ(check_mapping({{"/dev/sdb", ebs(0)}}).at(0).message,
              "The size of device \"/dev/sdb\", 0 GiB, is not possible for volume type gp3 (expecting 1 to 16384 GiB)");
}

TEST(CheckMapping, AnEbsEntryNeedsASnapshotOrASize) {
    EXPECT_EQ(codes(ebs({})), std::vector<Code>{Code::invalid_block_device_mapping});
    EbsDevice from_snapshot;
    from_snapshot.snapshot = samples::id<SnapshotId>(1);
    EXPECT_EQ(codes(from_snapshot), k_fine);
    EXPECT_TRUE(check_mapping({{"/dev/sdb", NoDevice{}}, {"/dev/sdc", EphemeralDevice{23}}}).empty());
    EXPECT_TRUE(check_mapping({}).empty());
}

TEST(CheckMapping, KnowsADeviceUnderItsOtherSpelling) {
    const auto twice = check_mapping({{"/dev/sdb", ebs(1)}, {"sdb", ebs(1)}});
    ASSERT_EQ(twice.size(), 1U);
    EXPECT_EQ(twice[0].message, "The devices \"/dev/sdb\" and \"sdb\" are the same one");
    EXPECT_EQ(check_mapping({{"/dev/sdb", ebs(1)}, {"/dev/sdb", NoDevice{}}}).size(), 1U);
    EXPECT_TRUE(check_mapping({{"/dev/sdb", ebs(1)}, {"/dev/xvdb", ebs(1)}, {"/dev/vdb", ebs(1)}, {"/dev/sdb1", ebs(1)}}).empty());
}

TEST(CheckMapping, ListsAllFaults) {
    EXPECT_EQ(check_mapping({{"/dev/sdb", ebs({})},
                             {"/dev/sdb", ebs(1)},
                             {"/dev/nvme1n1", ebs(1)},
                             {"", ebs(1)},
                             {"/dev/sdc", EphemeralDevice{24}},
                             {"/dev/sdd", EphemeralDevice{1}},
                             {"/dev/sde", EphemeralDevice{1}},
                             {"/dev/sdf", ebs(0, VolumeType::io1)},
                             {"/dev/sdg", ebs(0, VolumeType::gp2, 100, 1)}})
                  .size(),
              11U);
}

}  // namespace
}  // namespace amivirt
