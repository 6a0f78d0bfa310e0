// The real libguestfs on disks made here. An appliance costs 10-20 s under TCG, so each test asks much of one start.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "adapters/guestfs/inspector.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Every process whose command line has `text`.
std::vector<pid_t> processes_with(const std::string& text) {
    std::vector<pid_t> found;
    for (const auto& each : fs::directory_iterator("/proc")) {
        const std::string name = each.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) {
            continue;
        }
        std::ostringstream line;
        line << std::ifstream(each.path() / "cmdline").rdbuf();
        if (line.str().find(text) != std::string::npos) {
            found.push_back(std::stoi(name));
        }
    }
    return found;
}

class GuestfsTest : public ::testing::Test {
protected:
    void SetUp() override {
        const auto health = make_guestfs_health()->check();
        if (health.front().health != Health::ok) {
            GTEST_SKIP() << health.front().detail;
        }
        std::string pattern = (fs::temp_directory_path() / "amivirt-guestfs-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = fs::canonical(pattern).string();
        clear_interrupt();
    }
    void TearDown() override {
        clear_interrupt();
        if (!folder_.empty()) {
            EXPECT_TRUE(processes_with(folder_).empty()) << "a process outlived its inspection";
            fs::remove_all(folder_);
        }
    }

    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    GuestfsOptions options() {
        return {[] { return Accelerator::tcg; }, path("tmp"), log_, "", std::chrono::minutes(10)};
    }
    Result<Inspection> inspect(const DiskSource& disk) { return make_guestfs_inspector(options())->inspect(disk); }
    bool shell(const std::string& script) const {
        const std::string command = "PATH=$PATH:/usr/sbin:/sbin; set -e; cd '" + folder_ + "'; { " + script + "\n} >shell.log 2>&1";
        return std::system(command.c_str()) == 0;
    }
    std::string empty_disk() const {
        EXPECT_TRUE(shell("qemu-img create -f qcow2 empty.qcow2 64M"));
        return path("empty.qcow2");
    }
    /// Waits until the appliance runs; the folder of its sockets, "" if it did not come.
    std::string wait_for_appliance() const {
        const std::string socket = "/guestfsd.sock";
        for (int i = 0; i < 200; ++i) {
            for (const pid_t pid : processes_with(folder_)) {
                std::ostringstream line;
                line << std::ifstream("/proc/" + std::to_string(pid) + "/cmdline").rdbuf();
                const std::string text = line.str();
                const std::size_t end = text.find(socket);
                const std::size_t begin = text.rfind("path=", end);
                if (end != std::string::npos && begin != std::string::npos) {
                    return text.substr(begin + 5, end - begin - 5);
                }
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        return {};
    }
    bool workspace_empty() const { return !fs::exists(path("tmp")) || fs::is_empty(path("tmp")); }

    std::string folder_;
    NullLog log_;
};

TEST_F(GuestfsTest, SeesSystemAndBothWaysToBoot) {
    // A GPT disk with a BIOS boot partition, an EFI system partition with a loader and an ext4 root that calls itself Debian 12.5.
    if (!shell(R"sh(
truncate -s 96M disk.raw
printf 'label: gpt\nstart=2048,size=2048,type=21686148-6449-6E6F-744E-656564454649\nsize=65536,type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\ntype=L\n' | sfdisk disk.raw
printf 'GRUB' | dd of=disk.raw conv=notrunc bs=1 seek=128
truncate -s 32M esp.raw; mkfs.vfat esp.raw
mmd -i esp.raw ::/EFI ::/EFI/BOOT; printf loader >loader; mcopy -i esp.raw loader ::/EFI/BOOT/BOOTX64.EFI
mkdir -p root/etc root/bin root/usr/lib
printf 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n' >root/etc/os-release
printf '12.5\n' >root/etc/debian_version; printf '127.0.0.1 localhost\n' >root/etc/hosts; cp /bin/true root/bin/ls
mke2fs -t ext4 -d root root.raw 60M
dd if=esp.raw of=disk.raw conv=notrunc bs=512 seek=4096
dd if=root.raw of=disk.raw conv=notrunc bs=512 seek=69632
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2; chmod 0444 disk.qcow2
)sh")) {
        GTEST_SKIP() << "no tools to make a disk with (sfdisk, mtools, mke2fs, qemu-img)";
    }
    const auto before = fs::last_write_time(path("disk.qcow2"));
    const auto result = inspect({path("disk.qcow2"), "qcow2"});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->platform, "linux");
    EXPECT_EQ(result->distribution, "debian");
    EXPECT_EQ(result->version, "12.5");
    EXPECT_EQ(result->product_name, "Debian GNU/Linux 12 (bookworm)");
#ifdef __x86_64__
    EXPECT_EQ(result->architecture, Architecture::x86_64);
#endif
    EXPECT_TRUE(result->boots_bios);
    EXPECT_TRUE(result->boots_uefi);
    EXPECT_EQ(fs::last_write_time(path("disk.qcow2")), before);
    EXPECT_TRUE(workspace_empty());
}

TEST_F(GuestfsTest, LeavesToLibguestfsWhatIsNotPlain) {
    // Two systems on an MBR disk: which is the disk's?
    if (!shell(R"sh(
truncate -s 34M disk.raw
printf 'label: dos\nstart=2048,size=32768,type=83,bootable\nstart=34816,size=32768,type=83\n' | sfdisk disk.raw
printf 'code' | dd of=disk.raw conv=notrunc bs=1
for release in 5 6; do
    mkdir -p root$release/etc root$release/bin
    printf 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n' >root$release/etc/os-release
    printf '12.%s\n' $release >root$release/etc/debian_version; printf '127.0.0.1 localhost\n' >root$release/etc/hosts; cp /bin/true root$release/bin/ls
    mke2fs -t ext4 -d root$release root$release.raw 16M
done
dd if=root5.raw of=disk.raw conv=notrunc bs=512 seek=2048
dd if=root6.raw of=disk.raw conv=notrunc bs=512 seek=34816
)sh")) {
        GTEST_SKIP() << "no tools to make a disk with (sfdisk, mke2fs)";
    }
    const auto result = inspect({path("disk.raw"), "raw"});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->platform, "linux");
    EXPECT_EQ(result->distribution, "debian");
    EXPECT_THAT(result->version, AnyOf("12.5", "12.6"));
    EXPECT_EQ(result->product_name, "Debian GNU/Linux 12 (bookworm)");
#ifdef __x86_64__
    EXPECT_EQ(result->architecture, Architecture::x86_64);
#endif
    EXPECT_TRUE(result->boots_bios);
    EXPECT_FALSE(result->boots_uefi);
}

TEST_F(GuestfsTest, AnEmptyDiskIsAnAnswer) {
    const std::string disk = empty_disk();
    ::testing::internal::CaptureStderr();
    const auto result = inspect({disk, "qcow2"});
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->platform, "");
    EXPECT_EQ(result->version, "");
    EXPECT_EQ(result->architecture, std::nullopt);
    EXPECT_FALSE(result->boots_bios);
    EXPECT_FALSE(result->boots_uefi);
    EXPECT_TRUE(workspace_empty());
}

