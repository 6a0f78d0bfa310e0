// LayerCare, on the fake and on qcow2 files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "adapters/common/digest.hpp"
#include "adapters/process/process_runner.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "amivirt/base/interrupt.hpp"
#include "disk_support.hpp"
#include "fakes/fake_disk.hpp"
#include "fakes/fake_layer_care.hpp"
#include "fakes/fake_volume_store.hpp"
#include "fakes/recording_progress.hpp"

namespace amivirt::contract {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Bytes k_size{64ULL << 20U};

enum class Kind { fake, real, encrypted };

/// Layers whose 64 KiB blocks are written and read by number; the fake's blocks hold the value as text.
class Care : public testing::TestWithParam<Kind> {
protected:
    Care() {
        if (GetParam() == Kind::fake) {
            auto fake = std::make_unique<fakes::FakeVolumeStore>(disks_);
            auto* const raw = fake.get();
            write_ = [raw](const std::vector<unsigned>& chain, unsigned block, unsigned value) {
                raw->write(layer(chain.front()), block, value == 0 ? "" : std::to_string(value));
            };
            expect_ = [raw](const std::vector<unsigned>& chain, const std::map<unsigned, unsigned>& blocks) {
                auto found = raw->read(layer(chain.front()));
                for (const auto& [block, value] : blocks) {
                    EXPECT_EQ(found[block], value == 0 ? "" : std::to_string(value)) << "block " << block;
                }
            };
            scribble_ = [raw](unsigned number) { raw->scribble(layer(number)); };
            damage_ = [raw](unsigned number) { raw->damage(layer(number), "damaged"); };
            care_ = std::make_unique<fakes::FakeLayerCare>(*fake);
            store_ = std::move(fake);
            return;
        }
        const StoreOptions options{folder_ / "disks", key_file_, Bytes{16ULL << 40U}, *processes_, log_};
        store_ = make_volume_store(options);
        care_ = make_layer_care(options);
        write_ = [this](const std::vector<unsigned>& chain, unsigned block, unsigned value) {
            qemu_io(*store_, key_file_, chain, {fmt_write(block, value)});
        };
        expect_ = [this](const std::vector<unsigned>& chain, const std::map<unsigned, unsigned>& blocks) {
            std::vector<std::string> commands;
            for (const auto& [block, value] : blocks) {
                commands.push_back("read -P " + std::to_string(value) + " " + std::to_string(block * 64) + "k 64k");
            }
            qemu_io(*store_, key_file_, chain, commands);
        };
        scribble_ = [this](unsigned number) {
            std::filesystem::remove(path(number));
            write_file(path(number), "scribble");
        };
        damage_ = [this](unsigned number) {
            std::filesystem::permissions(path(number), std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
            std::filesystem::resize_file(path(number), std::filesystem::file_size(path(number)) - 65536);
        };
    }
    void SetUp() override {
        if (GetParam() != Kind::fake) {
            AMIVIRT_NEED_PROGRAM("qemu-img");
            AMIVIRT_NEED_PROGRAM("qemu-io");
        }
    }
    static std::string fmt_write(unsigned block, unsigned value) {
        return (value == 0 ? "write -z " : "write -P " + std::to_string(value) + " ") + std::to_string(block * 64) + "k 64k";
    }
    std::string path(unsigned number) { return store_->source(layer(number)).location; }
    LayerFile look(unsigned number) {
        const auto file = store_->look(layer(number));
        EXPECT_TRUE(file) << file.error().message;
        return file.value_or(std::nullopt).value_or(LayerFile{});
    }
    [[nodiscard]] Encrypted encrypted() const { return GetParam() == Kind::encrypted ? Encrypted::yes : Encrypted::no; }
    void make(unsigned number, std::optional<unsigned> parent, Bytes size = k_size) {
        const auto made = store_->create(layer(number), parent ? std::optional(layer(*parent)) : std::nullopt, size, encrypted());
        ASSERT_TRUE(made) << made.error().message;
    }
    /// 1 <- 2 <- 3 <- 4, sealed; 4 is larger.
    void make_chain() {
        make(1, std::nullopt);
        for (const unsigned block : {0U, 1U, 2U, 3U}) {
            write_({1}, block, 1);
        }
        make(2, 1);
        write_({2, 1}, 1, 2);
        write_({2, 1}, 2, 0);
        write_({2, 1}, 10, 2);
        make(3, 2);
        write_({3, 2, 1}, 10, 3);
        write_({3, 2, 1}, 11, 3);
        make(4, 3, Bytes{k_size.count * 2});
        write_({4, 3, 2, 1}, 11, 0);
        write_({4, 3, 2, 1}, 1500, 4);
        for (const unsigned number : {1U, 2U, 3U, 4U}) {
            ASSERT_TRUE(store_->seal(layer(number)));
        }
    }
    const std::map<unsigned, unsigned> k_content{{0, 1}, {1, 2}, {2, 0}, {3, 1}, {10, 3}, {11, 0}, {12, 0}, {1100, 0}, {1500, 4}};

    TemporaryFolder folder_;
    std::string key_file_ = folder_ / "layers.key";
    std::unique_ptr<ProcessRunner> processes_ = make_process_runner();
    NullLog log_;
    fakes::FakeDisks disks_;
    std::unique_ptr<VolumeStore> store_;
    std::unique_ptr<LayerCare> care_;
    std::function<void(const std::vector<unsigned>&, unsigned, unsigned)> write_;
    std::function<void(const std::vector<unsigned>&, const std::map<unsigned, unsigned>&)> expect_;
    std::function<void(unsigned)> scribble_;
    std::function<void(unsigned)> damage_;
    fakes::RecordingProgress progress_;
};

TEST_P(Care, AMergedLayerReadsAsItsSourceDoes) {
    make_chain();
    const auto merged = care_->merge(layer(5), layer(4), layer(1), progress_);
    ASSERT_TRUE(merged) << merged.error().message;
    EXPECT_EQ(look(5).parent, layer(1));
    EXPECT_EQ(look(5).virtual_size, Bytes{k_size.count * 2});
    EXPECT_EQ(look(5).encrypted, encrypted() == Encrypted::yes);
    EXPECT_TRUE(look(5).read_only);
    expect_({5, 1}, k_content);
    EXPECT_THAT(*care_->check(layer(5)), IsEmpty());
    EXPECT_THAT(store_->contents()->layers, ElementsAre(layer(1), layer(2), layer(3), layer(4), layer(5)));
}

TEST_P(Care, AMergeOverNothingStandsAlone) {
    make_chain();
    const auto merged = care_->merge(layer(5), layer(4), std::nullopt, progress_);
    ASSERT_TRUE(merged) << merged.error().message;
    EXPECT_FALSE(look(5).parent);
    EXPECT_EQ(look(5).virtual_size, Bytes{k_size.count * 2});
    EXPECT_TRUE(look(5).read_only);
    expect_({5}, k_content);
    EXPECT_THAT(*care_->check(layer(5)), IsEmpty());
    ASSERT_EQ(progress_.phases().size(), 1U);
    EXPECT_EQ(progress_.phases().front().name, "merging");
    EXPECT_EQ(progress_.phases().front().total, progress_.phases().front().steps.back());
}

TEST_P(Care, AMergeOfOneLayerIsACopy) {
    make_chain();
    const auto merged = care_->merge(layer(5), layer(2), layer(1), progress_);
    ASSERT_TRUE(merged) << merged.error().message;
    expect_({5, 1}, {{0, 1}, {1, 2}, {2, 0}, {3, 1}, {10, 2}, {11, 0}});
}

TEST_P(Care, OnlyWhatIsSealedAndBelowIsMerged) {
    make_chain();
    make(6, 4, Bytes{k_size.count * 2});
    make(7, std::nullopt);
    ASSERT_TRUE(store_->seal(layer(7)));
    const auto open = care_->merge(layer(5), layer(6), layer(1), progress_);
    ASSERT_FALSE(open);
    EXPECT_EQ(open.error().code, Code::incorrect_state);
    EXPECT_THAT(open.error().message, HasSubstr(layer(6).str()));
    const auto beside = care_->merge(layer(5), layer(4), layer(7), progress_);
    ASSERT_FALSE(beside);
    EXPECT_EQ(beside.error().code, Code::internal_error);
    EXPECT_EQ(care_->merge(layer(5), layer(9), std::nullopt, progress_).error().code, Code::io_error);
    EXPECT_FALSE(*store_->look(layer(5)));
    scribble_(2);
    EXPECT_EQ(care_->merge(layer(5), layer(4), layer(1), progress_).error().code, Code::store_corrupt);
    EXPECT_FALSE(*store_->look(layer(5)));
}

TEST_P(Care, AnInterruptedMergeLeavesNothing) {
    make_chain();
    {
        const LaterInterrupt now(0);
        while (pending_interrupt() == 0) {
        }
        EXPECT_THROW(static_cast<void>(care_->merge(layer(5), layer(4), layer(1), progress_)), Interrupted);
        EXPECT_THROW(static_cast<void>(care_->merge(layer(5), layer(4), std::nullopt, progress_)), Interrupted);
        EXPECT_THROW(static_cast<void>(care_->checksum(layer(4), progress_)), Interrupted);
    }
    EXPECT_THAT(store_->contents()->layers, ElementsAre(layer(1), layer(2), layer(3), layer(4)));
}

TEST_P(Care, ARebasedLayerHasAnotherParentAndItsOwnData) {
    make_chain();
    make(6, 4, Bytes{k_size.count * 2});
    write_({6, 4, 3, 2, 1}, 20, 6);
    ASSERT_TRUE(care_->merge(layer(5), layer(4), layer(1), progress_));
    const auto rebased = care_->rebase(layer(6), layer(5));
    ASSERT_TRUE(rebased) << rebased.error().message;
    EXPECT_EQ(look(6).parent, layer(5));
    EXPECT_FALSE(look(6).read_only);
    auto content = k_content;
    content[20] = 6;
    expect_({6, 5, 1}, content);
    EXPECT_TRUE(care_->rebase(layer(6), layer(5))) << "it is idempotent";
    EXPECT_THAT(*care_->check(layer(6)), IsEmpty());
}

TEST_P(Care, ARebaseThatCannotBeIsRefused) {
    make_chain();
    make(6, 1);
    make(7, std::nullopt, Bytes{1U << 20U});
    EXPECT_EQ(care_->rebase(layer(2), layer(1)).error().code, Code::incorrect_state) << "it is sealed";
    EXPECT_EQ(care_->rebase(layer(6), layer(9)).error().code, Code::io_error);
    EXPECT_EQ(care_->rebase(layer(9), layer(1)).error().code, Code::io_error);
    EXPECT_EQ(care_->rebase(layer(6), layer(4)).error().code, Code::invalid_parameter_value) << "it is smaller";
    make(8, std::nullopt);
    EXPECT_EQ(care_->rebase(layer(8), layer(1)).error().code, Code::store_corrupt) << "it has no parent";
    EXPECT_EQ(look(6).parent, layer(1));
    scribble_(6);
    EXPECT_EQ(care_->rebase(layer(6), layer(1)).error().code, Code::store_corrupt);
}

TEST_P(Care, ACheckFindsDamageWithoutTheParents) {
    make_chain();
    EXPECT_THAT(*care_->check(layer(1)), IsEmpty());
    ASSERT_TRUE(store_->remove(layer(1)));
    EXPECT_THAT(*care_->check(layer(4)), IsEmpty());
    damage_(4);
    const auto damaged = care_->check(layer(4));
    ASSERT_TRUE(damaged) << damaged.error().message;
    EXPECT_EQ(damaged->size(), 1U);
    scribble_(3);
    EXPECT_EQ(care_->check(layer(3))->size(), 1U);
    EXPECT_EQ(care_->check(layer(9)).error().code, Code::io_error);
}

TEST_P(Care, AChecksumStandsForTheBytes) {
    make_chain();
    const auto first = care_->checksum(layer(2), progress_);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->size(), 64U);
    EXPECT_EQ(*care_->checksum(layer(2), progress_), *first);
    EXPECT_NE(*care_->checksum(layer(3), progress_), *first);
    damage_(2);
    EXPECT_NE(*care_->checksum(layer(2), progress_), *first);
    EXPECT_EQ(care_->checksum(layer(9), progress_).error().code, Code::io_error);
    EXPECT_EQ(progress_.phases().front().name, "reading");
}

INSTANTIATE_TEST_SUITE_P(Implementations, Care, testing::Values(Kind::fake, Kind::real, Kind::encrypted), [](const auto& chosen) {
    return chosen.param == Kind::fake ? "Fake" : chosen.param == Kind::real ? "Real" : "Encrypted";
});

// --- qcow2 files ---

class RealCare : public testing::Test {
protected:
    void SetUp() override {
        AMIVIRT_NEED_PROGRAM("qemu-img");
        AMIVIRT_NEED_PROGRAM("qemu-io");
    }
    std::string path(unsigned number) { return store_->source(layer(number)).location; }
    void io(const std::vector<unsigned>& chain, const std::vector<std::string>& commands) { qemu_io(*store_, key_file_, chain, commands); }
    /// 1 <- 2 <- 3, sealed, `size` large, with some data each.
    void make_chain(Bytes size, Encrypted encrypted) {
        ASSERT_TRUE(store_->create(layer(1), std::nullopt, size, encrypted));
        io({1}, {"write -P 1 0 8M"});
        ASSERT_TRUE(store_->create(layer(2), layer(1), size, encrypted));
        io({2, 1}, {"write -P 2 1M 1M", "write -P 1 4M 1M", "write -z 2M 1M"});
        ASSERT_TRUE(store_->create(layer(3), layer(2), size, encrypted));
        io({3, 2, 1}, {"write -P 3 3M 64k"});
        for (const unsigned number : {1U, 2U, 3U}) {
            ASSERT_TRUE(store_->seal(layer(number)));
        }
    }

