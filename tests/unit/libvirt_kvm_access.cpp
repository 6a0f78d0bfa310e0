#include "adapters/libvirt/kvm_access.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace amivirt::libvirt {
namespace {

using testing::HasSubstr;

KvmAccess trap() { return {.opens_for_us = true, .opens_for_qemu = false, .user = "libvirt-qemu", .in_group_kvm = true}; }

TEST(KvmAccess, ADeviceForRootAloneIsWarnedOf) {
    const auto finding = judge_kvm_access(trap());
    ASSERT_TRUE(finding);
    EXPECT_EQ(finding->health, Health::warning) << "a launch works, only slowly";
    EXPECT_THAT(finding->detail, HasSubstr("not for QEMU's user libvirt-qemu"));
    EXPECT_EQ(finding->remedy, "chgrp kvm /dev/kvm && chmod g+rw /dev/kvm");
}

TEST(KvmAccess, AUserOutsideTheGroupJoinsIt) {
    KvmAccess access = trap();
    access.in_group_kvm = false;
    EXPECT_EQ(judge_kvm_access(access)->remedy, "adduser libvirt-qemu kvm && chgrp kvm /dev/kvm && chmod g+rw /dev/kvm");
}

TEST(KvmAccess, ADeviceForBothIsFine) {
    KvmAccess access = trap();
    access.opens_for_qemu = true;
    const auto finding = judge_kvm_access(access);
    ASSERT_TRUE(finding);
    EXPECT_EQ(finding->health, Health::ok);
    EXPECT_EQ(finding->remedy, "");
}

TEST(KvmAccess, NoTrapWhereNobodyOpensIt) {
    KvmAccess access = trap();
    access.opens_for_us = false;
    EXPECT_FALSE(judge_kvm_access(access));
}

TEST(KvmAccess, SeenWithTheEyesOfOthers) {
    struct stat status {};
    if (geteuid() != 0 || stat("/dev/kvm", &status) != 0 || access("/dev/kvm", R_OK | W_OK) != 0) {
        GTEST_SKIP() << "needs root and /dev/kvm";
    }
    EXPECT_TRUE(collect_kvm_access({.user = 0, .group = 0}).opens_for_qemu);
    EXPECT_EQ(collect_kvm_access({.user = 0, .group = 0}).user, "root");
    const KvmAccess nobody = collect_kvm_access({.user = 4000001, .group = 4000001});
    EXPECT_TRUE(nobody.opens_for_us);
    EXPECT_EQ(nobody.opens_for_qemu, (status.st_mode & (S_IROTH | S_IWOTH)) == (S_IROTH | S_IWOTH));
    EXPECT_EQ(nobody.user, "uid 4000001");
    EXPECT_FALSE(nobody.in_group_kvm);
    EXPECT_EQ(geteuid(), 0U) << "it was a child that became another";
}

}  // namespace
}  // namespace amivirt::libvirt