TEST_F(GuestfsTest, ABadDiskIsToldQuietly) {
    std::ofstream(path("text.qcow2")) << "this is no disk\n";
    ::testing::internal::CaptureStderr();
    const auto missing = inspect({path("none.qcow2"), "qcow2"});
    const auto text = inspect({path("text.qcow2"), "qcow2"});
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Code::tool_failed);
    EXPECT_THAT(missing.error().message, HasSubstr("none.qcow2"));
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, Code::tool_failed);
    EXPECT_THAT(text.error().message, HasSubstr("text.qcow2"));
    EXPECT_TRUE(workspace_empty());
}

TEST_F(GuestfsTest, AnApplianceThatCannotBeMadeIsAMissingTool) {
    const std::string disk = empty_disk();
    auto where = options();
    const auto check = [&](const std::string& what, const std::string& words) {
        ::testing::internal::CaptureStderr();
        const auto result = make_guestfs_inspector(where)->inspect({disk, "qcow2"});
        EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << what;
        ASSERT_FALSE(result) << what;
        EXPECT_EQ(result.error().code, Code::tool_missing) << result.error().message;
        EXPECT_THAT(result.error().message, HasSubstr(words));
        EXPECT_NE(result.error().hint, "") << result.error().message;
    };
    for (const char* variable : {"LIBGUESTFS_PATH", "LIBGUESTFS_HV"}) {
        ::setenv(variable, "/nonexistent", 1);
        check(variable, "/nonexistent");
        ::unsetenv(variable);
    }
    // As on a full disk: supermin cannot write its 4 GiB (sparse) file.
    where.cachedir = path("cache");
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit little{16U << 20U, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &little);
    check("file size limit", "supermin");
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_TRUE(workspace_empty());
}

TEST_F(GuestfsTest, TimesOut) {
    auto hurried = options();
    hurried.timeout = std::chrono::milliseconds(1500);
    const std::string disk = empty_disk();
    std::string sockets;
    std::thread watcher([&] { sockets = wait_for_appliance(); });
    const auto start = std::chrono::steady_clock::now();
    const auto result = make_guestfs_inspector(hurried)->inspect({disk, "qcow2"});
    watcher.join();
    EXPECT_FALSE(fs::exists(sockets)) << sockets;
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(8));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::timed_out);
    EXPECT_TRUE(workspace_empty());
}

TEST_F(GuestfsTest, AnInterruptEndsItAndLeavesNothing) {
    install_interrupt_handlers();
    const std::string disk = empty_disk();
    std::string sockets;
    std::chrono::steady_clock::time_point sent;
    std::thread sender([&] {
        sockets = wait_for_appliance();
        sent = std::chrono::steady_clock::now();
        ::kill(::getpid(), SIGTERM);
    });
    EXPECT_THROW((void)inspect({disk, "qcow2"}), Interrupted);
    sender.join();
    ASSERT_NE(sockets, "") << "no appliance came";
    EXPECT_LT(std::chrono::steady_clock::now() - sent, std::chrono::seconds(3));
    EXPECT_TRUE(workspace_empty());
    EXPECT_FALSE(fs::exists(sockets)) << sockets;
}

TEST_F(GuestfsTest, TheApplianceDiesWithAKilledProcess) {
    const std::string disk = empty_disk();
    const pid_t pid = ::fork();
    if (pid == 0) {
        (void)inspect({disk, "qcow2"});
        ::_exit(0);
    }
    const std::string sockets = wait_for_appliance();
    EXPECT_NE(sockets, "") << "no appliance came";
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // it has been noticed by then
    ::kill(pid, SIGKILL);
    // Not yet waited for: libguestfs's own recovery process, which asks whether our process id is free, would go on waiting.
    for (int i = 0; i < 40 && processes_with(folder_).size() > 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_TRUE(processes_with(folder_).empty());
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    EXPECT_FALSE(workspace_empty());
    ASSERT_TRUE(sweep_guestfs(path("tmp")));
    EXPECT_TRUE(workspace_empty());
    EXPECT_FALSE(fs::exists(sockets)) << sockets;
}

}  // namespace
}  // namespace amivirt