    TemporaryFolder folder_;
    std::string key_file_ = folder_ / "layers.key";
    std::unique_ptr<ProcessRunner> processes_ = make_process_runner();
    NullLog log_;
    StoreOptions options_{folder_ / "disks", key_file_, Bytes{16ULL << 40U}, *processes_, log_};
    std::unique_ptr<VolumeStore> store_ = make_volume_store(options_);
    std::unique_ptr<LayerCare> care_ = make_layer_care(options_);
    fakes::RecordingProgress progress_;
};

TEST_F(RealCare, AMergeCopiesOnlyWhatDiffers) {
    for (const Encrypted encrypted : {Encrypted::no, Encrypted::yes}) {
        make_chain(Bytes{1ULL << 40U}, encrypted);
        const auto merged = care_->merge(layer(5), layer(3), layer(1), progress_);
        ASSERT_TRUE(merged) << merged.error().message;
        // What was written above the base: 2 MiB and 64 KiB; neither its data nor zeros.
        EXPECT_LT(allocated_bytes(path(5)), 3U << 20U);
        io({5, 1}, {"read -P 1 0 1M", "read -P 2 1M 1M", "read -P 0 2M 1M", "read -P 3 3M 64k", "read -P 1 4M 4M", "read -P 0 8M 8M"});
        EXPECT_EQ(mode_of(path(5)), 0444U);
        EXPECT_THAT(names(folder_ / "disks"), testing::SizeIs(4));
    }
}

TEST_F(RealCare, TheDisksOfAMergeAreEqual) {
    make_chain(Bytes{256ULL << 20U}, Encrypted::no);
    ASSERT_TRUE(care_->merge(layer(5), layer(3), layer(1), progress_));
    ASSERT_TRUE(care_->merge(layer(6), layer(3), std::nullopt, progress_));
    for (const unsigned number : {5U, 6U}) {
        const auto compared = shell({"qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", path(3), path(number)});
        EXPECT_EQ(compared.exit_status, 0) << compared.output;
    }
    const auto info = shell({"qemu-img", "info", path(5)});
    EXPECT_THAT(info.output, HasSubstr("backing file: " + layer(1).str() + ".qcow2 (actual path: "));
}

TEST_F(RealCare, AnEncryptedMergeShowsNoPlainText) {
    make_chain(Bytes{256ULL << 20U}, Encrypted::yes);
    ASSERT_TRUE(care_->merge(layer(5), layer(3), layer(1), progress_));
    ASSERT_TRUE(care_->merge(layer(6), layer(3), std::nullopt, progress_));
    for (const unsigned number : {5U, 6U}) {
        const std::string bytes = read_file(path(number));
        for (const char plain : {'\x01', '\x02', '\x03'}) {
            EXPECT_EQ(bytes.find(std::string(16, plain)), std::string::npos);
        }
    }
}

TEST_F(RealCare, AMergeIntoAPlainBaseUnderEncryptedLayers) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_size, Encrypted::no));
    io({1}, {"write -P 1 0 4M"});
    ASSERT_TRUE(store_->create(layer(2), layer(1), k_size, Encrypted::yes));
    io({2, 1}, {"write -P 2 1M 1M"});
    ASSERT_TRUE(store_->create(layer(3), layer(2), k_size, Encrypted::yes));
    io({3, 2, 1}, {"write -P 3 2M 1M"});
    for (const unsigned number : {1U, 2U, 3U}) {
        ASSERT_TRUE(store_->seal(layer(number)));
    }
    const auto merged = care_->merge(layer(5), layer(3), layer(1), progress_);
    ASSERT_TRUE(merged) << merged.error().message;
    io({5, 1}, {"read -P 1 0 1M", "read -P 2 1M 1M", "read -P 3 2M 1M", "read -P 1 3M 1M"});
    EXPECT_LT(allocated_bytes(path(5)), 3U << 20U);
}

