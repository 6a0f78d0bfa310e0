// LayerCarrier, on the fake and on qcow2 files: between two stores, and out of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>

#include "adapters/common/digest.hpp"
#include "adapters/process/process_runner.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "amivirt/base/interrupt.hpp"
#include "disk_support.hpp"
#include "fakes/fake_carrying.hpp"
#include "fakes/recording_progress.hpp"

namespace amivirt::contract {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr Bytes k_size{64ULL << 20U};

enum class Kind { fake, real };

/// Two stores, 0 and 1, with a carrier each.
class Carrier : public testing::TestWithParam<Kind> {
protected:
    Carrier() {
        if (GetParam() == Kind::fake) {
            auto first = std::make_unique<fakes::FakeVolumeStore>(disks_);
            auto second = std::make_unique<fakes::FakeVolumeStore>(disks_);
            auto first_carrier = std::make_unique<fakes::FakeLayerCarrier>(*first, disks_);
            auto second_carrier = std::make_unique<fakes::FakeLayerCarrier>(*second, disks_);
            first_carrier->sees(*second);
            second_carrier->sees(*first);
            stores_[0] = std::move(first);
            stores_[1] = std::move(second);
            carriers_[0] = std::move(first_carrier);
            carriers_[1] = std::move(second_carrier);
            return;
        }
        for (std::size_t i = 0; i < 2; ++i) {
            const StoreOptions options{home(i) + "/disks", key(i), Bytes{16ULL << 40U}, *processes_, log_};
            stores_[i] = make_volume_store(options);
            carriers_[i] = make_layer_carrier(options, home(i) + "/downloads");
        }
    }
    void SetUp() override {
        if (GetParam() == Kind::real) {
            AMIVIRT_NEED_PROGRAM("qemu-img");
            AMIVIRT_NEED_PROGRAM("qemu-io");
        }
    }
    [[nodiscard]] std::string home(std::size_t i) const { return folder_ / ("store" + std::to_string(i)); }
    [[nodiscard]] std::string key(std::size_t i) const { return home(i) + "/key"; }
    static bool real() { return GetParam() == Kind::real; }
    std::string path(std::size_t i, unsigned number) { return stores_[i]->source(layer(number)).location; }
    void make(unsigned number, std::optional<unsigned> parent, unsigned value, Encrypted encrypted = Encrypted::no) {
        ASSERT_TRUE(stores_[0]->create(layer(number), parent ? std::optional(layer(*parent)) : std::nullopt, k_size, encrypted));
        std::vector<unsigned> chain{number};
        if (parent) {
            chain.push_back(*parent);
        }
        write(chain, number, value);
        ASSERT_TRUE(stores_[0]->seal(layer(number)));
    }
    void write(const std::vector<unsigned>& chain, unsigned block, unsigned value) {
        if (real()) {
            qemu_io(*stores_[0], key(0), chain, {"write -P " + std::to_string(value) + " " + std::to_string(block) + "M 64k"});
        } else {
            dynamic_cast<fakes::FakeVolumeStore&>(*stores_[0]).write(layer(chain.front()), block, std::to_string(value));
        }
    }
    void expect(std::size_t store, const std::vector<unsigned>& chain, unsigned block, unsigned value) {
        if (real()) {
            qemu_io(*stores_[store], key(store), chain, {"read -P " + std::to_string(value) + " " + std::to_string(block) + "M 64k"});
        } else {
            EXPECT_EQ(dynamic_cast<fakes::FakeVolumeStore&>(*stores_[store]).read(layer(chain.front()))[block], std::to_string(value));
        }
    }
    BringRequest from_first(unsigned number) {
        BringRequest request;
        request.layer = layer(number);
        request.from = stores_[0]->source(layer(number));
        request.url = "amivirt://store/" + layer(number).str();
        request.validator = "1";
        request.on_download = [this](const Download& download) -> Result<void> {
            told_.push_back(download);
            return {};
        };
        return request;
    }
    Result<Brought> bring(unsigned number) { return carriers_[1]->bring(from_first(number), progress_); }

