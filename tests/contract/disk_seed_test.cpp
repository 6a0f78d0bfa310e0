// SeedBuilder, on the fake and on ISO images, which other people's readers open.
#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "adapters/seed/seed_builder.hpp"
#include "disk_support.hpp"
#include "fakes/fake_seed_builder.hpp"

namespace amivirt::contract {
namespace {

Seed sample() {
    Seed seed;
    seed.instance = instance(1);
    seed.hostname = "web-1";
    seed.public_keys = {"ssh-ed25519 AAAAC3Nza me@here"};
    seed.user_data = "#!/bin/sh\necho hello\n";
    return seed;
}

enum class Kind { fake, real };

class Builder : public testing::TestWithParam<Kind> {
protected:
    Builder() {
        if (GetParam() == Kind::real) {
            builder_ = make_seed_builder();
        } else {
            builder_ = std::make_unique<fakes::FakeSeedBuilder>();
        }
    }
    std::unique_ptr<SeedBuilder> builder_;
};

TEST_P(Builder, IsPure) {
    const auto first = builder_->build(sample());
    ASSERT_TRUE(first);
    EXPECT_EQ(*first, *builder_->build(sample()));
}

TEST_P(Builder, EveryFieldCounts) {
    const std::string first = *builder_->build(sample());
    Seed other = sample();
    other.instance = instance(2);
    EXPECT_NE(*builder_->build(other), first);
    other = sample();
    other.hostname = "web-2";
    EXPECT_NE(*builder_->build(other), first);
    other = sample();
    other.public_keys.push_back("ssh-rsa AAAA");
    EXPECT_NE(*builder_->build(other), first);
    other = sample();
    other.user_data += "#";
    EXPECT_NE(*builder_->build(other), first);
}

INSTANTIATE_TEST_SUITE_P(Implementations, Builder, testing::Values(Kind::fake, Kind::real),
                         [](const auto& chosen) { return chosen.param == Kind::fake ? "Fake" : "Real"; });

/// What libarchive finds in the image, with "rockridge" or "joliet" names.
std::map<std::string, std::string> contents(const std::string& image, const std::string& without) {
    struct Free {
        void operator()(archive* a) const noexcept { archive_read_free(a); }
    };
    const std::unique_ptr<archive, Free> reader(archive_read_new());
    archive_read_support_format_iso9660(reader.get());
    EXPECT_EQ(archive_read_set_options(reader.get(), ("!" + without).c_str()), ARCHIVE_OK);
    EXPECT_EQ(archive_read_open_memory(reader.get(), image.data(), image.size()), ARCHIVE_OK) << archive_error_string(reader.get());
    std::map<std::string, std::string> files;
    archive_entry* entry = nullptr;
    while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
        if (archive_entry_filetype(entry) == AE_IFREG) {
            std::string content(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
            EXPECT_EQ(archive_read_data(reader.get(), content.data(), content.size()), static_cast<la_ssize_t>(content.size()));
            files[archive_entry_pathname(entry)] = content;
        }
    }
    return files;
}

TEST(RealSeed, IsReadByLibarchiveUnderBothKindsOfNames) {
    const std::string image = *make_seed_builder()->build(sample());
    for (const std::string without : {"joliet", "rockridge"}) {
        const auto files = contents(image, without);
        ASSERT_EQ(files.size(), 2U) << without;
        EXPECT_EQ(files.at("meta-data"), "instance-id: \"" + instance(1).str() +
                                             "\"\nlocal-hostname: \"web-1\"\npublic-keys:\n  - \"ssh-ed25519 AAAAC3Nza me@here\"\n"
                                             "hostname: \"web-1\"\n");
        EXPECT_EQ(files.at("user-data"), sample().user_data);
    }
}

TEST(RealSeed, TellsAllThatIsKnown) {
    Seed seed = sample();
    seed.reservation = "r-00000000000000001";
    seed.launch_index = 2;
    seed.security_groups = {"default", "web: \"80\""};
    seed.image = "ami-00000000000000001";
    seed.type = "t3.nano";
    seed.zone = "local-1b";
    seed.local_ipv4 = "10.0.2.15";
    seed.mac_address = "52:54:00:12:34:56";
    seed.host_key = "ssh-ed25519 AAAAhost";
    seed.host_private_key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n";
    const auto files = contents(*make_seed_builder()->build(seed), "joliet");
    ASSERT_EQ(files.size(), 4U);
    EXPECT_EQ(files.at("meta-data"), "instance-id: \"" + instance(1).str() +
                                         "\"\nlocal-hostname: \"web-1\"\npublic-keys:\n  - \"ssh-ed25519 AAAAC3Nza me@here\"\n"
                                         "hostname: \"web-1\"\nami-id: \"ami-00000000000000001\"\ninstance-type: \"t3.nano\"\n"
                                         "reservation-id: \"r-00000000000000001\"\nlocal-ipv4: \"10.0.2.15\"\n"
                                         "mac: \"52:54:00:12:34:56\"\nami-launch-index: 2\n"
                                         "security-groups:\n  - \"default\"\n  - \"web: \\\"80\\\"\"\n"
                                         "placement:\n  availability-zone: \"local-1b\"\n");
    EXPECT_EQ(files.at("network-config"),
              "version: 2\nethernets:\n  eth0:\n    match:\n      macaddress: \"52:54:00:12:34:56\"\n    dhcp4: true\n");
    EXPECT_EQ(files.at("vendor-data"),
              "#cloud-config\nssh_keys:\n  ed25519_public: \"ssh-ed25519 AAAAhost\\n\"\n  ed25519_private: |\n"
              "    -----BEGIN OPENSSH PRIVATE KEY-----\n    b3Bl\n    -----END OPENSSH PRIVATE KEY-----\n");
}

TEST(RealSeed, KeepsBinaryUserDataOfAnySize) {
    for (const std::size_t size : {1U, 2047U, 2048U, 2049U, 16384U, 300000U}) {
        Seed seed = sample();
        seed.user_data = noise(size);
        EXPECT_EQ(contents(*make_seed_builder()->build(seed), "joliet").at("user-data"), seed.user_data) << size;
    }
}

TEST(RealSeed, IsKnownToBlkidAsCidata) {
    AMIVIRT_NEED_PROGRAM("blkid");
    const TemporaryFolder folder;
    write_file(folder / "seed.img", *make_seed_builder()->build(sample()));
    EXPECT_EQ(shell({"blkid", "-p", "-o", "value", "-s", "LABEL", folder / "seed.img"}).output, "cidata\n");
    EXPECT_EQ(shell({"blkid", "-p", "-o", "value", "-s", "TYPE", folder / "seed.img"}).output, "iso9660\n");
}

TEST(RealSeed, IsReadByXorriso) {
    AMIVIRT_NEED_PROGRAM("xorriso");
    const TemporaryFolder folder;
    write_file(folder / "seed.img", *make_seed_builder()->build(sample()));
    const auto seen = shell({"xorriso", "-abort_on", "WARNING", "-indev", folder / "seed.img", "-lsl", "/"});
    EXPECT_EQ(seen.exit_status, 0) << seen.output;
    EXPECT_NE(seen.output.find("'meta-data'"), std::string::npos) << seen.output;
    EXPECT_NE(seen.output.find("'user-data'"), std::string::npos) << seen.output;
}

}  // namespace
}  // namespace amivirt::contract
