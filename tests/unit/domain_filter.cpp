#include "amivirt/domain/filter.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "domain_samples.hpp"

namespace amivirt {
namespace {

using samples::id;

TEST(ParseFilter, TakesBothForms) {
    using Values = std::vector<std::string>;
    const std::vector<std::tuple<std::string, std::string, Values>> forms{
        {"Name=state,Values=available,pending", "state", {"available", "pending"}},
        {"state=available,pending", "state", {"available", "pending"}},
        {"name=debian*", "name", {"debian*"}},
        {"Name=tag:Owner,Values=a=b", "tag:Owner", {"a=b"}},
        {"tag:Owner=a=b", "tag:Owner", {"a=b"}},
        {"Name=tag:a=b,Values=c", "tag:a=b", {"c"}},
        {R"(name=a\,b,c)", "name", {"a,b", "c"}},
        {R"(name=a\*b\\,c)", "name", {R"(a\*b\\)", "c"}},
        {R"(name=a\)", "name", {R"(a\)"}},
        {"tag:Owner=", "tag:Owner", {""}},
        {"Name=tag:Owner,Values=", "tag:Owner", {""}},
        {"state=a,,b", "state", {"a", "", "b"}},
    };
    for (const auto& [text, name, values] : forms) {
        const auto parsed = parse_filter(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(*parsed, (Filter{name, values})) << text;
    }
}

TEST(ParseFilter, RefusesIllForms) {
    for (const std::string bad : {"", "state", "=available", "Name=state", "Name=,Values=x", "Name=state,values=x"}) {
        const auto parsed = parse_filter(bad);
        ASSERT_FALSE(parsed) << bad;
        EXPECT_EQ(parsed.error().code, Code::invalid_parameter_value);
        EXPECT_NE(parsed.error().message.find("\"" + bad + "\""), std::string::npos);
    }
}

TEST(WildcardMatch, FollowsEc2) {
    const std::vector<std::tuple<std::string, std::string, bool>> cases{
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"*", "", true},
        {"*", "anything", true},
        {"?", "", false},
        {"?", "a", true},
        {"?", "ab", false},
        {"debian-*", "debian-12", true},
        {"debian-*", "Debian-12", false},
        {"debian-??", "debian-12", true},
        {"debian-??", "debian-1", false},
        {"*-12", "debian-12", true},
        {"*-12", "debian-12-12", true},
        {"*-12", "debian-13", false},
        {"*bi*n*", "debian-12", true},
        {"a*b*c", "a-b-b-c", true},
        {"a*b*c", "a-b-b-d", false},
        {"**a**", "xax", true},
        {"a*", "a", true},
        {"*?", "", false},
        {"*?", "x", true},
        {"*??", "x", false},
        {R"(\*)", "*", true},
        {R"(\*)", "x", false},
        {R"(\?)", "?", true},
        {R"(\?)", "x", false},
        {R"(\\)", R"(\)", true},
        {R"(a\)", R"(a\)", true},
        {R"(*\*)", "ab*", true},
        {R"(*\*)", "ab", false},
        {"?", "\xC3\xA4", true},
        {"??", "\xC3\xA4", false},
        {"*??", "\xC3\xA4", false},
        {"*?", "\xE2\x82\xAC", true},
        {"*??", "\xE2\x82\xAC", false},
        {"caf?", "caf\xC3\xA9", true},
        {"\xC3\xA4*", "\xC3\xA4\xC3\xB6", true},
        {"?", "\xFF", true},
        {"[ab]", "a", false},
        {"[ab]", "[ab]", true},
    };
    for (const auto& [pattern, text, want] : cases) {
        EXPECT_EQ(wildcard_match(pattern, text), want) << pattern << " on " << text;
    }
}

/// The meaning, spelt out; exponential, so for short words only.
bool slow_match(std::string_view pattern, std::string_view text) {
    if (pattern.empty()) {
        return text.empty();
    }
    if (pattern.front() == '*') {
        return slow_match(pattern.substr(1), text) || (!text.empty() && slow_match(pattern, text.substr(1)));
    }
    if (text.empty()) {
        return false;
    }
    if (pattern.front() == '\\' && pattern.size() > 1) {
        return pattern[1] == text.front() && slow_match(pattern.substr(2), text.substr(1));
    }
    return (pattern.front() == '?' || pattern.front() == text.front()) && slow_match(pattern.substr(1), text.substr(1));
}

TEST(WildcardMatch, AgreesWithItsMeaningOnRandomWords) {
    std::mt19937 random(20261123);
    const auto word = [&random](std::string_view letters, std::size_t most) {
        std::string result;
        for (std::size_t length = random() % (most + 1); length > 0; --length) {
            result += letters[random() % letters.size()];
        }
        return result;
    };
    int matched = 0;
    for (int i = 0; i < 20000; ++i) {
        const std::string pattern = word(R"(ab*?\)", 7);
        const std::string text = word(R"(ab*)", 8);
        const bool want = slow_match(pattern, text);
        matched += want ? 1 : 0;
        ASSERT_EQ(wildcard_match(pattern, text), want) << pattern << " on " << text;
    }
    EXPECT_GT(matched, 1000);  // both answers were tried
}

TEST(WildcardMatch, IsNeverExponential) {
    std::string pattern;
    for (int i = 0; i < 60; ++i) {
        pattern += "a*";
    }
    const auto before = std::chrono::steady_clock::now();
    EXPECT_FALSE(wildcard_match(pattern + "b", std::string(20000, 'a')));
    EXPECT_TRUE(wildcard_match(pattern, std::string(20000, 'a')));
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
}

TEST(Nearest, FindsASlipAndNothingFarther) {
    const std::vector<std::string> words{"architecture", "image-id", "name", "owner-id", "state", "tag-key"};
    EXPECT_EQ(nearest("stat", words), "state");
    EXPECT_EQ(nearest("satte", words), "state");
    EXPECT_EQ(nearest("State", words), "state");
    EXPECT_EQ(nearest("state", words), "state");
    EXPECT_EQ(nearest("architectrue", words), "architecture");
    EXPECT_EQ(nearest("image_id", words), "image-id");
    EXPECT_EQ(nearest("nmae", words), "name");
    EXPECT_EQ(nearest("debain-12", {"debian-11", "debian-12"}), "debian-12");
    EXPECT_EQ(nearest("", words), "");
    EXPECT_EQ(nearest("x", words), "");
    EXPECT_EQ(nearest("hypervisor", words), "");
    EXPECT_EQ(nearest("state", {}), "");
    EXPECT_EQ(nearest(std::string(100000, 'a'), {std::string(100000, 'a')}), "");
}

class ImageFilterTest : public ::testing::Test {
protected:
    ImageFilterTest() {
        image_.id = id<ImageId>(1);
        image_.owner = samples::account(7);
        image_.name = "debian-12";
        image_.description = "a bare system";
        image_.state = ImageState::available;
        image_.architecture = Architecture::x86_64;
        image_.platform = "linux";
        image_.created = *parse_iso8601("2026-11-22T05:30:00.000Z");
        image_.tags = {{"Owner", "TeamA"}, {"Empty", ""}};
        EbsDevice root;
        root.snapshot = id<SnapshotId>(1);
        root.size = GiB{8};
        root.type = VolumeType::gp2;
        EbsDevice data;
        data.size = GiB{20};
        data.encrypted = true;
        image_.mapping = {{"sda1", root}, {"/dev/sdb", data}, {"/dev/sdc", EphemeralDevice{0}}};
        image_.root_device_name = "/dev/sda1";
        image_.source_image = id<ImageId>(5);
        image_.source_region = "eu";
        image_.source_instance = id<InstanceId>(6);
    }
    [[nodiscard]] bool has(const std::string& name, const std::string& value) const {
        const std::vector<Filter> filters{{name, {value}}};
        EXPECT_TRUE(check_image_filters(filters)) << name;
        return matches(image_, filters);
    }
    Image image_;
};

TEST_F(ImageFilterTest, EveryFilterAnswers) {
    const std::vector<std::tuple<std::string, std::string, std::string>> cases{
        {"architecture", "x86_64", "arm64"},
        {"block-device-mapping.delete-on-termination", "true", "maybe"},
        {"block-device-mapping.delete-on-termination", "false", "maybe"},
        {"block-device-mapping.device-name", "/dev/sdc", "/dev/sdd"},
        {"block-device-mapping.encrypted", "true", "maybe"},
        {"block-device-mapping.encrypted", "false", "maybe"},
        {"block-device-mapping.snapshot-id", "snap-00000000000000001", "snap-00000000000000002"},
        {"block-device-mapping.volume-size", "20", "2"},
        {"block-device-mapping.volume-type", "gp2", "io1"},
        {"block-device-mapping.volume-type", "gp3", "io1"},
        {"creation-date", "2026-11-22T*", "2025-*"},
        {"description", "*bare*", "*full*"},
        {"hypervisor", "xen", "ovm"},
        {"image-id", "ami-00000000000000001", "ami-00000000000000002"},
        {"image-type", "machine", "kernel"},
        {"is-public", "false", "true"},
        {"name", "debian-??", "Debian-12"},
        {"owner-id", "000000000007", "000000000008"},
        {"platform", "linux", "windows"},
        {"root-device-name", "/dev/sda1", "sda1"},
        {"source-image-id", "ami-00000000000000005", "ami-00000000000000001"},
        {"source-instance-id", "i-00000000000000006", "i-00000000000000005"},
        {"root-device-type", "ebs", "instance-store"},
        {"state", "available", "pending"},
        {"tag:Owner", "Team?", "teama"},
        {"tag:Empty", "", "x"},
        {"tag-key", "Owner", "owner"},
        {"virtualization-type", "hvm", "paravirtual"},
    };
    for (const auto& [name, right, wrong] : cases) {
        EXPECT_TRUE(has(name, right)) << name << ' ' << right;
        EXPECT_FALSE(has(name, wrong)) << name << ' ' << wrong;
    }
}

TEST_F(ImageFilterTest, WhatAnImageHasNotMatchesNothing) {
    image_.source_image.reset();
    image_.source_instance.reset();
    for (const std::string name : {"owner-alias", "source-image-id", "source-instance-id", "state-reason-code", "tag:Missing"}) {
        EXPECT_FALSE(has(name, "*")) << name;
        EXPECT_FALSE(has(name, "")) << name;
    }
    image_.platform.clear();
    EXPECT_FALSE(has("platform", "*"));
    image_.state_reason = "the disk is full";
    EXPECT_TRUE(has("state-reason-code", "Client.*"));
    EXPECT_FALSE(has("state-reason-code", "the disk*"));
    EXPECT_TRUE(has("state-reason-message", "the disk*"));
    image_.state = ImageState::failed;
    EXPECT_TRUE(has("state-reason-code", "Server.InternalError"));
    image_.permissions.everyone = true;
    EXPECT_TRUE(has("is-public", "true"));
}

TEST_F(ImageFilterTest, FiltersAreAndedAndValuesOred) {
    EXPECT_TRUE(matches(image_, {}));
    EXPECT_TRUE(matches(image_, {{"state", {"pending", "available"}}}));
    EXPECT_TRUE(matches(image_, {{"state", {"available"}}, {"name", {"x", "debian*"}}}));
    EXPECT_FALSE(matches(image_, {{"state", {"available"}}, {"name", {"x", "y"}}}));
    EXPECT_FALSE(matches(image_, {{"state", {}}}));
}

TEST_F(ImageFilterTest, AnUnknownNameIsRefusedWithTheNearestOne) {
    const auto checked = check_image_filters({{"name", {"x"}}, {"architectrue", {"x"}}});
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Code::invalid_parameter_value);
    EXPECT_EQ(checked.error().message, "The filter 'architectrue' is invalid");
    EXPECT_EQ(checked.error().hint, "Did you mean \"architecture\"?");
    EXPECT_FALSE(check_image_filters({{"tag:", {"x"}}}));
    EXPECT_FALSE(check_image_filters({{"", {"x"}}}));
    EXPECT_FALSE(check_image_filters({{"instance-id", {"x"}}}));
    EXPECT_FALSE(check_image_filters({{"Name", {"x"}}}));
}

class InstanceFilterTest : public ::testing::Test {
protected:
    InstanceFilterTest() {
        instance_.id = id<InstanceId>(1);
        instance_.reservation = id<ReservationId>(2);
        instance_.owner = samples::account(7);
        instance_.image = id<ImageId>(3);
        instance_.launch_index = 4;
        instance_.type = "t3.micro";
        instance_.state = InstanceState::running;
        instance_.launched = *parse_iso8601("2026-11-22T05:30:00.000Z");
        instance_.root_device_name = "/dev/sda1";
        instance_.tags = {{"Name", "web"}};
        volumes_.resize(2);
        volumes_[0].id = id<VolumeId>(5);
        volumes_[1].id = id<VolumeId>(6);
    }
    [[nodiscard]] bool has(const std::string& name, const std::string& value) const {
        const std::vector<Filter> filters{{name, {value}}};
        EXPECT_TRUE(check_instance_filters(filters)) << name;
        return matches(instance_, volumes_, filters);
    }
    Instance instance_;
    std::vector<Volume> volumes_;
};

TEST_F(InstanceFilterTest, EveryFilterAnswers) {
    instance_.client_token = "token-1";
    const std::vector<std::tuple<std::string, std::string, std::string>> cases{
        {"architecture", "x86_64", "arm64"},
        {"block-device-mapping.volume-id", "vol-00000000000000006", "vol-00000000000000007"},
        {"client-token", "token-1", "token-2"},
        {"image-id", "ami-00000000000000003", "ami-00000000000000001"},
        {"instance-id", "i-00000000000000001", "i-00000000000000002"},
        {"instance-state-code", "16", "80"},
        {"instance-state-name", "running", "stopped"},
        {"instance-type", "t3.*", "m5.*"},
        {"launch-index", "4", "0"},
        {"launch-time", "2026-11-22T*", "2025*"},
        {"owner-id", "000000000007", "000000000008"},
        {"reservation-id", "r-00000000000000002", "r-00000000000000001"},
        {"root-device-name", "/dev/sda1", "/dev/xvda"},
        {"tag:Name", "w*", "db"},
        {"tag-key", "Name", "name"},
    };
    for (const auto& [name, right, wrong] : cases) {
        EXPECT_TRUE(has(name, right)) << name << ' ' << right;
        EXPECT_FALSE(has(name, wrong)) << name << ' ' << wrong;
    }
}

TEST_F(InstanceFilterTest, CombinesAndRefuses) {
    EXPECT_TRUE(matches(instance_, volumes_, {}));
    EXPECT_FALSE(matches(instance_, volumes_, {{"instance-state-name", {"running"}}, {"tag:Name", {"db"}}}));
    EXPECT_FALSE(has("client-token", "*"));
    volumes_.clear();
    EXPECT_FALSE(has("block-device-mapping.volume-id", "*"));
    const auto checked = check_instance_filters({{"instance-state", {"running"}}});
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().message, "The filter 'instance-state' is invalid");
    EXPECT_EQ(check_instance_filters({{"instance-tpye", {"x"}}}).error().hint, "Did you mean \"instance-type\"?");
}

}  // namespace
}  // namespace amivirt
