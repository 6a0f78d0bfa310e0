#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "adapters/host/accelerator.hpp"
#include "adapters/host/host.hpp"

namespace amivirt::host {
namespace {

using Device = KvmFacts::Device;
using Probe = KvmFacts::Probe;
using testing::HasSubstr;

KvmFacts working() {
    KvmFacts facts;
    facts.device = Device::opened;
    facts.modules = {"kvm_intel"};
    facts.probe = Probe::passed;
    return facts;
}

AcceleratorChoice automatic(const KvmFacts& facts) {
    const auto judged = judge(AcceleratorRequest::automatic, facts);
    EXPECT_TRUE(judged);
    return judged->choice;
}

TEST(Accelerator, AutomaticTakesKvmThatWorks) {
    EXPECT_EQ(automatic(working()).accelerator, Accelerator::kvm);
    EXPECT_FALSE(automatic(working()).fell_back);
    KvmFacts amd = working();
    amd.modules = {"kvm_amd"};
    EXPECT_EQ(automatic(amd).accelerator, Accelerator::kvm);
}

TEST(Accelerator, WithoutDeviceIsNoFallBack) {
    const AcceleratorChoice choice = automatic({});
    EXPECT_EQ(choice.accelerator, Accelerator::tcg);
    EXPECT_FALSE(choice.fell_back);
    EXPECT_THAT(choice.reason, HasSubstr("no /dev/kvm"));
}

TEST(Accelerator, DeniedTellsTheGroup) {
    KvmFacts facts = working();
    facts.device = Device::denied;
    facts.device_error = "Permission denied";
    const auto judged = judge(AcceleratorRequest::automatic, facts);
    ASSERT_TRUE(judged);
    EXPECT_EQ(judged->choice.accelerator, Accelerator::tcg);
    EXPECT_TRUE(judged->choice.fell_back);
    EXPECT_THAT(judged->choice.reason, HasSubstr("Permission denied"));
    EXPECT_THAT(judged->remedy, HasSubstr("adduser \"$USER\" kvm"));
    facts.modules = {"kvm_pvm"};
    const auto useless = judge(AcceleratorRequest::automatic, facts);
    ASSERT_TRUE(useless);
    EXPECT_THAT(useless->choice.reason, HasSubstr("kvm_pvm"));
    EXPECT_EQ(useless->remedy, "") << "the group would not help";
}

TEST(Accelerator, BrokenDevice) {
    KvmFacts facts = working();
    facts.device = Device::broken;
    facts.device_error = "No such device";
    EXPECT_EQ(automatic(facts).accelerator, Accelerator::tcg);
    EXPECT_THAT(automatic(facts).reason, HasSubstr("No such device"));
}

TEST(Accelerator, AStrangeModuleIsNamed) {
    KvmFacts facts = working();
    facts.modules = {"kvm_pvm"};
    const AcceleratorChoice choice = automatic(facts);
    EXPECT_EQ(choice.accelerator, Accelerator::tcg) << "even if one instruction runs";
    EXPECT_TRUE(choice.fell_back);
    EXPECT_THAT(choice.reason, HasSubstr("kvm_pvm"));
    facts.modules.clear();
    EXPECT_EQ(automatic(facts).accelerator, Accelerator::tcg);
    EXPECT_THAT(automatic(facts).reason, HasSubstr("neither kvm_intel nor kvm_amd"));
}

TEST(Accelerator, ArmNeedsNoX86Module) {
    KvmFacts facts = working();
    facts.architecture = Architecture::arm64;
    facts.modules.clear();
    EXPECT_EQ(automatic(facts).accelerator, Accelerator::kvm);
}

TEST(Accelerator, TheProbeMustPass) {
    KvmFacts facts = working();
    facts.probe = Probe::failed;
    facts.probe_error = "making a processor";
    EXPECT_EQ(automatic(facts).accelerator, Accelerator::tcg);
    EXPECT_THAT(automatic(facts).reason, HasSubstr("making a processor"));
    facts.probe = Probe::timed_out;
    EXPECT_EQ(automatic(facts).accelerator, Accelerator::tcg);
    EXPECT_THAT(automatic(facts).reason, HasSubstr("hung"));
    facts.probe = Probe::not_run;
    EXPECT_EQ(automatic(facts).accelerator, Accelerator::tcg);
}

TEST(Accelerator, AskedForByName) {
    const auto tcg = judge(AcceleratorRequest::tcg, working());
    ASSERT_TRUE(tcg);
    EXPECT_EQ(tcg->choice.accelerator, Accelerator::tcg);
    EXPECT_FALSE(tcg->choice.fell_back);

    KvmFacts strange = working();
    strange.modules = {"kvm_pvm"};
    const auto kvm = judge(AcceleratorRequest::kvm, strange);
    ASSERT_TRUE(kvm) << "who asks for it by name gets it";
    EXPECT_EQ(kvm->choice.accelerator, Accelerator::kvm);
    EXPECT_THAT(kvm->choice.reason, HasSubstr("kvm_pvm"));

    const auto none = judge(AcceleratorRequest::kvm, {});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Code::unsupported_operation);
    EXPECT_THAT(none.error().message, HasSubstr("/dev/kvm"));