    TemporaryFolder folder_;
    fakes::FakeDisks disks_;
    NullLog log_;
    std::unique_ptr<ProcessRunner> processes_ = make_process_runner();
    std::unique_ptr<VolumeStore> stores_[2];
    std::unique_ptr<LayerCarrier> carriers_[2];
    fakes::RecordingProgress progress_;
    std::vector<Download> told_;
};

TEST_P(Carrier, BringsAChainLayerByLayer) {
    make(1, std::nullopt, 7);
    make(2, 1, 8);
    for (const unsigned number : {1U, 2U}) {
        const auto brought = bring(number);
        ASSERT_TRUE(brought) << brought.error().message;
        EXPECT_NE(brought->passage, Passage::copied) << "both lie on one file system";
        ASSERT_TRUE(stores_[1]->seal(layer(number)));
        const auto file = stores_[1]->look(layer(number));
        ASSERT_TRUE(file && *file);
        EXPECT_TRUE((*file)->read_only);
        EXPECT_EQ((*file)->linked, real() && brought->passage == Passage::linked);
        EXPECT_EQ((*stores_[0]->look(layer(number)))->linked, (*file)->linked);
    }
    EXPECT_EQ((*stores_[1]->look(layer(2)))->parent, layer(1));
    // The source may vanish.
    ASSERT_TRUE(stores_[0]->remove(layer(2)));
    ASSERT_TRUE(stores_[0]->remove(layer(1)));
    EXPECT_FALSE((*stores_[1]->look(layer(1)))->linked);
    expect(1, {2, 1}, 1, 7);
    expect(1, {2, 1}, 2, 8);
    EXPECT_THAT(told_, IsEmpty());
    // Twice is once more.
    make(1, std::nullopt, 7);
    EXPECT_TRUE(bring(1));
}

TEST_P(Carrier, BringsOnlyWhatIsSealedAndThere) {
    EXPECT_FALSE(bring(1));
    ASSERT_TRUE(stores_[0]->create(layer(1), std::nullopt, k_size, Encrypted::no));
    const auto brought = bring(1);
    ASSERT_FALSE(brought);
    EXPECT_EQ(brought.error().code, Code::incorrect_state);
    const auto chain = carriers_[0]->chain(layer(1));
    ASSERT_FALSE(chain);
    EXPECT_EQ(chain.error().code, Code::incorrect_state);
    EXPECT_FALSE(carriers_[0]->chain(layer(9)));
    EXPECT_THAT((*stores_[1]->contents()).layers, IsEmpty());
}

TEST_P(Carrier, RewritesAChainWithItsOwnKey) {
    make(1, std::nullopt, 7);
    make(2, 1, 8, Encrypted::yes);
    const auto chain = carriers_[0]->chain(layer(2));
    ASSERT_TRUE(chain) << chain.error().message;
    EXPECT_EQ(chain->links.size(), 2U);
    EXPECT_EQ(chain->virtual_size, k_size);
    const auto rewritten = carriers_[1]->rewrite(layer(3), *chain, Encrypted::yes, progress_);
    ASSERT_TRUE(rewritten) << rewritten.error().message;
    const auto file = stores_[1]->look(layer(3));
    ASSERT_TRUE(file && *file);
    EXPECT_TRUE((*file)->encrypted);
    EXPECT_EQ((*file)->parent, std::nullopt);
    EXPECT_EQ((*file)->virtual_size, k_size);
    expect(1, {3}, 1, 7);
    expect(1, {3}, 2, 8);
    if (real()) {
        EXPECT_NE(read_file(key(0)), read_file(key(1)));
        EXPECT_THAT(names(home(1) + "/disks"), testing::ElementsAre(layer(3).str() + ".qcow2"));
    }
    // A plain one in the same store.
    const auto plain = carriers_[0]->chain(layer(1));
    ASSERT_TRUE(plain);
    ASSERT_TRUE(carriers_[0]->rewrite(layer(4), *plain, Encrypted::yes, progress_));
    expect(0, {4}, 1, 7);
}

INSTANTIATE_TEST_SUITE_P(Both, Carrier, testing::Values(Kind::fake, Kind::real),
                         [](const auto& kind) { return kind.param == Kind::fake ? "Fake" : "Real"; });

/// What only files have.
class CarrierFiles : public Carrier {};

std::string sum_of_file(const std::string& path) { return sha256_of(read_file(path)); }

TEST_P(CarrierFiles, LinksOrClonesWithoutTakingSpace) {
    make(1, std::nullopt, 7);
    ASSERT_TRUE(bring(1));
    struct stat one {};
    struct stat two {};
    ASSERT_EQ(::stat(path(0, 1).c_str(), &one), 0);
    ASSERT_EQ(::stat(path(1, 1).c_str(), &two), 0);
    EXPECT_EQ(sum_of_file(path(0, 1)), sum_of_file(path(1, 1)));
    EXPECT_EQ(mode_of(path(1, 1)), 0444U);
    EXPECT_THAT(names(home(1) + "/disks"), testing::ElementsAre(layer(1).str() + ".qcow2"));
}

TEST_P(CarrierFiles, WritesEveryFormatOfTheExactSize) {
    make(1, std::nullopt, 7);
    make(2, 1, 8);
    const auto chain = carriers_[0]->chain(layer(2));
    ASSERT_TRUE(chain);
    const std::vector<std::pair<DiskFileFormat, std::string>> formats{{DiskFileFormat::qcow2, "qcow2"},
                                                                      {DiskFileFormat::raw, "raw"},
                                                                      {DiskFileFormat::vmdk, "vmdk"},
                                                                      {DiskFileFormat::vhd, "vpc"},
                                                                      {DiskFileFormat::stream_vmdk, "vmdk"}};
    for (const auto& [format, driver] : formats) {
        const std::string file = folder_ / ("out, " + driver);
        const auto written = carriers_[0]->write_out(*chain, file, format, progress_);
        ASSERT_TRUE(written) << written.error().message;
        const auto info = shell({"qemu-img", "info", "--output=json", "-f", driver, file});
        EXPECT_THAT(info.output, HasSubstr("\"virtual-size\": " + std::to_string(k_size.count))) << driver;
        const auto same = shell({"qemu-img", "compare", "-f", "qcow2", "-F", driver, path(0, 2), file});
        EXPECT_EQ(same.exit_status, 0) << driver << ": " << same.output;
        EXPECT_LT(allocated_bytes(file), 4U << 20U) << "sparse";
        std::filesystem::remove(file);
    }
}

TEST_P(CarrierFiles, AFullDiskIsToldAsOne) {
    make(1, std::nullopt, 7);
    write_file(folder_ / "raw", noise(8U << 20U));
    const StagedDisk disk{folder_ / "raw", Bytes{8U << 20U}};
    ASSERT_TRUE(stores_[0]->import(layer(5), disk, {"raw", Bytes{8U << 20U}}, progress_));
    std::string reason;
    if (!mount_small(folder_ / "small", "2m", reason)) {
        GTEST_SKIP() << reason;
    }
    const auto chain = carriers_[0]->chain(layer(5));
    ASSERT_TRUE(chain);
    const auto written = carriers_[0]->write_out(*chain, folder_ / "small/out.raw", DiskFileFormat::raw, progress_);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Code::store_full) << written.error().message;
    const StoreOptions options{folder_ / "small/disks", folder_ / "small/key", Bytes{16ULL << 40U}, *processes_, log_};
    std::filesystem::remove(folder_ / "small/out.raw");
    const auto carrier = make_layer_carrier(options, folder_ / "small/downloads");
    const auto brought = carrier->bring(from_first(5), progress_);
    ASSERT_FALSE(brought);
    EXPECT_EQ(brought.error().code, Code::store_full);
    EXPECT_THAT(names(folder_ / "small/disks"), IsEmpty());
    EXPECT_THAT(names(folder_ / "small/downloads"), IsEmpty());
}

