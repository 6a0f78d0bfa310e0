#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "adapters/host/health.hpp"
#include "adapters/host/host.hpp"
#include "adapters/host/memory.hpp"

namespace amivirt::host {
namespace {

class MemoryAvailable : public testing::Test {
protected:
    ~MemoryAvailable() override { std::filesystem::remove_all(root_); }
    void put(const std::string& path, const std::string& text) {
        const std::filesystem::path file = root_ + path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    void kernel_has(const std::string& kib) {
        put("/proc/meminfo", "MemTotal: 99999999 kB\nMemFree: 5 kB\nMemAvailable:   " + kib + " kB\n");
    }
    Bytes available() {
        const auto found = memory_available(root_);
        EXPECT_TRUE(found) << found.error().message;
        return found.value_or(Bytes{});
    }
    std::string root_ = testing::TempDir() + "amivirt-memory-" + std::to_string(getpid());
};

TEST_F(MemoryAvailable, WhatTheKernelSays) {
    kernel_has("2048");
    EXPECT_EQ(available(), MiB{2}.bytes());
}

TEST_F(MemoryAvailable, AContainersLimit) {
    kernel_has("1048576");
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "104857600\n");
    put("/sys/fs/cgroup/memory.current", "41943040\n");
    EXPECT_EQ(available(), MiB{60}.bytes());
    put("/sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 20971520\nactive_file 7\n");
    EXPECT_EQ(available(), MiB{80}.bytes()) << "cached files go when memory is wanted";
    put("/sys/fs/cgroup/memory.current", "209715200\n");
    EXPECT_EQ(available(), Bytes{0}) << "over its limit";
}

TEST_F(MemoryAvailable, ALimitHigherUp) {
    kernel_has("1048576");
    put("/proc/self/cgroup", "1:name=old:/x\n0::/user.slice/session\n");
    put("/sys/fs/cgroup/user.slice/memory.max", "10485760\n");
    put("/sys/fs/cgroup/user.slice/memory.current", "0\n");
    put("/sys/fs/cgroup/user.slice/session/memory.max", "max\n");
    put("/sys/fs/cgroup/user.slice/session/memory.current", "0\n");
    EXPECT_EQ(available(), MiB{10}.bytes());
}

TEST_F(MemoryAvailable, CannotBeTold) {
    const auto none = memory_available(root_);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Code::io_error);
    put("/proc/meminfo", "MemAvailable: none\n");
    EXPECT_FALSE(memory_available(root_));
}

TEST(HostHealth, Thresholds) {
    EXPECT_EQ(judge_memory(MiB{127}.bytes()).health, Health::fault);
    EXPECT_EQ(judge_memory(MiB{128}.bytes()).health, Health::warning);
    EXPECT_EQ(judge_memory(GiB{1}.bytes()).health, Health::ok);
    EXPECT_EQ(judge_space("/s", MiB{63}.bytes()).health, Health::fault);
    EXPECT_NE(judge_space("/s", MiB{63}.bytes()).remedy, "");
    EXPECT_EQ(judge_space("/s", MiB{64}.bytes()).health, Health::warning);
    EXPECT_EQ(judge_space("/s", GiB{2}.bytes()).health, Health::ok);
    EXPECT_EQ(judge_space("/s", GiB{2}.bytes()).detail, "2.0 GiB at \"/s\"");
}

TEST(HostHealth, FindsEverySubjectOnThisHost) {
    const auto findings = make_host_health({testing::TempDir() + "not/there/yet", AcceleratorRequest::tcg})->check();
    std::vector<std::string> subjects;
    for (const Finding& finding : findings) {
        subjects.push_back(finding.subject);
        EXPECT_NE(finding.detail, "") << finding.subject;
    }
    EXPECT_THAT(subjects, testing::ElementsAre("processors", "accelerator", "memory", "free space"));
    EXPECT_EQ(findings.at(1).health, Health::ok) << "TCG was asked for";
    EXPECT_THAT(findings.at(3).detail, testing::HasSubstr("not/there/yet"));
}

}  // namespace
}  // namespace amivirt::host
