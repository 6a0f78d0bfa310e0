// Values of options.
#include "faces/cli/values.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace amivirt::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CliValues, CountIsAWholeNumberWithinItsBounds) {
    EXPECT_EQ(*parse_count("1", 1, 100), 1U);
    EXPECT_EQ(*parse_count("100", 1, 100), 100U);
    for (const char* bad : {"", "0", "-3", "101", "abc", "1e9", "1.5", " 5", "5 ", "+5", "99999999999999999999", "0x10"}) {
        const auto result = parse_count(bad, 1, 100);
        ASSERT_FALSE(result) << bad;
        EXPECT_EQ(facts(result.error().code).exit_status, 2) << bad;
        EXPECT_EQ(result.error().message, std::string("\"") + bad + "\" is not a whole number from 1 to 100");
    }
}

TEST(CliValues, PortForward) {
    EXPECT_EQ(*parse_port_forward("8080:80"), (PortForward{"127.0.0.1", 8080, 80, "tcp"}));
    EXPECT_EQ(*parse_port_forward("0:53/udp"), (PortForward{"127.0.0.1", 0, 53, "udp"}));
    EXPECT_EQ(*parse_port_forward("65535:65535/tcp"), (PortForward{"127.0.0.1", 65535, 65535, "tcp"}));
    EXPECT_EQ(*parse_port_forward("0.0.0.0:8080:80"), (PortForward{"0.0.0.0", 8080, 80, "tcp"}));
    EXPECT_EQ(*parse_port_forward("192.168.1.255:0:53/udp"), (PortForward{"192.168.1.255", 0, 53, "udp"}));
}

TEST(CliValues, IllFormedPortForward) {
    for (const char* bad : {"",
                            "80",
                            ":",
                            "8080:",
                            ":80",
                            "8080:0",
                            "65536:80",
                            "8080:65536",
                            "-1:80",
                            "8080:80/sctp",
                            "8080:80/",
                            "a:b",
                            "1:2:3",
                            "localhost:8080:80",
                            "127.0.0.01:8080:80",
                            "127.0.1:8080:80",
                            "1.2.3.4.5:8080:80",
                            "1.2.3.256:1:2",
                            ":8080:80",
                            "::1:8080:80",
                            "8080:80/udp/tcp"}) {
        const auto result = parse_port_forward(bad);
        ASSERT_FALSE(result) << bad;
        EXPECT_EQ(result.error().code, Code::invalid_parameter_value);
        EXPECT_THAT(result.error().message, HasSubstr(std::string("\"") + bad + "\" is not [ADDR:]HOST:GUEST")) << bad;
        EXPECT_FALSE(result.error().hint.empty());
    }
}

TEST(CliValues, Wait) {
    EXPECT_EQ(parse_wait("running")->what, WaitFor::running);
    EXPECT_EQ(parse_wait("ssh")->what, WaitFor::ssh);
    EXPECT_EQ(parse_wait("ssh")->timeout, std::chrono::minutes(10));
    EXPECT_EQ(parse_wait("ssh=90s")->timeout, std::chrono::seconds(90));
    EXPECT_EQ(parse_wait("cloud-init=5m")->what, WaitFor::cloud_init);
    EXPECT_EQ(parse_wait("shs").error().hint, "did you mean \"ssh\"?");
    for (const char* bad : {"", "cloud", "ssh=", "cloud-init=soon", "ssh=soon", "=5m"}) {
        EXPECT_EQ(parse_wait(bad).error().code, Code::invalid_parameter_value) << bad;
    }
}

TEST(CliValues, WholeGib) {
    EXPECT_EQ(*parse_gib("20"), GiB{20});
    EXPECT_EQ(*parse_gib("20GiB"), GiB{20});
    EXPECT_EQ(*parse_gib("1.5 TiB"), GiB{1536});
    EXPECT_EQ(*parse_gib("2048MiB"), GiB{2});
    for (const char* bad : {"", "0", "0GiB", "-3", "1.5", "1.5GiB", "512MiB", "many", "99999999999999999999", "5000000000", " 5"}) {
        const auto result = parse_gib(bad);
        ASSERT_FALSE(result) << bad;
        EXPECT_EQ(result.error().code, Code::invalid_parameter_value);
        EXPECT_EQ(result.error().message, std::string("\"") + bad + "\" is not a whole number of GiB");
    }
}