    KvmFacts denied = working();
    denied.device = Device::denied;
    denied.device_error = "Permission denied";
    const auto refused = judge(AcceleratorRequest::kvm, denied);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("Permission denied"));
    EXPECT_THAT(refused.error().hint, HasSubstr("kvm"));
}

class CollectKvmFacts : public testing::Test {
protected:
    CollectKvmFacts() {
        std::filesystem::create_directories(root_ + "/dev");
        std::filesystem::create_directories(root_ + "/sys/module/kvm");
        std::filesystem::create_directories(root_ + "/sys/module/virtio");
    }
    ~CollectKvmFacts() override { std::filesystem::remove_all(root_); }
    void module(const std::string& name) { std::filesystem::create_directories(root_ + "/sys/module/" + name); }
    void device() { std::ofstream(root_ + "/dev/kvm") << "no device at all"; }

    std::string root_ = testing::TempDir() + "amivirt-kvm-" + std::to_string(getpid());
};

TEST_F(CollectKvmFacts, NothingThere) {
    const KvmFacts facts = collect_kvm_facts(root_);
    EXPECT_EQ(facts.device, Device::absent);
    EXPECT_THAT(facts.modules, testing::IsEmpty());
    EXPECT_EQ(facts.architecture, host_architecture());
    EXPECT_EQ(collect_kvm_facts(root_ + "/nowhere").device, Device::absent);
}

TEST_F(CollectKvmFacts, ModulesInOrder) {
    module("kvm_intel");
    module("kvm_amd");
    EXPECT_THAT(collect_kvm_facts(root_).modules, testing::ElementsAre("kvm_amd", "kvm_intel"));
}

TEST_F(CollectKvmFacts, ADeviceThatCannotBeOpenedIsNotAbsent) {
    std::filesystem::create_directories(root_ + "/dev/kvm");
    EXPECT_EQ(collect_kvm_facts(root_).device, Device::broken);
}

TEST_F(CollectKvmFacts, ADeviceWithoutPermission) {
    if (geteuid() == 0) {
        GTEST_SKIP() << "root may open everything";
    }
    device();
    std::filesystem::permissions(root_ + "/dev/kvm", std::filesystem::perms::none);
    EXPECT_EQ(collect_kvm_facts(root_).device, Device::denied);
}

TEST_F(CollectKvmFacts, UnderAStrangeModuleNothingIsProbed) {
    if (host_architecture() == Architecture::arm64) {
        GTEST_SKIP() << "the rule is for x86";
    }
    device();
    module("kvm_pvm");
    const KvmFacts facts = collect_kvm_facts(root_);
    EXPECT_EQ(facts.device, Device::opened);
    EXPECT_EQ(facts.probe, Probe::not_run);
}

TEST_F(CollectKvmFacts, WhatIsNoKvmFailsTheProbe) {
    device();
    module("kvm_intel");
    const KvmFacts facts = collect_kvm_facts(root_);
    EXPECT_EQ(facts.probe, Probe::failed);
    EXPECT_THAT(facts.probe_error, HasSubstr("API version"));
    EXPECT_EQ(automatic(facts).accelerator, Accelerator::tcg);
}

TEST(Accelerator, ThisHostAnswersQuicklyAndGivesAReason) {
    const auto begun = std::chrono::steady_clock::now();
    const auto choice = make_host()->accelerator(AcceleratorRequest::automatic);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
    ASSERT_TRUE(choice);
    EXPECT_NE(choice->reason, "");
    if (std::filesystem::exists("/sys/module/kvm_pvm")) {
        EXPECT_EQ(choice->accelerator, Accelerator::tcg);
        EXPECT_THAT(choice->reason, HasSubstr("kvm_pvm"));
    }
}

}  // namespace
}  // namespace amivirt::host
