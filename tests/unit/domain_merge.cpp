#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "amivirt/domain/block_device_mapping.hpp"
#include "domain_samples.hpp"

namespace amivirt {
namespace {

using samples::id;

/// An entry field by field.
struct Ebs {
    EbsDevice device;
    Ebs& snapshot(unsigned number) {
        device.snapshot = id<SnapshotId>(number);
        return *this;
    }
    Ebs& size(std::uint64_t gib) {
        device.size = GiB{gib};
        return *this;
    }
    Ebs& type(VolumeType value) {
        device.type = value;
        return *this;
    }
    Ebs& iops(std::uint32_t value) {
        device.iops = value;
        return *this;
    }
    Ebs& throughput(std::uint32_t value) {
        device.throughput = value;
        return *this;
    }
    Ebs& delete_on_termination(bool value) {
        device.delete_on_termination = value;
        return *this;
    }
    Ebs& encrypted(bool value) {
        device.encrypted = value;
        return *this;
    }
    [[nodiscard]] BlockDevice at(std::string name) const { return {std::move(name), device}; }
};

/// Snapshot 1: 8 GiB; 2: 20 GiB; 3: 4 GiB, encrypted.
MergeInput input(BlockDeviceMapping image, BlockDeviceMapping request, unsigned ephemeral = 0) {
    return {
        "/dev/sda1",        std::move(image),
        std::move(request), {{id<SnapshotId>(1), GiB{8}, false}, {id<SnapshotId>(2), GiB{20}, false}, {id<SnapshotId>(3), GiB{4}, true}},
        ephemeral,          RootDeviceType::ebs};
}
/// The same for an image whose root is on the instance store.
MergeInput instance_store(BlockDeviceMapping image, BlockDeviceMapping request, unsigned ephemeral = 0) {
    MergeInput given = input(std::move(image), std::move(request), ephemeral);
    given.root_device_type = RootDeviceType::instance_store;
    return given;
}
const BlockDevice k_root = Ebs().snapshot(1).at("/dev/sda1");

std::vector<ResolvedDevice> merged(const MergeInput& given) {
    auto result = merge_mappings(given);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : std::vector<ResolvedDevice>{};
}
std::vector<std::string> names(const std::vector<ResolvedDevice>& devices) {
    std::vector<std::string> result;
    for (const ResolvedDevice& device : devices) {
        result.push_back(device.device_name);
    }
    return result;
}
Error refused(const MergeInput& given) {
    auto result = merge_mappings(given);
    EXPECT_FALSE(result);
    return result ? Error() : result.error();
}

TEST(Merge, TheImagesRootAloneTakesDefaults) {
    const auto devices = merged(input({k_root}, {}));
    ASSERT_EQ(devices.size(), 1U);
    ResolvedDevice want;
    want.device_name = "/dev/sda1";
    want.is_root = true;
    want.snapshot = id<SnapshotId>(1);
    want.size = GiB{8};
    want.type = VolumeType::gp3;
    want.delete_on_termination = true;
    EXPECT_EQ(devices[0], want);
}

TEST(Merge, DeleteOnTerminationComesFromRequestImageDefaultInThisOrder) {
    const BlockDevice data = Ebs().size(10).at("/dev/sdb");
    auto devices = merged(input({k_root, data}, {}));
    EXPECT_TRUE(devices[0].delete_on_termination);
    EXPECT_FALSE(devices[1].delete_on_termination);
    devices = merged(input(
        {Ebs().snapshot(1).delete_on_termination(false).at("/dev/sda1"), Ebs().size(10).delete_on_termination(true).at("/dev/sdb")}, {}));
    EXPECT_FALSE(devices[0].delete_on_termination);
    EXPECT_TRUE(devices[1].delete_on_termination);
    devices = merged(
        input({k_root, data}, {Ebs().delete_on_termination(false).at("/dev/sda1"), Ebs().delete_on_termination(true).at("/dev/sdb")}));
    EXPECT_FALSE(devices[0].delete_on_termination);
    EXPECT_TRUE(devices[1].delete_on_termination);
    devices = merged(input({k_root, Ebs().size(10).delete_on_termination(true).at("/dev/sdb")}, {Ebs().size(11).at("/dev/sdb")}));
    EXPECT_TRUE(devices[1].delete_on_termination);  // not said by the request
}

TEST(Merge, TheRootMayGrowAndChangeItsType) {
    const auto devices =
        merged(input({k_root}, {Ebs().size(30).type(VolumeType::io1).iops(500).encrypted(true).delete_on_termination(false).at("sda1")}));
    ASSERT_EQ(devices.size(), 1U);
    EXPECT_EQ(devices[0].device_name, "/dev/sda1");  // the image's spelling
    EXPECT_EQ(devices[0].size, GiB{30});
    EXPECT_EQ(devices[0].type, VolumeType::io1);
    EXPECT_EQ(devices[0].iops, 500U);
    EXPECT_TRUE(devices[0].encrypted);
    EXPECT_FALSE(devices[0].delete_on_termination);
    EXPECT_EQ(devices[0].snapshot, id<SnapshotId>(1));
}

TEST(Merge, TheRootCannotShrink) {
    EXPECT_EQ(refused(input({Ebs().snapshot(1).size(12).at("/dev/sda1")}, {Ebs().size(11).at("/dev/sda1")})).message,
              "The root device \"/dev/sda1\" cannot shrink from 12 GiB to 11 GiB");
    EXPECT_EQ(refused(input({k_root}, {Ebs().size(7).at("/dev/sda1")})).message,
              "The root device \"/dev/sda1\" cannot shrink from 8 GiB to 7 GiB");
    EXPECT_EQ(merged(input({k_root}, {Ebs().size(8).at("/dev/sda1")}))[0].size, GiB{8});
}

TEST(Merge, TheRootCannotBeReplacedOrLeftOut) {
    EXPECT_EQ(refused(input({k_root}, {{"/dev/sda1", NoDevice{}}})).message, "The root device \"/dev/sda1\" cannot be left out");
    EXPECT_EQ(refused(input({k_root}, {{"/dev/sda1", EphemeralDevice{0}}}, 4)).message,
              "The root device \"/dev/sda1\" cannot be an instance store volume");
    EXPECT_EQ(refused(input({k_root}, {Ebs().snapshot(2).at("/dev/sda1")})).message,
              "The snapshot of the root device \"/dev/sda1\" cannot be changed, to \"snap-00000000000000002\"");
    EXPECT_EQ(merged(input({k_root}, {Ebs().snapshot(1).size(9).at("/dev/sda1")}))[0].size, GiB{9});
}

TEST(Merge, AnImageMustHaveARootVolume) {
    const auto none = "The image has no volume for its root device \"/dev/sda1\"";
    EXPECT_EQ(refused(input({}, {})).message, none);
    EXPECT_EQ(refused(input({Ebs().snapshot(1).at("/dev/sdb")}, {k_root})).message, none);  // a request cannot bring it
    EXPECT_EQ(refused(input({{"/dev/sda1", NoDevice{}}}, {})).message, none);
    EXPECT_EQ(refused(input({Ebs().size(8).at("/dev/sda1")}, {})).message, "The image's root device \"/dev/sda1\" has no snapshot");
    MergeInput nameless = input({k_root}, {});
    nameless.root_device_name = "root";
    EXPECT_EQ(refused(nameless).message, "The image's root device name \"root\" is ill-formed");
}

TEST(Merge, SameNameOverridesNewNameAddsNoDeviceRemoves) {
    const BlockDeviceMapping image{k_root, Ebs().size(10).at("/dev/sdb"), Ebs().snapshot(2).at("/dev/sdc")};
    const auto devices =
        merged(input(image, {Ebs().size(15).at("sdb"), {"sdc", NoDevice{}}, Ebs().size(5).at("/dev/xvdb"), {"/dev/sdz", NoDevice{}}}));
    EXPECT_EQ(names(devices), (std::vector<std::string>{"/dev/sda1", "/dev/sdb", "/dev/xvdb"}));
    EXPECT_EQ(devices[1].size, GiB{15});
    EXPECT_EQ(devices[2].size, GiB{5});
    EXPECT_EQ(names(merged(input({k_root, {"/dev/sdb", NoDevice{}}}, {}))), std::vector<std::string>{"/dev/sda1"});
}

TEST(Merge, FieldsNotSaidStayTheImages) {
    const BlockDevice data = Ebs().snapshot(2).size(25).type(VolumeType::gp3).iops(4000).throughput(200).encrypted(true).at("/dev/sdb");
    auto devices = merged(input({k_root, data}, {Ebs().size(40).at("/dev/sdb")}));
    EXPECT_EQ(devices[1].snapshot, id<SnapshotId>(2));
    EXPECT_EQ(devices[1].size, GiB{40});
    EXPECT_EQ(devices[1].iops, 4000U);
    EXPECT_EQ(devices[1].throughput, 200U);
    EXPECT_TRUE(devices[1].encrypted);
    devices = merged(input({k_root, data}, {Ebs().type(VolumeType::gp2).at("/dev/sdb")}));
    EXPECT_EQ(devices[1].type, VolumeType::gp2);
    EXPECT_FALSE(devices[1].iops);  // they were gp3's
    EXPECT_FALSE(devices[1].throughput);
    devices = merged(input({k_root, Ebs().snapshot(2).size(25).at("/dev/sdb")}, {Ebs().snapshot(3).at("/dev/sdb")}));
    EXPECT_EQ(devices[1].snapshot, id<SnapshotId>(3));
    EXPECT_EQ(devices[1].size, GiB{4});  // 25 GiB was said of another snapshot
}

TEST(Merge, AnEncryptedSnapshotMakesAnEncryptedVolume) {
    const auto devices = merged(input({k_root, Ebs().snapshot(3).encrypted(false).at("/dev/sdb")}, {Ebs().snapshot(3).at("/dev/sdc")}));
    EXPECT_FALSE(devices[0].encrypted);
    EXPECT_TRUE(devices[1].encrypted);
    EXPECT_TRUE(devices[2].encrypted);
}

TEST(Merge, EphemeralEntriesBeyondTheTypeAreDroppedSilently) {
    const BlockDeviceMapping image{k_root, {"/dev/sdb", EphemeralDevice{0}}};
    const BlockDeviceMapping request{{"/dev/sdc", EphemeralDevice{1}}, {"/dev/sdd", EphemeralDevice{2}}};
    EXPECT_EQ(merged(input(image, request, 0)).size(), 1U);
    EXPECT_EQ(names(merged(input(image, request, 2))), (std::vector<std::string>{"/dev/sda1", "/dev/sdb", "/dev/sdc"}));
    const auto devices = merged(input(image, request, 24));
    ASSERT_EQ(devices.size(), 4U);
    EXPECT_EQ(devices[3].ephemeral, 2U);
    EXPECT_TRUE(devices[3].delete_on_termination);
    EXPECT_EQ(refused(input(image, {{"/dev/sdc", EphemeralDevice{0}}}, 1)).message,
              "The devices \"/dev/sdb\" and \"/dev/sdc\" are both mapped to \"ephemeral0\"");
}

TEST(Merge, AnInstanceStoreImageTakesInstanceStoreVolumesOnly) {
    const BlockDeviceMapping image{k_root, {"/dev/sdb", EphemeralDevice{0}}};
    const auto devices = merged(instance_store(image, {Ebs().size(9).at("sda1"), {"/dev/sdc", EphemeralDevice{1}}}, 2));
    ASSERT_EQ(names(devices), (std::vector<std::string>{"/dev/sda1", "/dev/sdb", "/dev/sdc"}));
    EXPECT_EQ(devices[0].size, GiB{9});
    EXPECT_TRUE(devices[0].delete_on_termination);
    EXPECT_EQ(devices[2].ephemeral, 1U);
    EXPECT_EQ(names(merged(instance_store(image, {{"/dev/sdb", NoDevice{}}}, 2))), std::vector<std::string>{"/dev/sda1"});

    const Error volume = refused(instance_store(image, {Ebs().size(1).at("/dev/sdf")}, 2));
    EXPECT_EQ(volume.code, Code::invalid_block_device_mapping);
    EXPECT_EQ(volume.message, "The device \"/dev/sdf\" is an EBS volume, and an instance-store image takes instance store volumes only");
    EXPECT_FALSE(volume.hint.empty());
    for (const BlockDevice& root :
         {Ebs().type(VolumeType::gp3).at("/dev/sda1"), Ebs().iops(3000).at("/dev/sda1"), Ebs().throughput(125).at("sda1"),
          Ebs().encrypted(true).at("/dev/sda1"), Ebs().delete_on_termination(false).at("/dev/sda1")}) {
        EXPECT_NE(refused(instance_store(image, {root})).message.find("is on the instance store"), std::string::npos);
    }
    // Even where the image's own entry says otherwise: nothing of it is left.
    EXPECT_TRUE(merged(instance_store({Ebs().snapshot(1).delete_on_termination(false).at("/dev/sda1")}, {}))[0].delete_on_termination);
    EXPECT_NE(refused(instance_store(image, {Ebs().size(1).at("/dev/sdf"), Ebs().size(3).at("sda1")})).message.find("2 faults"),
              std::string::npos);
}

TEST(Merge, KindsMayOverrideEachOther) {
    auto devices = merged(input({k_root, Ebs().snapshot(2).at("/dev/sdb")}, {{"/dev/sdb", EphemeralDevice{0}}}, 1));
    EXPECT_EQ(devices[1].ephemeral, 0U);
    EXPECT_FALSE(devices[1].snapshot);
    devices = merged(input({k_root, {"/dev/sdb", EphemeralDevice{0}}}, {Ebs().size(3).at("/dev/sdb")}, 1));
    EXPECT_FALSE(devices[1].ephemeral);
    EXPECT_EQ(devices[1].size, GiB{3});
}

TEST(Merge, SortsAsAPersonWould) {
    const auto devices =
        merged(input({Ebs().size(1).at("xvdba"), Ebs().size(1).at("/dev/sdc"), Ebs().size(1).at("/dev/sda"), k_root,
                      Ebs().size(1).at("/dev/sda10"), Ebs().size(1).at("sda2"), Ebs().size(1).at("/dev/xvdz"), Ebs().size(1).at("sdb")},
                     {}));
    EXPECT_EQ(names(devices),
              (std::vector<std::string>{"/dev/sda1", "/dev/sda", "sda2", "/dev/sda10", "sdb", "/dev/sdc", "/dev/xvdz", "xvdba"}));
}

TEST(Merge, RefusesAnUnknownSnapshot) {
    const Error error = refused(input({k_root}, {Ebs().snapshot(9).at("/dev/sdb")}));
    EXPECT_EQ(error.code, Code::invalid_snapshot_not_found);
    EXPECT_EQ(error.message, "The snapshot \"snap-00000000000000009\" of the device \"/dev/sdb\" does not exist");
}

TEST(Merge, RefusesASizeBelowTheSnapshots) {
    const Error error = refused(input({k_root}, {Ebs().snapshot(2).size(19).at("/dev/sdb")}));
    EXPECT_EQ(error.code, Code::invalid_block_device_mapping);
    EXPECT_EQ(error.message, "The size of \"/dev/sdb\", 19 GiB, is smaller than that of its snapshot \"snap-00000000000000002\", 20 GiB");
}

TEST(Merge, ChecksTheMergedVolumeAgainstItsType) {
    // each half is fine by itself: 30 GiB of gp3 in the image, io1 without its IOPS in the request
    const Error missing = refused(input({k_root, Ebs().size(30).at("/dev/sdb")}, {Ebs().type(VolumeType::io1).at("/dev/sdb")}));
    EXPECT_EQ(missing.code, Code::missing_parameter);
    // the size comes from the snapshot: 8 GiB of st1 is too little
    EXPECT_EQ(refused(input({k_root}, {Ebs().type(VolumeType::st1).at("/dev/sda1")})).code, Code::invalid_parameter_value);
}

TEST(Merge, ListsAllFaultsInOneError) {
    const Error error = refused(input({k_root}, {Ebs().size(2).at("/dev/sda1"), Ebs().at("/dev/sdb"), Ebs().snapshot(9).at("/dev/sdc"),
                                                 Ebs().size(99999).at("/dev/sdd")}));
    EXPECT_EQ(error.code, Code::invalid_block_device_mapping);
    EXPECT_TRUE(error.message.starts_with("The block device mapping has 4 faults: ")) << error.message;
    for (const std::string part : {"cannot shrink", "\"/dev/sdb\" has neither", "snap-00000000000000009", "99999 GiB"}) {
        EXPECT_NE(error.message.find(part), std::string::npos) << part << " in " << error.message;
    }
    const Error names_first = refused(input({k_root, k_root}, {{"nonsense", NoDevice{}}}));
    EXPECT_NE(names_first.message.find("\"/dev/sda1\" of the image is mapped more than once"), std::string::npos) << names_first.message;
    EXPECT_NE(names_first.message.find("\"nonsense\" of the request is ill-formed"), std::string::npos) << names_first.message;
}

// ---- properties over random inputs, with a fixed seed ----

class Generator {
public:
    explicit Generator(unsigned seed) : random_(seed) {}

