// Disks that must not come in, made by qemu-img as an attacker or an unlucky person would have them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adapters/process/process_runner.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "disk_support.hpp"

namespace amivirt::contract {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class BadInput : public testing::Test {
protected:
    void SetUp() override { AMIVIRT_NEED_PROGRAM("qemu-img"); }
    void qemu_img(std::vector<std::string> words) {
        words.insert(words.begin(), "qemu-img");
        const auto result = shell(words);
        ASSERT_EQ(result.exit_status, 0) << result.output;
    }
    void refused(const std::string& words) {
        const auto probed = store_->probe({file_, Bytes{1}}, "given.name");
        ASSERT_FALSE(probed) << "taken as " << probed->format;
        EXPECT_EQ(probed.error().code, Code::invalid_disk_image) << probed.error().message;
        EXPECT_THAT(probed.error().message, HasSubstr("\"given.name\""));
        EXPECT_THAT(probed.error().message, HasSubstr(words));
        EXPECT_THAT(probed.error().message, testing::Not(HasSubstr("json:")));
        EXPECT_THAT(names(folder_ / "disks"), IsEmpty());
    }
    /// A disk of `format` with 4 MiB of data and more.
    void make(const std::string& format, const std::vector<std::string>& options = {}) {
        write_file(folder_ / "data", noise(4U << 20U));
        std::filesystem::resize_file(folder_ / "data", 16U << 20U);
        std::vector<std::string> words{"convert", "-f", "raw", "-O", format};
        words.insert(words.end(), options.begin(), options.end());
        words.insert(words.end(), {folder_ / "data", file_});
        qemu_img(words);
    }
    void patch(std::uint64_t offset, const std::string& bytes) {
        std::string content = read_file(file_);
        content.replace(offset, bytes.size(), bytes);
        write_file(file_, content);
    }