TEST_F(RealCare, WithoutTheKeyEncryptedLayersAreUnreadableNotRekeyed) {
    make_chain(k_size, Encrypted::yes);
    std::filesystem::remove(key_file_);
    const auto care = make_layer_care(options_);
    const auto merged = care->merge(layer(5), layer(3), std::nullopt, progress_);
    ASSERT_FALSE(merged);
    EXPECT_EQ(merged.error().code, Code::store_corrupt);
    const auto checked = care->check(layer(1));
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Code::store_corrupt);
    EXPECT_THAT(checked.error().message, HasSubstr(key_file_));
    EXPECT_FALSE(checked.error().hint.empty());
    const auto made = make_volume_store(options_)->create(layer(4), layer(3), k_size, Encrypted::yes);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::store_corrupt);
    EXPECT_FALSE(std::filesystem::exists(key_file_));
    EXPECT_THAT(names(folder_ / "disks"), testing::SizeIs(3));
}

TEST_F(RealCare, AnotherKeyIsToldShortly) {
    make_chain(k_size, Encrypted::yes);
    ASSERT_TRUE(store_->create(layer(4), layer(3), k_size, Encrypted::no));
    ASSERT_TRUE(store_->seal(layer(4)));
    write_file(key_file_, std::string(64, 'a'));
    const auto care = make_layer_care(options_);
    for (const std::optional<LayerId>& base : {std::optional(layer(1)), std::optional<LayerId>()}) {
        const auto merged = care->merge(layer(5), layer(4), base, progress_);
        ASSERT_FALSE(merged);
        EXPECT_EQ(merged.error().code, Code::store_corrupt);
        EXPECT_THAT(merged.error().message,
                    HasSubstr("The key in \"" + key_file_ + "\" does not open the encrypted disk \"" + folder_.path()));
        EXPECT_LT(merged.error().message.size(), 250U);
    }
    const auto checked = care->check(layer(2));
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Code::store_corrupt);
    EXPECT_THAT(checked.error().message, HasSubstr(path(2)));
    EXPECT_THAT(names(folder_ / "disks"), testing::SizeIs(4));
}