    MergeInput next() {
        MergeInput result;
        result.root_device_name = pick<std::string>({"/dev/sda1", "/dev/xvda", "/dev/sdb"});
        for (unsigned i = 0; i < 5; ++i) {
            result.snapshots.push_back({id<SnapshotId>(i), GiB{1 + below(30)}, one_in(4)});
        }
        result.ephemeral_devices = below(5);
        Ebs root;
        root.snapshot(below(5));
        if (one_in(2)) {
            root.size(30 + below(30));
        }
        result.image = mapping(result.root_device_name);
        result.image.insert(result.image.begin() + below(static_cast<unsigned>(result.image.size()) + 1), root.at(result.root_device_name));
        result.request = mapping(result.root_device_name);
        if (one_in(2)) {
            Ebs more;
            if (one_in(2)) {
                more.size(20 + below(60));
            }
            if (one_in(2)) {
                more.delete_on_termination(one_in(2));
            }
            if (one_in(4)) {
                more.encrypted(one_in(2));
            }
            performance(more);
            result.request.push_back(more.at(result.root_device_name));
        }
        if (one_in(4)) {
            onto_instance_store(result);
        }
        return result;
    }

private:
    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
    bool one_in(unsigned n) { return below(n) == 0; }
    template <class T>
    T pick(const std::vector<T>& from) {
        return from[below(static_cast<unsigned>(from.size()))];
    }
    void performance(Ebs& ebs) {
        switch (below(8)) {
            case 0:
                ebs.type(VolumeType::io1).iops(100 + below(300));
                break;
            case 1:
                ebs.type(VolumeType::gp2);
                break;
            case 2:
                ebs.type(VolumeType::gp3).iops(3000 + below(3000)).throughput(125 + below(600));
                break;
            case 3:
                ebs.iops(3000);
                break;
            default:
                break;
        }
    }
    /// Mostly with what such an image takes from a request.
    void onto_instance_store(MergeInput& given) {
        given.root_device_type = RootDeviceType::instance_store;
        if (one_in(5)) {
            return;
        }
        std::erase_if(given.request, [](const BlockDevice& entry) { return std::holds_alternative<EbsDevice>(entry.what); });
        if (one_in(2)) {
            given.request.push_back(Ebs().size(60 + below(20)).at(given.root_device_name));
        }
    }
    BlockDeviceMapping mapping(const std::string& root) {
        BlockDeviceMapping result;
        unsigned ephemeral = 0;
        for (const std::string bare : {"sda1", "sda", "sdb", "sdc", "xvda", "xvdb", "xvdba", "vdb", "sdd10"}) {
            if ("/dev/" + bare == root || !one_in(3)) {
                continue;
            }
            const std::string name = (one_in(2) ? "/dev/" : "") + bare;
            switch (below(6)) {
                case 0:
                    result.push_back({name, NoDevice{}});
                    break;
                case 1:
                    result.push_back({name, EphemeralDevice{ephemeral}});
                    ephemeral += 1 + below(2);
                    break;
                default: {
                    Ebs ebs;
                    if (one_in(3)) {
                        ebs.snapshot(below(5));
                    }
                    if (!ebs.device.snapshot || one_in(3)) {
                        ebs.size(4 + below(60));
                    }
                    if (one_in(4)) {
                        ebs.delete_on_termination(one_in(2));
                    }
                    if (one_in(4)) {
                        ebs.encrypted(one_in(2));
                    }
                    performance(ebs);
                    result.push_back(ebs.at(name));
                }
            }
        }
        std::shuffle(result.begin(), result.end(), random_);
        return result;
    }
    std::mt19937 random_;
};

std::string bare(std::string_view name) { return std::string(name.starts_with("/dev/") ? name.substr(5) : name); }

/// The result said as a mapping, every field spelt out.
BlockDeviceMapping as_mapping(const std::vector<ResolvedDevice>& devices) {
    BlockDeviceMapping result;
    for (const ResolvedDevice& device : devices) {
        if (device.ephemeral) {
            result.push_back({device.device_name, EphemeralDevice{*device.ephemeral}});
            continue;
        }
        EbsDevice ebs{device.snapshot, device.size, device.type, device.iops, device.throughput, device.delete_on_termination,
                      device.encrypted};
        result.push_back({device.device_name, ebs});
    }
    return result;
}

class MergeProperties : public ::testing::Test {
protected:
    /// Calls `holds` for each random input that merges; most must, or the test would show nothing.
    template <class Holds>
    static void for_all(Holds holds) {
        Generator generator(20261123);
        constexpr int rounds = 600;
        int merges = 0;
        for (int round = 0; round < rounds && !HasFailure(); ++round) {
            const MergeInput given = generator.next();
            const auto result = merge_mappings(given);
            if (!result) {
                EXPECT_FALSE(result.error().message.empty());
                continue;
            }
            ++merges;
            SCOPED_TRACE(round);
            holds(given, *result);
        }
        EXPECT_GT(merges, rounds / 4);
        EXPECT_LT(merges, rounds);  // and some are refused
    }
    static const BlockDevice* find(const BlockDeviceMapping& mapping, const std::string& name) {
        const auto found =
            std::find_if(mapping.begin(), mapping.end(), [&](const BlockDevice& entry) { return bare(entry.device_name) == bare(name); });
        return found == mapping.end() ? nullptr : &*found;
    }
    static const ResolvedDevice* find(const std::vector<ResolvedDevice>& devices, const std::string& name) {
        const auto found =
            std::find_if(devices.begin(), devices.end(), [&](const ResolvedDevice& d) { return bare(d.device_name) == bare(name); });
        return found == devices.end() ? nullptr : &*found;
    }
};

TEST_F(MergeProperties, MergingTheSameRequestAgainChangesNothing) {
    for_all([](const MergeInput& given, const std::vector<ResolvedDevice>& devices) {
        MergeInput again = given;
        again.image = as_mapping(devices);
        const auto twice = merge_mappings(again);
        ASSERT_TRUE(twice) << twice.error().message;
        EXPECT_EQ(*twice, devices);
        again.request.clear();
        const auto bare_again = merge_mappings(again);
        ASSERT_TRUE(bare_again) << bare_again.error().message;
        EXPECT_EQ(*bare_again, devices);
    });
}

TEST_F(MergeProperties, TheOrderOfEntriesDoesNotMatter) {
    std::mt19937 random(7);
    for_all([&random](const MergeInput& given, const std::vector<ResolvedDevice>& devices) {
        MergeInput shuffled = given;
        std::shuffle(shuffled.image.begin(), shuffled.image.end(), random);
        std::shuffle(shuffled.request.begin(), shuffled.request.end(), random);
        std::shuffle(shuffled.snapshots.begin(), shuffled.snapshots.end(), random);
        const auto result = merge_mappings(shuffled);
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ(*result, devices);
    });
}

TEST_F(MergeProperties, EveryResultPassesTheCheck) {
    for_all([](const MergeInput&, const std::vector<ResolvedDevice>& devices) {
        for (const Error& fault : check_mapping(as_mapping(devices))) {
            ADD_FAILURE() << fault.message;
        }
    });
}

TEST_F(MergeProperties, TheRootComesFirstAndTheRestInOrder) {
    const std::vector<std::string> order{"sda", "sda1", "sdb", "sdc", "sdd10", "vdb", "xvda", "xvdb", "xvdba"};
    for_all([&order](const MergeInput& given, const std::vector<ResolvedDevice>& devices) {
        ASSERT_FALSE(devices.empty());
        EXPECT_EQ(devices.front().device_name, given.root_device_name);
        EXPECT_TRUE(devices.front().is_root);
        const auto place = [&order](const ResolvedDevice& device) {
            return std::find(order.begin(), order.end(), bare(device.device_name));
        };
        for (std::size_t i = 1; i < devices.size(); ++i) {
            EXPECT_FALSE(devices[i].is_root);
            ASSERT_NE(place(devices[i]), order.end()) << devices[i].device_name;
            if (i > 1) {
                EXPECT_LT(place(devices[i - 1]) - order.begin(), place(devices[i]) - order.begin());
            }
        }
    });
}

TEST_F(MergeProperties, NoDeviceAlwaysRemoves) {
    for_all([](const MergeInput& given, const std::vector<ResolvedDevice>& devices) {
        for (const BlockDevice& entry : given.request) {
            if (std::holds_alternative<NoDevice>(entry.what)) {
                EXPECT_EQ(find(devices, entry.device_name), nullptr) << entry.device_name;
            }
        }
    });
}

TEST_F(MergeProperties, TheRootNeverShrinksNorChangesItsSnapshot) {
    for_all([](const MergeInput& given, const std::vector<ResolvedDevice>& devices) {
        const auto& image = std::get<EbsDevice>(find(given.image, given.root_device_name)->what);
        EXPECT_EQ(devices.front().snapshot, image.snapshot);
        if (image.size) {
            EXPECT_GE(devices.front().size, *image.size);
        }
    });
}

TEST_F(MergeProperties, WhatTheRequestSaysHolds) {
    for_all([](const MergeInput& given, const std::vector<ResolvedDevice>& devices) {
        for (const BlockDevice& entry : given.request) {
            const auto* ebs = std::get_if<EbsDevice>(&entry.what);
            if (ebs == nullptr) {
                continue;
            }
            const ResolvedDevice* device = find(devices, entry.device_name);
            ASSERT_NE(device, nullptr) << entry.device_name;
            EXPECT_FALSE(device->ephemeral);
            EXPECT_TRUE(!ebs->size || *ebs->size == device->size);
            EXPECT_TRUE(!ebs->snapshot || ebs->snapshot == device->snapshot);
            EXPECT_TRUE(!ebs->type || *ebs->type == device->type);
            EXPECT_TRUE(!ebs->iops || ebs->iops == device->iops);
            EXPECT_TRUE(!ebs->throughput || ebs->throughput == device->throughput);
            EXPECT_TRUE(!ebs->delete_on_termination || *ebs->delete_on_termination == device->delete_on_termination);
            EXPECT_TRUE(!ebs->encrypted.value_or(false) || device->encrypted) << entry.device_name;
        }
    });
}

TEST_F(MergeProperties, ARootOnTheInstanceStoreDiesWithItsInstance) {
    unsigned roots = 0;
    for_all([&roots](const MergeInput& given, const std::vector<ResolvedDevice>& devices) {
        if (given.root_device_type != RootDeviceType::instance_store) {
            return;
        }
        ++roots;
        EXPECT_TRUE(devices.front().delete_on_termination);
        for (const BlockDevice& entry : given.request) {
            EXPECT_TRUE(!std::holds_alternative<EbsDevice>(entry.what) || bare(entry.device_name) == bare(given.root_device_name))
                << entry.device_name;
        }
    });
    EXPECT_GT(roots, 20U);
}

TEST_F(MergeProperties, NothingComesFromNowhereAndNothingIsLost) {
    for_all([](const MergeInput& given, const std::vector<ResolvedDevice>& devices) {
        for (const ResolvedDevice& device : devices) {
            EXPECT_TRUE(find(given.image, device.device_name) != nullptr || find(given.request, device.device_name) != nullptr);
        }
        for (const BlockDevice& entry : given.image) {
            if (find(given.request, entry.device_name) == nullptr && std::holds_alternative<EbsDevice>(entry.what)) {
                EXPECT_NE(find(devices, entry.device_name), nullptr) << entry.device_name;
            }
        }
    });
}

TEST_F(MergeProperties, VolumesHoldTheirSnapshotsAndKeepThemSecret) {
    for_all([](const MergeInput& given, const std::vector<ResolvedDevice>& devices) {
        for (const ResolvedDevice& device : devices) {
            if (device.ephemeral) {
                EXPECT_LT(*device.ephemeral, given.ephemeral_devices);
                EXPECT_FALSE(device.snapshot);
                continue;
            }
            if (!device.snapshot) {
                EXPECT_GE(device.size, GiB{1});
                continue;
            }
            const auto facts = std::find_if(given.snapshots.begin(), given.snapshots.end(),
                                            [&](const SnapshotFacts& s) { return s.id == *device.snapshot; });
            ASSERT_NE(facts, given.snapshots.end());
            EXPECT_GE(device.size, facts->size);
            EXPECT_TRUE(device.encrypted || !facts->encrypted);
        }
    });
}

}  // namespace
}  // namespace amivirt