TEST(CliValues, RatesQuiesceAndSwitches) {
    EXPECT_EQ(*parse_rate("4000"), 4000U);
    EXPECT_FALSE(parse_rate("0"));
    EXPECT_FALSE(parse_rate("4294967296"));
    EXPECT_EQ(*parse_quiesce("auto"), Quiesce::automatic);
    EXPECT_EQ(*parse_quiesce("yes"), Quiesce::yes);
    EXPECT_EQ(*parse_quiesce("no"), Quiesce::no);
    EXPECT_FALSE(parse_quiesce(""));
    EXPECT_EQ(parse_device_switch("/dev/sdf=yes")->device, "/dev/sdf");
    EXPECT_TRUE(parse_device_switch("sdf=true")->on);
    EXPECT_FALSE(parse_device_switch("/dev/sdf=no")->on);
    for (const char* bad : {"", "/dev/sdf", "=yes", "/dev/sdf=", "/dev/sdf=maybe"}) {
        EXPECT_EQ(parse_device_switch(bad).error().code, Code::invalid_parameter_value) << bad;
    }
}

TEST(CliValues, NameIsATag) {
    EXPECT_EQ(*tags_of({{"a", "b"}}, "web"), (Tags{{"Name", "web"}, {"a", "b"}}));
    EXPECT_EQ(*tags_of({{"Name", "x"}}), (Tags{{"Name", "x"}}));
    EXPECT_EQ(tags_of({{"Name", "x"}}, "web").error().code, Code::usage);
    EXPECT_FALSE(tags_of({}, std::string(256, 'n')));
    EXPECT_FALSE(tags_of({{"aws:x", "1"}}));
}

TEST(CliValues, Sha256) {
    const std::string upper(64, 'A');
    EXPECT_EQ(*parse_sha256(upper), std::string(64, 'a'));
    EXPECT_EQ(*parse_sha256("sha256:" + upper), std::string(64, 'a'));
    for (const std::string& bad : {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'g')}) {
        EXPECT_EQ(parse_sha256(bad).error().code, Code::invalid_parameter_value) << bad;
    }
}

TEST(CliValues, RegionCannotLeaveItsFolder) {
    EXPECT_EQ(*parse_region("eu-central-1"), "eu-central-1");
    for (const char* bad : {"", "..", "../x", "a/b", "Local", "-a", "a b"}) {
        EXPECT_EQ(parse_region(bad).error().code, Code::invalid_parameter_value) << bad;
    }
}

TEST(CliValues, TagTwice) {
    EXPECT_EQ(tags_of({{"a", "1"}, {"b", ""}})->size(), 2U);
    EXPECT_EQ(tags_of({{"a", "1"}, {"a", "2"}}).error().message, "The tag \"a\" is given twice");
}

TEST(CliValues, InstanceNames) {
    EXPECT_THAT(instance_names("web", 1), ElementsAre("web"));
    EXPECT_THAT(instance_names("web", 3), ElementsAre("web-1", "web-2", "web-3"));
}

class CliUserData : public ::testing::Test {
protected:
    std::string write(const std::string& content) {
        std::ofstream(path_, std::ios::binary) << content;
        return path_;
    }
    ~CliUserData() override { std::filesystem::remove(path_); }
    std::string path_ = ::testing::TempDir() + "/amivirt-user-data-" + std::to_string(::getpid());
    static Result<std::string> read(const std::string& path, std::istream& in) { return read_small_file(path, in, k_user_data); }
    std::istringstream nothing_;
};

TEST_F(CliUserData, FileAndStandardInput) {
    const std::string bytes("#!/bin/sh\n\0\xff\n", 13);
    EXPECT_EQ(*read(write(bytes), nothing_), bytes);
    std::istringstream in(bytes);
    EXPECT_EQ(*read("-", in), bytes);
    EXPECT_EQ(*read(write(""), nothing_), "");
}

TEST_F(CliUserData, SixteenKibibytesAtMost) {
    EXPECT_EQ(read(write(std::string(16384, 'x')), nothing_)->size(), 16384U);
    const auto result = read(write(std::string(16385, 'x')), nothing_);
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, HasSubstr("larger than 16 KiB"));
    EXPECT_THAT(result.error().hint, HasSubstr("--user-data-large"));
    EXPECT_EQ(read_small_file(write(std::string(1U << 20U, 'x')), nothing_, k_large_user_data)->size(), 1U << 20U);
    EXPECT_FALSE(read_small_file(write(std::string((1U << 20U) + 1, 'x')), nothing_, k_large_user_data));
    EXPECT_FALSE(read("/dev/zero", nothing_));  // and ends
}

TEST_F(CliUserData, MissingAndDirectory) {
    EXPECT_THAT(read("/nowhere/at-all", nothing_).error().message, HasSubstr("\"/nowhere/at-all\": No such file"));
    EXPECT_THAT(read("/tmp", nothing_).error().message, HasSubstr("\"/tmp\" is a directory"));
}

}  // namespace
}  // namespace amivirt::cli
