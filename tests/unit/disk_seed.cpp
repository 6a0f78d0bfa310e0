// Seeds as bytes.
#include <gtest/gtest.h>

#include <string>

#include "adapters/seed/iso9660.hpp"
#include "adapters/seed/seed_builder.hpp"

namespace amivirt {
namespace {

Seed sample() {
    Seed seed;
    seed.instance = *InstanceId::parse("i-0123456789abcdef0");
    seed.hostname = "web-1";
    seed.public_keys = {"ssh-ed25519 AAAAC3Nza me@here", "ssh-rsa AAAAB3 \"quoted\" \\ back"};
    return seed;
}

TEST(SeedTest, IsTheSameBytesEachTime) {
    const auto builder = make_seed_builder();
    const auto first = builder->build(sample());
    ASSERT_TRUE(first);
    EXPECT_EQ(*first, *make_seed_builder()->build(sample()));
    Seed other = sample();
    other.hostname = "web-2";
    EXPECT_NE(*first, *builder->build(other));
}

TEST(SeedTest, IsSmallButNotTooSmallForBusybox) {
    const auto image = make_seed_builder()->build(sample());
    ASSERT_TRUE(image);
    EXPECT_LE(image->size(), 80U << 10U);
    EXPECT_GE(image->size(), 0x11000U) << "busybox does not look for a label on less";
    EXPECT_EQ(image->size() % 2048, 0U);
}

TEST(SeedTest, QuotesWhatYamlWouldMisread) {
    Seed seed = sample();
    seed.hostname = "yes: \"no\"\t#\n";
    const auto image = make_seed_builder()->build(seed);
    ASSERT_TRUE(image);
    EXPECT_NE(image->find("instance-id: \"i-0123456789abcdef0\"\nlocal-hostname: \"yes: \\\"no\\\"\\t#\\n\"\npublic-keys:\n"
                          "  - \"ssh-ed25519 AAAAC3Nza me@here\"\n  - \"ssh-rsa AAAAB3 \\\"quoted\\\" \\\\ back\"\n"),
              std::string::npos);
}

TEST(SeedTest, WithoutUserDataHasAnEmptyCloudConfig) {
    const auto image = make_seed_builder()->build(sample());
    ASSERT_TRUE(image);
    EXPECT_NE(image->find("#cloud-config\n{}\n"), std::string::npos);
}

TEST(SeedTest, WithoutKeysHasNoListOfThem) {
    Seed seed = sample();
    seed.public_keys.clear();
    const auto image = make_seed_builder()->build(seed);
    ASSERT_TRUE(image);
    EXPECT_EQ(image->find("public-keys"), std::string::npos);
}

TEST(SeedTest, RefusesWhatIsNotText) {
    Seed seed = sample();
    seed.hostname = "\xff\xfe";
    const auto host = make_seed_builder()->build(seed);
    ASSERT_FALSE(host);
    EXPECT_EQ(host.error().code, Code::invalid_parameter_value);
    seed = sample();
    seed.public_keys = {"ssh-rsa A\nssh-rsa B"};
    const auto key = make_seed_builder()->build(seed);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, Code::invalid_parameter_value);
}

TEST(IsoTest, RefusesMoreFilesThanItsFolderHolds) {
    std::vector<IsoFile> files;
    for (int i = 0; i < 40; ++i) {
        files.push_back({"file" + std::to_string(i), "x"});
    }
    EXPECT_FALSE(iso9660_image("cidata", files));
    EXPECT_FALSE(iso9660_image("cidata", {{"", "x"}}));
    EXPECT_FALSE(iso9660_image("cidata", {{std::string(65, 'a'), "x"}}));
}

}  // namespace
}  // namespace amivirt