TEST_F(RealCare, AChecksumIsSha256OfTheFile) {
    std::filesystem::create_directories(folder_ / "disks");
    const std::string bytes = noise((5U << 20U) + 17);
    write_file(path(1), bytes);
    EXPECT_EQ(*care_->checksum(layer(1), progress_), sha256_of(bytes));
    EXPECT_EQ(progress_.phases().front().steps.back(), Bytes{bytes.size()});
    write_file(path(1), "");
    EXPECT_EQ(*care_->checksum(layer(1), progress_), sha256_of(""));
}

TEST_F(RealCare, LeakedClustersAloneAreNoFault) {
    make_chain(k_size, Encrypted::no);
    ASSERT_TRUE(store_->create(layer(4), layer(3), k_size, Encrypted::no));
    // A refcount for a cluster that nothing points to, as a guest that died leaves it.
    std::string bytes = read_file(path(4));
    bytes.resize(bytes.size() + 65536, '\0');
    bytes[2 * 65536 + 2 * (bytes.size() / 65536 - 1) + 1] = 1;
    write_file(path(4), bytes);
    ASSERT_EQ(shell({"qemu-img", "check", "-q", path(4)}).exit_status, 3);
    EXPECT_THAT(*care_->check(layer(4)), IsEmpty());
}