/// Store 1 on a file system of its own.
class CarrierApart : public Carrier {
protected:
    void SetUp() override {
        Carrier::SetUp();
        std::string reason;
        if (!mount_small(home(1), "64m", reason)) {
            GTEST_SKIP() << reason;
        }
        write_file(folder_ / "raw", noise(5U << 20U) + std::string(3U << 20U, '\0') + noise(1U << 20U, 2));
        const StagedDisk disk{folder_ / "raw", Bytes{9U << 20U}};
        ASSERT_TRUE(stores_[0]->import(layer(1), disk, {"raw", Bytes{9U << 20U}}, progress_));
    }
    /// All bytes that this process has ever written.
    static std::uint64_t written() {
        std::ifstream io("/proc/self/io");
        std::uint64_t count = 0;
        for (std::string word; io >> word;) {
            if (word == "wchar:") {
                io >> count;
            }
        }
        return count;
    }
    /// The copy comes about, without what is there being written again.
    void expect_gone_on_with(const BringRequest& request, std::uint64_t there) {
        const auto before = written();
        const auto brought = carriers_[1]->bring(request, progress_);
        ASSERT_TRUE(brought) << brought.error().message;
        EXPECT_EQ(brought->passage, Passage::copied);
        EXPECT_GT(before, 0U);
        EXPECT_LE(written() - before, std::filesystem::file_size(path(0, 1)) - there + 4096);
        EXPECT_EQ(sum_of_file(path(0, 1)), sum_of_file(path(1, 1)));
        EXPECT_THAT(downloads(), IsEmpty());
    }
    std::vector<std::string> downloads() { return names(home(1) + "/downloads"); }
};

