// What is missing for an appliance, and the command that mends it.
#include <gmock/gmock.h>
#include <unistd.h>

#include "adapters/guestfs/appliance.hpp"
#include "adapters/guestfs/inspector.hpp"
#include "manifest_scratch.hpp"

namespace amivirt::guestfs {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ApplianceTest : public test::Scratch {
protected:
    ApplianceTest() {
        for (const char* folder : {"guestfs/supermin.d", "boot", "modules/6.1.9-amd64", "modules/6.1.10-amd64"}) {
            std::filesystem::create_directories(path(folder));
        }
        write("boot/vmlinuz-6.1.9-amd64", "k");
        write("boot/vmlinuz-6.1.10-amd64", "k");
        write("boot/vmlinuz-9.9-without-modules", "k");
        host_.library_path = {path("none"), path("guestfs")};
        host_.hypervisor = write_program("qemu");
        host_.supermin = write_program("supermin");
        host_.boot = path("boot");
        host_.modules = path("modules");
    }
    ApplianceHost host_;
};

TEST_F(ApplianceTest, TakesTheNewestKernelWithModules) {
    const auto state = examine_appliance(host_);
    EXPECT_TRUE(state.usable);
    EXPECT_EQ(state.detail, "built from kernel 6.1.10-amd64");
    EXPECT_EQ(state.remedy, "");
}

TEST_F(ApplianceTest, NamesWhatIsMissing) {
    ApplianceHost host = host_;
    host.supermin = path("none");
    EXPECT_FALSE(examine_appliance(host).usable);
    EXPECT_THAT(examine_appliance(host).detail, HasSubstr(path("none")));
    EXPECT_THAT(examine_appliance(host).remedy, StartsWith("apt-get install "));

    host = host_;
    host.hypervisor = path("none");
    EXPECT_FALSE(examine_appliance(host).usable);
    EXPECT_THAT(examine_appliance(host).remedy, HasSubstr("qemu-system"));

    host = host_;
    host.library_path = {path("none")};
    EXPECT_FALSE(examine_appliance(host).usable);
    EXPECT_THAT(examine_appliance(host).detail, HasSubstr("no appliance recipe"));

    host = host_;
    host.modules = path("none");
    EXPECT_FALSE(examine_appliance(host).usable);
    EXPECT_THAT(examine_appliance(host).detail, HasSubstr("no kernel in"));
    EXPECT_THAT(examine_appliance(host).remedy, HasSubstr("linux-image"));

    host = host_;
    host.boot = path("none");
    EXPECT_FALSE(examine_appliance(host).usable);
}

TEST_F(ApplianceTest, SaysWhichKernelCannotBeRead) {
    if (::geteuid() == 0) {
        GTEST_SKIP() << "root reads any file";
    }
    std::filesystem::permissions(path("boot/vmlinuz-6.1.10-amd64"), std::filesystem::perms::none);
    const auto state = examine_appliance(host_);
    EXPECT_FALSE(state.usable);
    EXPECT_EQ(state.remedy, "sudo chmod a+r " + path("boot/vmlinuz-6.1.10-amd64"));
}

TEST_F(ApplianceTest, ObeysSuperminKernel) {
    ApplianceHost host = host_;
    host.kernel = path("boot/vmlinuz-6.1.9-amd64");
    EXPECT_TRUE(examine_appliance(host).usable);
    EXPECT_THAT(examine_appliance(host).detail, HasSubstr("SUPERMIN_KERNEL"));
    host.kernel = path("none");
    EXPECT_EQ(examine_appliance(host).detail, "built from kernel 6.1.10-amd64") << "supermin looks on";
}

TEST_F(ApplianceTest, FindsAKernelBesideItsModules) {
    std::filesystem::remove_all(path("boot"));
    write("modules/6.1.9-amd64/vmlinuz", "k");
    EXPECT_EQ(examine_appliance(host_).detail, "built from kernel 6.1.9-amd64");
}

TEST_F(ApplianceTest, AFixedApplianceNeedsNoSupermin) {
    ApplianceHost host = host_;
    host.supermin = path("none");
    for (const char* name : {"guestfs/README.fixed", "guestfs/kernel", "guestfs/initrd", "guestfs/root"}) {
        write(name, "x");
    }
    EXPECT_TRUE(examine_appliance(host).usable);
    EXPECT_THAT(examine_appliance(host).detail, HasSubstr("fixed appliance"));
}

TEST(GuestfsHealth, IsNeverAFault) {
    ::setenv("LIBGUESTFS_PATH", "/nonexistent", 1);
    const auto without = make_guestfs_health()->check();
    ::unsetenv("LIBGUESTFS_PATH");
    ASSERT_EQ(without.size(), 1U);
    EXPECT_EQ(without.front().health, Health::warning);
    EXPECT_THAT(without.front().detail, HasSubstr("/nonexistent"));
    EXPECT_NE(without.front().remedy, "");

    const auto here = make_guestfs_health()->check();
    ASSERT_EQ(here.size(), 1U);
    EXPECT_EQ(here.front().subject, "libguestfs");
    EXPECT_NE(here.front().health, Health::fault);
    EXPECT_EQ(here.front().health == Health::ok, here.front().remedy.empty());
}

}  // namespace
}  // namespace amivirt::guestfs