TEST_F(RealCare, ACheckTakesNoLock) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_size, Encrypted::no));
    const auto empty = std::filesystem::file_size(path(1));
    // qemu-io holds the layer as a machine does, and shows by a write that it has it: had the check a lock, one would keep the other away.
    Command command;
    command.argv = {"qemu-io", "-f", "qcow2", "-c", "write -P 7 0 64k", "-c", "flush", "-c", "sleep 3000", path(1)};
    std::thread holder([&] { static_cast<void>(make_process_runner()->run(command)); });
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::filesystem::file_size(path(1)) == empty && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // until it is flushed
    const bool held = shell({"qemu-img", "check", "-q", path(1)}).exit_status != 0;
    const auto checked = care_->check(layer(1));
    holder.join();
    ASSERT_TRUE(held);
    ASSERT_TRUE(checked) << checked.error().message;
    EXPECT_THAT(*checked, IsEmpty());
}

TEST_F(RealCare, CheckNamesEachKindOfDamage) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_size, Encrypted::no));
    io({1}, {"write -P 1 0 1M"});
    const std::string whole = read_file(path(1));
    std::string bytes = whole;
    bytes[3 * 65536] = '\x12';  // the L1 table points nowhere
    write_file(path(1), bytes);
    auto faults = care_->check(layer(1));
    ASSERT_TRUE(faults) << faults.error().message;
    ASSERT_FALSE(faults->empty());
    EXPECT_THAT(faults->front(), HasSubstr(path(1)));
    EXPECT_THAT(faults->front(), testing::Not(HasSubstr("json:")));
    write_file(path(1), whole.substr(0, 65536));
    faults = care_->check(layer(1));
    ASSERT_TRUE(faults) << faults.error().message;
    ASSERT_FALSE(faults->empty());
    EXPECT_THAT(faults->front(), testing::Not(HasSubstr("json:")));
    write_file(path(1), whole.substr(0, 90));
    ASSERT_EQ(care_->check(layer(1))->size(), 1U);
}