TEST_P(CarrierApart, CopiesSparselyAndTellsTheChecksum) {
    const auto brought = bring(1);
    ASSERT_TRUE(brought) << brought.error().message;
    EXPECT_EQ(brought->passage, Passage::copied);
    EXPECT_EQ(brought->sha256, sum_of_file(path(0, 1)));
    EXPECT_EQ(brought->sha256, sum_of_file(path(1, 1)));
    EXPECT_EQ(mode_of(path(1, 1)), 0444U);
    EXPECT_LE(allocated_bytes(path(1, 1)), allocated_bytes(path(0, 1)));
    EXPECT_THAT(downloads(), IsEmpty());
    EXPECT_EQ(told_.size(), 1U);
}

TEST_P(CarrierApart, GoesOnWhereItWasInterrupted) {
    unsigned steps = 0;
    progress_.on_step([&] {
        if (++steps == 4) {
            throw Interrupted{15};
        }
    });
    EXPECT_THROW((void)bring(1), Interrupted);
    ASSERT_EQ(downloads().size(), 1U);
    const auto partial = std::filesystem::file_size(home(1) + "/downloads/" + downloads().front());
    EXPECT_GT(partial, 0U);
    EXPECT_LT(partial, std::filesystem::file_size(path(0, 1)));
    progress_.on_step({});
    auto request = from_first(1);
    request.resume = told_.front();
    expect_gone_on_with(request, partial);
    EXPECT_EQ(sum_of_file(path(0, 1)), sum_of_file(path(1, 1)));
    EXPECT_EQ(told_.size(), 2U);  // once more, that it is in use
    EXPECT_EQ(told_.back().file, told_.front().file);
    EXPECT_THAT(downloads(), IsEmpty());
}

TEST_P(CarrierApart, GoesOnWhereItWasKilledOrBrokeOff) {
    for (const bool killed : {true, false}) {
        SCOPED_TRACE(killed);
        const pid_t child = ::fork();
        if (child == 0) {
            unsigned steps = 0;
            if (killed) {
                progress_.on_step([&] {
                    if (++steps == 4) {
                        ::raise(SIGKILL);
                    }
                });
            } else {  // a write that fails
                ::signal(SIGXFSZ, SIG_IGN);
                const struct rlimit limit { 3U << 20U, 3U << 20U };
                ::setrlimit(RLIMIT_FSIZE, &limit);
            }
            const auto brought = bring(1);
            ::_exit(!brought && brought.error().code == Code::io_error ? 0 : 1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(killed ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
        ASSERT_EQ(downloads().size(), 1U);
        const auto partial = std::filesystem::file_size(home(1) + "/downloads/" + downloads().front());
        EXPECT_GT(partial, 1U << 20U);
        EXPECT_LT(partial, std::filesystem::file_size(path(0, 1)));
        EXPECT_THAT(names(home(1) + "/disks"), IsEmpty());
        auto request = from_first(1);
        request.resume = Download{request.url, downloads().front(), request.validator, {}};
        expect_gone_on_with(request, partial);
        ASSERT_TRUE(stores_[1]->remove(layer(1)));
    }
}

TEST_P(CarrierApart, StartsOverWhenWhatIsLeftIsDamagedOrOfAnother) {
    const std::string begun = read_file(path(0, 1)).substr(0, 3U << 20U);
    for (const bool same_source : {true, false}) {
        ASSERT_TRUE(stores_[1]->remove(layer(1)));
        told_.clear();
        ASSERT_TRUE(bring(1));
        const auto download = told_.front();
        std::filesystem::create_directories(home(1) + "/downloads");
        std::string damaged = begun;
        damaged[2U << 20U] = static_cast<char>(damaged[2U << 20U] ^ 1);
        write_file(home(1) + "/downloads/" + download.file, damaged);
        auto request = from_first(1);
        request.resume = download;
        request.validator = same_source ? "1" : "2";
        const auto brought = carriers_[1]->bring(request, progress_);
        ASSERT_TRUE(brought) << brought.error().message;
        EXPECT_EQ(sum_of_file(path(0, 1)), sum_of_file(path(1, 1)));
    }
}

TEST_P(CarrierApart, ASourceThatChangedIsNotCopied) {
    auto request = from_first(1);
    request.sha256 = std::string(64, 'a');
    const auto brought = carriers_[1]->bring(request, progress_);
    ASSERT_FALSE(brought);
    EXPECT_EQ(brought.error().code, Code::store_corrupt);
    EXPECT_THAT(brought.error().message, HasSubstr(path(0, 1)));
    EXPECT_THAT(downloads(), IsEmpty());
    EXPECT_THAT(names(home(1) + "/disks"), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Files, CarrierFiles, testing::Values(Kind::real), [](const auto&) { return "Real"; });
INSTANTIATE_TEST_SUITE_P(Files, CarrierApart, testing::Values(Kind::real), [](const auto&) { return "Real"; });

}  // namespace
}  // namespace amivirt::contract