    TemporaryFolder folder_;
    std::string file_ = folder_ / "disk";
    std::unique_ptr<ProcessRunner> processes_ = make_process_runner();
    NullLog log_;
    std::unique_ptr<VolumeStore> store_ =
        make_volume_store({folder_ / "disks", folder_ / "layers.key", Bytes{16ULL << 40U}, *processes_, log_});
};

TEST_F(BadInput, EmptyFile) {
    write_file(file_, "");
    refused("is empty");
}

TEST_F(BadInput, Directory) {
    std::filesystem::create_directory(file_);
    refused("not a regular file");
}

TEST_F(BadInput, NamedPipe) {
    ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
    refused("not a regular file");
}

TEST_F(BadInput, UnreadableFile) {
    if (started_as_root()) {
        GTEST_SKIP() << "root reads everything";
    }
    write_file(file_, noise(4096));
    ::chmod(file_.c_str(), 0);
    refused("Permission denied");
}

TEST_F(BadInput, TextNamedQcow2) {
    write_file(file_, "this is not a disk\n");
    refused("is text");
}

TEST_F(BadInput, Qcow2WithABackingFile) {
    make("qcow2");
    qemu_img({"create", "-q", "-f", "qcow2", "-b", file_, "-F", "qcow2", folder_ / "over"});
    file_ = folder_ / "over";
    refused("has a backing file");
}

TEST_F(BadInput, Qcow2WithABackingFileThatIsAProtocol) {
    qemu_img({"create", "-q", "-u", "-f", "qcow2", "-b", "nbd://127.0.0.1:1/x", "-F", "raw", file_, "1M"});
    refused("nbd://127.0.0.1:1/x");
}

TEST_F(BadInput, Qcow2WithADataFile) {
    qemu_img({"create", "-q", "-f", "qcow2", "-o", "data_file=" + (folder_ / "elsewhere") + ",data_file_raw=on", file_, "1M"});
    refused("external data file");
}

TEST_F(BadInput, EncryptedQcow2) {
    make("qcow2");
    patch(32, std::string("\0\0\0\x02", 4));
    refused("encrypted");
}

TEST_F(BadInput, SparseBombOf100TiB) {
    const std::string size = "100T";
    qemu_img({"create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", file_, size});
    refused("100.0 TiB; the largest that is taken is 16.0 TiB");
    std::filesystem::remove(file_);
    qemu_img({"create", "-q", "-f", "vhdx", file_, "63T"});
    refused("63.0 TiB");
}

class Truncated : public BadInput, public testing::WithParamInterface<const char*> {};

TEST_P(Truncated, IsRefusedWhereverItWasCut) {
    const std::string format = GetParam();
    make(format);
    const auto whole = std::filesystem::file_size(file_);
    const std::string kept = folder_ / "kept";
    std::filesystem::copy_file(file_, kept);
    const auto probed = store_->probe({file_, Bytes{whole}}, "given.name");
    ASSERT_TRUE(probed) << probed.error().message;
    for (const unsigned percent : {1U, 20U, 50U, 80U, 95U}) {
        std::filesystem::copy_file(kept, file_, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::resize_file(file_, whole * percent / 100 / 512 * 512);
        SCOPED_TRACE(percent);
        refused("");
    }
}

INSTANTIATE_TEST_SUITE_P(Formats, Truncated, testing::Values("qcow2", "vmdk", "vpc", "vhdx", "vdi"),
                         [](const auto& chosen) { return std::string(chosen.param); });

TEST_F(BadInput, TruncatedCompressedQcow2) {
    make("qcow2", {"-c"});
    std::filesystem::resize_file(file_, std::filesystem::file_size(file_) / 2);
    refused("truncated or damaged");
}

TEST_F(BadInput, TruncatedStreamOptimizedVmdk) {
    make("vmdk", {"-o", "subformat=streamOptimized"});
    std::filesystem::resize_file(file_, std::filesystem::file_size(file_) / 2);
    refused("");
}

TEST_F(BadInput, VmdkWithExtentsElsewhere) {
    for (const std::string subformat : {"monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"}) {
        make("vmdk", {"-o", "subformat=" + subformat});
        SCOPED_TRACE(subformat);
        refused("other files");
    }
}

TEST_F(BadInput, VmdkWithAParent) {
    make("vmdk");
    const auto made = shell({"qemu-img", "create", "-q", "-f", "vmdk", "-b", file_, "-F", "vmdk", folder_ / "over"});
    ASSERT_EQ(made.exit_status, 0) << made.output;
    file_ = folder_ / "over";
    refused("has a parent");
}

TEST_F(BadInput, DifferencingVdiAndVhd) {
    make("vdi");
    patch(76, std::string("\x04\0\0\0", 4));
    refused("differencing VDI");
    make("vpc");
    const auto size = std::filesystem::file_size(file_);
    patch(size - 512 + 60, std::string("\0\0\0\x04", 4));
    refused("differencing VHD");
}

TEST_F(BadInput, ADiskOfARunningMachine) {
    AMIVIRT_NEED_PROGRAM("qemu-io");
    make("qcow2");
    // qemu-io holds the image as a running machine does.
    std::vector<std::string> words = {"qemu-io", "-f", "qcow2", "-c", "sleep 60000", file_};
    std::vector<char*> argv;
    for (auto& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    pid_t holder = 0;
    ASSERT_EQ(posix_spawnp(&holder, "qemu-io", nullptr, nullptr, argv.data(), environ), 0);
    // Not probed before qemu-io has its lock: a probe that is first would keep it from that.
    const int file = open(file_.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(file, 0);
    struct flock lock {};
    do {
        lock = {};
        lock.l_type = F_WRLCK;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } while (fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK && waitpid(holder, nullptr, WNOHANG) == 0);
    close(file);
    const auto probed = store_->probe({file_, Bytes{1}}, "given.name");
    kill(holder, SIGKILL);
    waitpid(holder, nullptr, 0);
    ASSERT_FALSE(probed);
    EXPECT_THAT(probed.error().message, HasSubstr("in use"));
}

TEST_F(BadInput, ADiskThatGainedABackingFileAfterTheProbeDoesNotReadIt) {
    write_file(folder_ / "secret", std::string(1U << 20U, 's'));
    qemu_img({"create", "-q", "-f", "qcow2", file_, "1M"});
    const auto probed = store_->probe({file_, Bytes{1}}, "given.name");
    ASSERT_TRUE(probed);
    std::filesystem::remove(file_);
    qemu_img({"create", "-q", "-f", "qcow2", "-b", folder_ / "secret", "-F", "raw", file_});
    SilentProgress silent;
    static_cast<void>(store_->import(layer(1), {file_, Bytes{1}}, *probed, silent));
    const std::string made = store_->source(layer(1)).location;
    if (std::filesystem::exists(made)) {
        EXPECT_EQ(read_file(made).find("ssss"), std::string::npos);
        EXPECT_THAT(shell({"qemu-img", "info", made}).output, testing::Not(HasSubstr("backing")));
    }
}

}  // namespace
}  // namespace amivirt::contract