TEST_F(RealCare, AFullDiskIsStoreFullAndLeavesNothing) {
    std::string reason;
    if (!mount_small(folder_ / "disks", "12m", reason)) {
        GTEST_SKIP() << reason;
    }
    make_chain(k_size, Encrypted::no);
    const std::string filler = folder_ / "disks/filler";
    while (std::ofstream(filler, std::ios::app) << std::string(65536, 'x') << std::flush) {
    }
    std::filesystem::resize_file(filler, std::filesystem::file_size(filler) - (1U << 19U));
    for (const std::optional<LayerId>& base : {std::optional(layer(1)), std::optional<LayerId>()}) {
        const auto merged = care_->merge(layer(5), layer(3), base, progress_);
        ASSERT_FALSE(merged);
        EXPECT_EQ(merged.error().code, Code::store_full) << merged.error().message;
        EXPECT_THAT(names(folder_ / "disks"), testing::SizeIs(4));
    }
}

TEST_F(RealCare, AFolderWithAnAwkwardNameWillDo) {
    options_.disks_folder = folder_ / "a, b=\"c\"/disks";
    options_.key_file = folder_ / "a, b=\"c\"/layers.key";
    store_ = make_volume_store(options_);
    care_ = make_layer_care(options_);
    for (const unsigned number : {1U, 2U, 3U}) {
        const auto parent = number == 1 ? std::nullopt : std::optional(layer(number - 1));
        ASSERT_TRUE(store_->create(layer(number), parent, number == 1 ? k_size : Bytes{3 * k_size.count}, Encrypted::yes));
        const auto grown = store_->grow(layer(number), Bytes{3 * k_size.count});
        ASSERT_TRUE(grown) << grown.error().message;
        ASSERT_TRUE(store_->seal(layer(number)));
    }
    const auto merged = care_->merge(layer(5), layer(3), layer(1), progress_);
    ASSERT_TRUE(merged) << merged.error().message;
    const auto alone = care_->merge(layer(6), layer(3), std::nullopt, progress_);
    ASSERT_TRUE(alone) << alone.error().message;
    EXPECT_THAT(*care_->check(layer(5)), IsEmpty());
}

}  // namespace
}  // namespace amivirt::contract
