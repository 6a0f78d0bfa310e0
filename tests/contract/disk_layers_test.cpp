// VolumeStore's layers over their life: sealed, grown, looked at, encrypted; on the fake and on qcow2 files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "adapters/process/process_runner.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "disk_support.hpp"
#include "fakes/fake_disk.hpp"
#include "fakes/fake_volume_store.hpp"

namespace amivirt::contract {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Bytes k_gib{1ULL << 30U};

enum class Kind { fake, real };

class Layers : public testing::TestWithParam<Kind> {
protected:
    Layers() {
        if (GetParam() == Kind::real) {
            store_ = make_volume_store({folder_ / "disks", folder_ / "layers.key", Bytes{16ULL << 40U}, *processes_, log_});
            scribble_ = [this](unsigned number) {
                const std::string file = store_->source(layer(number)).location;
                std::filesystem::remove(file);
                write_file(file, "scribble");
            };
        } else {
            auto fake = std::make_unique<fakes::FakeVolumeStore>(disks_);
            scribble_ = [fake = fake.get()](unsigned number) { fake->scribble(layer(number)); };
            store_ = std::move(fake);
        }
    }
    void SetUp() override {
        if (GetParam() == Kind::real) {
            AMIVIRT_NEED_PROGRAM("qemu-img");
        }
    }
    LayerFile look(unsigned number) {
        const auto file = store_->look(layer(number));
        EXPECT_TRUE(file) << file.error().message;
        return file.value_or(std::nullopt).value_or(LayerFile{});
    }

    TemporaryFolder folder_;
    std::unique_ptr<ProcessRunner> processes_ = make_process_runner();
    NullLog log_;
    fakes::FakeDisks disks_;
    std::unique_ptr<VolumeStore> store_;
    std::function<void(unsigned)> scribble_;
};

TEST_P(Layers, LookTellsWhatTheHeaderSays) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    ASSERT_TRUE(store_->create(layer(2), layer(1), Bytes{2ULL << 30U}, Encrypted::yes));
    const LayerFile below = look(1);
    EXPECT_EQ(below.virtual_size, k_gib);
    EXPECT_FALSE(below.parent);
    EXPECT_FALSE(below.encrypted);
    EXPECT_FALSE(below.read_only);
    const LayerFile above = look(2);
    EXPECT_EQ(above.virtual_size, Bytes{2ULL << 30U});
    EXPECT_EQ(above.parent, layer(1));
    EXPECT_TRUE(above.encrypted);
    EXPECT_GT(above.file_size.count, 0U);
    EXPECT_GT(above.allocated.count, 0U);
    EXPECT_GT(above.modified_ns, 0);
}

TEST_P(Layers, LookKnowsAnAbsentFileFromABadOne) {
    const auto absent = store_->look(layer(1));
    ASSERT_TRUE(absent);
    EXPECT_FALSE(*absent);
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    scribble_(1);
    const auto bad = store_->look(layer(1));
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code, Code::store_corrupt);
    EXPECT_THAT(bad.error().message, HasSubstr(layer(1).str()));
}

TEST_P(Layers, ASealedLayerIsReadOnlyAndLooksLikeItsSeal) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    const auto seal = store_->seal(layer(1));
    ASSERT_TRUE(seal) << seal.error().message;
    EXPECT_TRUE(look(1).read_only);
    EXPECT_EQ(seal->file_size, look(1).file_size);
    EXPECT_EQ(seal->modified_ns, look(1).modified_ns);
    EXPECT_EQ(seal->sha256, "");
    EXPECT_EQ(*store_->seal(layer(1)), *seal);
    EXPECT_TRUE(store_->create(layer(2), layer(1), k_gib, Encrypted::no));
    EXPECT_TRUE(store_->remove(layer(1)));
}

TEST_P(Layers, WhatIsNoLayerIsNotSealed) {
    EXPECT_EQ(store_->seal(layer(1)).error().code, Code::io_error);
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    scribble_(1);
    EXPECT_EQ(store_->seal(layer(1)).error().code, Code::store_corrupt);
}

TEST_P(Layers, GrowthIsIdempotentAndNeverShrinks) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    ASSERT_TRUE(store_->create(layer(2), layer(1), k_gib, Encrypted::no));
    const auto grown = store_->grow(layer(2), Bytes{3ULL << 30U});
    ASSERT_TRUE(grown) << grown.error().message;
    EXPECT_EQ(look(2).virtual_size, Bytes{3ULL << 30U});
    EXPECT_EQ(look(2).parent, layer(1));
    ASSERT_TRUE(store_->grow(layer(2), Bytes{3ULL << 30U}));
    ASSERT_TRUE(store_->grow(layer(2), Bytes{2ULL << 30U}));
    EXPECT_EQ(look(2).virtual_size, Bytes{3ULL << 30U});
    EXPECT_EQ(look(1).virtual_size, k_gib);
}

TEST_P(Layers, AnEncryptedLayerGrows) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::yes));
    const auto grown = store_->grow(layer(1), Bytes{3ULL << 30U});
    ASSERT_TRUE(grown) << grown.error().message;
    EXPECT_EQ(look(1).virtual_size, Bytes{3ULL << 30U});
    EXPECT_TRUE(look(1).encrypted);
}

TEST_P(Layers, WhatCannotGrowSaysWhy) {
    EXPECT_EQ(store_->grow(layer(1), k_gib).error().code, Code::io_error);
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    const auto odd = store_->grow(layer(1), Bytes{k_gib.count + 1});
    ASSERT_FALSE(odd);
    EXPECT_EQ(odd.error().code, Code::invalid_parameter_value);
    EXPECT_THAT(odd.error().message, HasSubstr("1073741825"));
    ASSERT_TRUE(store_->seal(layer(1)));
    const auto sealed = store_->grow(layer(1), Bytes{2ULL << 30U});
    ASSERT_FALSE(sealed);
    EXPECT_EQ(sealed.error().code, Code::incorrect_state);
    EXPECT_THAT(sealed.error().message, HasSubstr(layer(1).str()));
    EXPECT_EQ(look(1).virtual_size, k_gib);
    ASSERT_TRUE(store_->create(layer(2), std::nullopt, k_gib, Encrypted::no));
    scribble_(2);
    EXPECT_EQ(store_->grow(layer(2), Bytes{2ULL << 30U}).error().code, Code::store_corrupt);
}

TEST_P(Layers, AnOverlaySmallerThanItsParentIsRefused) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::yes));
    for (const Encrypted encrypted : {Encrypted::yes, Encrypted::no}) {
        const auto made = store_->create(layer(2), layer(1), Bytes{1U << 20U}, encrypted);
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().code, Code::invalid_parameter_value);
    }
    EXPECT_THAT(store_->contents()->layers, ElementsAre(layer(1)));
}

INSTANTIATE_TEST_SUITE_P(Implementations, Layers, testing::Values(Kind::fake, Kind::real),
                         [](const auto& chosen) { return chosen.param == Kind::fake ? "Fake" : "Real"; });

// --- qcow2 files ---

class RealLayers : public testing::Test {
protected:
    void SetUp() override {
        AMIVIRT_NEED_PROGRAM("qemu-img");
        AMIVIRT_NEED_PROGRAM("qemu-io");
    }
    std::string path(unsigned number) { return store_->source(layer(number)).location; }
    std::unique_ptr<VolumeStore> store_of_another_process() {
        return make_volume_store({folder_ / "disks", key_file_, Bytes{16ULL << 40U}, *processes_, log_});
    }
    void io(const std::vector<unsigned>& chain, const std::vector<std::string>& commands) { qemu_io(*store_, key_file_, chain, commands); }

    TemporaryFolder folder_;
    std::string key_file_ = folder_ / "layers.key";
    std::unique_ptr<ProcessRunner> processes_ = make_process_runner();
    NullLog log_;
    std::unique_ptr<VolumeStore> store_ = store_of_another_process();
};

TEST_F(RealLayers, AnEncryptedLayerTakesWritesAndShowsNoneOfThem) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::yes));
    io({1}, {"write -P 0x53 0 1M", "write -P 0x54 700M 64k", "read -P 0x53 0 1M", "read -P 0 1M 1M", "read -P 0x54 700M 64k"});
    const std::string bytes = read_file(path(1));
    for (const char plain : {'\x53', '\x54'}) {
        EXPECT_EQ(bytes.find(std::string(16, plain)), std::string::npos);
    }
    EXPECT_EQ(bytes.find(read_file(key_file_)), std::string::npos);
}

TEST_F(RealLayers, PlainAndEncryptedLayersStackBothWays) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    io({1}, {"write -P 1 0 4M"});
    ASSERT_TRUE(store_->create(layer(2), layer(1), k_gib, Encrypted::yes));
    io({2, 1}, {"write -P 2 1M 1M"});
    ASSERT_TRUE(store_->create(layer(3), layer(2), k_gib, Encrypted::yes));
    io({3, 2, 1}, {"write -P 3 2M 1M"});
    ASSERT_TRUE(store_->create(layer(4), layer(3), Bytes{2ULL << 30U}, Encrypted::no));
    io({4, 3, 2, 1},
       {"write -P 4 1500M 4k", "read -P 1 0 1M", "read -P 2 1M 1M", "read -P 3 2M 1M", "read -P 1 3M 1M", "read -P 4 1500M 4k"});
}

TEST_F(RealLayers, EncryptedOverlaysOfAnySizePassQemuImgsCheck) {
    unsigned number = 1;
    for (const std::uint64_t size : {512ULL, 1ULL << 30U, (1ULL << 40U) + 512, 16ULL << 40U}) {
        ASSERT_TRUE(store_->create(layer(number), std::nullopt, Bytes{size}, Encrypted::yes));
        const auto checked = shell({"qemu-img", "check", "--object", "secret,id=k,file=" + key_file_, "--image-opts",
                                    "driver=qcow2,encrypt.format=luks,encrypt.key-secret=k,file.filename=" + path(number)});
        EXPECT_EQ(checked.exit_status, 0) << checked.output;
        EXPECT_THAT(checked.output, HasSubstr("No errors were found"));
        ++number;
    }
    const auto info = shell({"qemu-img", "info", path(2)});
    EXPECT_THAT(info.output, HasSubstr("encrypted: yes"));
    EXPECT_THAT(info.output, HasSubstr("cipher alg: aes-256"));
    EXPECT_THAT(info.output, HasSubstr("stripes: 4000"));
    EXPECT_LE(allocated_bytes(path(2)), 288U << 10U);
    EXPECT_EQ(mode_of(path(2)), 0600U);
}

TEST_F(RealLayers, TwoEncryptedLayersShareNoDataKey) {
    for (const unsigned number : {1U, 2U}) {
        ASSERT_TRUE(store_->create(layer(number), std::nullopt, k_gib, Encrypted::yes));
        io({number}, {"write -P 0x53 0 64k"});
    }
    const auto tail = [&](unsigned number) { return read_file(path(number)).substr(std::filesystem::file_size(path(number)) - 65536); };
    EXPECT_NE(tail(1), tail(2));
}

TEST_F(RealLayers, AnotherKeyOpensNothing) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::yes));
    write_file(folder_ / "other.key", std::string(64, 'a'));
    const auto opened = shell({"qemu-io", "--object", "secret,id=k,file=" + (folder_ / "other.key"), "--image-opts", "-c", "read 0 4k",
                               "driver=qcow2,encrypt.format=luks,encrypt.key-secret=k,file.filename=" + path(1)});
    EXPECT_NE(opened.exit_status, 0);
}

TEST_F(RealLayers, TheKeyIsMadeOnceAndForOwnersEyesOnly) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    EXPECT_FALSE(std::filesystem::exists(key_file_));
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::yes));
    const std::string key = read_file(key_file_);
    EXPECT_THAT(key, testing::MatchesRegex("[0-9a-f]+"));
    EXPECT_EQ(key.size(), 64U);
    EXPECT_EQ(mode_of(key_file_), 0600U);
    ASSERT_TRUE(store_of_another_process()->create(layer(2), std::nullopt, k_gib, Encrypted::yes));
    EXPECT_EQ(read_file(key_file_), key);
    EXPECT_THAT(names(folder_.path()), ElementsAre("disks", "layers.key"));
}

TEST_F(RealLayers, RacingStoresAgreeOnOneKey) {
    constexpr unsigned k_racers = 8;
    // What a process left that was killed while it made the key.
    write_file(key_file_ + ".tmp", "half a key");
    std::vector<std::thread> racers;
    for (unsigned number = 1; number <= k_racers; ++number) {
        racers.emplace_back([&, number, store = std::shared_ptr(store_of_another_process())] {
            EXPECT_TRUE(store->create(layer(number), std::nullopt, k_gib, Encrypted::yes));
        });
    }
    for (std::thread& racer : racers) {
        racer.join();
    }
    for (unsigned number = 1; number <= k_racers; ++number) {
        io({number}, {"read -P 0 0 4k"});
    }
    EXPECT_EQ(mode_of(key_file_), 0600U);
    EXPECT_THAT(names(folder_.path()), ElementsAre("disks", "layers.key"));
}

TEST_F(RealLayers, AFileThatHoldsNoKeyIsKeptAndNamed) {
    for (const std::string& content : {std::string(), std::string(63, 'a'), std::string(64, 'a') + "\n", std::string(64, 'A')}) {
        write_file(key_file_, content);
        const auto made = store_->create(layer(1), std::nullopt, k_gib, Encrypted::yes);
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().code, Code::store_corrupt);
        EXPECT_THAT(made.error().message, HasSubstr(key_file_));
        EXPECT_EQ(read_file(key_file_), content);
        EXPECT_THAT(names(folder_ / "disks"), IsEmpty());
    }
}

TEST_F(RealLayers, ALostKeyIsNotReplacedWhereAnythingIsEncrypted) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::yes));
    ASSERT_TRUE(store_->create(layer(2), layer(1), k_gib, Encrypted::no));
    ASSERT_TRUE(store_->seal(layer(1)));
    const std::string key = read_file(key_file_);
    const auto expect_missing = [&](const std::optional<LayerId>& parent) {
        const auto made = store_of_another_process()->create(layer(3), parent, k_gib, Encrypted::yes);
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().code, Code::store_corrupt);
        EXPECT_THAT(made.error().message, HasSubstr(key_file_ + "\" is not there"));
        EXPECT_THAT(made.error().hint, HasSubstr("from a backup"));
        EXPECT_THAT(names(folder_.path()), ElementsAre("disks"));
        EXPECT_THAT(store_->contents()->layers, testing::SizeIs(testing::Le(2)));
    };
    std::filesystem::remove(key_file_);
    expect_missing(std::nullopt);
    expect_missing(layer(2));
    expect_missing(layer(1));
    EXPECT_TRUE(store_of_another_process()->create(layer(4), std::nullopt, k_gib, Encrypted::no)) << "that needs none";
    ASSERT_TRUE(store_->remove(layer(4)));
    // Damaged, and encrypted all the same.
    write_file(path(2), "QFI\xfb" + std::string(100, '\1'));
    ASSERT_TRUE(store_->remove(layer(1)));
    expect_missing(std::nullopt);
    write_file(key_file_, key);
    EXPECT_TRUE(store_of_another_process()->create(layer(3), std::nullopt, k_gib, Encrypted::yes));
    io({3}, {"read -P 0 0 4k"});
    // Nothing is encrypted any more, and so nothing needs the old one.
    ASSERT_TRUE(store_->remove(layer(2)));
    ASSERT_TRUE(store_->remove(layer(3)));
    std::filesystem::remove(key_file_);
    EXPECT_TRUE(store_of_another_process()->create(layer(3), std::nullopt, k_gib, Encrypted::yes));
    EXPECT_NE(read_file(key_file_), key);
}

TEST_F(RealLayers, AnotherKeyIsToldShortly) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::yes));
    write_file(key_file_, std::string(64, 'a'));
    const auto grown = store_->grow(layer(1), Bytes{2ULL << 30U});
    ASSERT_FALSE(grown);
    EXPECT_EQ(grown.error().code, Code::store_corrupt);
    EXPECT_EQ(grown.error().message,
              "The key in \"" + key_file_ + "\" does not open the encrypted disk \"" + path(1) + "\": it was made with another one.");
    EXPECT_THAT(grown.error().hint, HasSubstr("from a backup"));
    EXPECT_EQ((*store_->look(layer(1)))->virtual_size, k_gib);
}

TEST_F(RealLayers, LookRefusesFilesThatEndWithinTheirHeaders) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    ASSERT_TRUE(store_->create(layer(2), layer(1), k_gib, Encrypted::no));
    const std::string whole = read_file(path(2));
    for (const std::size_t size : {0U, 3U, 7U, 8U, 71U, 103U, 140U}) {
        write_file(path(2), whole.substr(0, size));
        const auto looked = store_->look(layer(2));
        ASSERT_FALSE(looked) << size;
        EXPECT_EQ(looked.error().code, Code::store_corrupt) << size;
        EXPECT_EQ(store_->grow(layer(2), Bytes{2ULL << 30U}).error().code, Code::store_corrupt);
    }
    write_file(path(2), whole.substr(0, 4096));
    EXPECT_TRUE(store_->look(layer(2)));
}

TEST_F(RealLayers, LookSeesWhatQemuImgWrites) {
    std::filesystem::create_directories(folder_ / "disks");
    ASSERT_EQ(shell({"qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", path(1), "1G"}).exit_status, 0);
    ASSERT_EQ(shell({"qemu-img", "create", "-q", "-f", "qcow2", "-b", layer(1).str() + ".qcow2", "-F", "qcow2", path(2), "2G"}).exit_status,
              0);
    ASSERT_EQ(shell({"qemu-img", "create", "-q", "-f", "qcow2", "-b", path(1), "-F", "qcow2", path(3), "2G"}).exit_status, 0);
    EXPECT_EQ((*store_->look(layer(1)))->virtual_size, k_gib);
    EXPECT_EQ((*store_->look(layer(2)))->parent, layer(1));
    EXPECT_EQ(store_->look(layer(3)).error().code, Code::store_corrupt) << "an absolute name is none of ours";
}

TEST_F(RealLayers, WhatStandsOnNoLayerIsUsedForNothing) {
    const std::string secret = folder_ / "secret";
    write_file(secret, "the host's");
    const auto care = make_layer_care({folder_ / "disks", key_file_, Bytes{16ULL << 40U}, *processes_, log_});
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    for (const std::string& below : {secret, std::string("../secret"), path(1), "./" + layer(1).str() + ".qcow2"}) {
        ASSERT_EQ(shell({"qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", below, "-F", "raw", path(2), "1G"}).exit_status, 0);
        const auto looked = store_->look(layer(2));
        ASSERT_FALSE(looked) << below;
        EXPECT_EQ(looked.error().code, Code::store_corrupt);
        EXPECT_THAT(looked.error().message, HasSubstr(path(2) + "\" has a backing file that is no layer: \"" + below + "\""));
        EXPECT_EQ(store_->seal(layer(2)).error().code, Code::store_corrupt);
        EXPECT_EQ(store_->grow(layer(2), Bytes{2ULL << 30U}).error().code, Code::store_corrupt);
        EXPECT_EQ(store_->create(layer(3), layer(2), k_gib, Encrypted::no).error().code, Code::store_corrupt);
        EXPECT_EQ(care->rebase(layer(2), layer(1)).error().code, Code::store_corrupt);
        EXPECT_THAT(*care->check(layer(2)), ElementsAre(looked.error().message));
    }
}

TEST_F(RealLayers, LookRefusesFeaturesThatNoLayerHas) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    std::string bytes = read_file(path(1));
    const auto look_with = [&](char features) {
        bytes[79] = features;
        write_file(path(1), bytes);
        return store_->look(layer(1));
    };
    EXPECT_TRUE(look_with(1)) << "QEMU died: it mends that";
    EXPECT_THAT(look_with(2).error().message, HasSubstr("marked as damaged"));
    EXPECT_THAT(look_with(4).error().message, HasSubstr("its data in another file"));
    EXPECT_THAT(look_with(8).error().message, HasSubstr("features that no layer has"));
    EXPECT_EQ(look_with(16).error().code, Code::store_corrupt);
    EXPECT_TRUE(look_with(0));
    EXPECT_EQ(shell({"qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=" + (folder_ / "data"), path(2), "1M"}).exit_status, 0);
    EXPECT_EQ(store_->look(layer(2)).error().code, Code::store_corrupt);
}

TEST_F(RealLayers, AGrownLayerKeepsItsDataAndReadsZerosBeyond) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    io({1}, {"write -P 1 0 4M"});
    ASSERT_TRUE(store_->create(layer(2), layer(1), k_gib, Encrypted::no));
    io({2, 1}, {"write -P 2 1M 1M"});
    ASSERT_TRUE(store_->grow(layer(2), Bytes{100ULL << 30U}));
    io({2, 1}, {"read -P 1 0 1M", "read -P 2 1M 1M", "read -P 1 2M 2M", "read -P 0 1G 1M", "read -P 0 99G 1M"});
    EXPECT_EQ(mode_of(path(2)), 0600U);
    EXPECT_EQ(shell({"qemu-img", "check", path(2)}).exit_status, 0);
}

TEST_F(RealLayers, AGuestMayReadALayerWhileItIsSealed) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    const std::ifstream reader(path(1));
    ASSERT_TRUE(store_->seal(layer(1)));
    EXPECT_EQ(mode_of(path(1)), 0444U);
    if (started_as_root()) {
        struct stat status {};
        ASSERT_EQ(::chmod(path(1).c_str(), 0600), 0);
        ASSERT_EQ(::chown(path(1).c_str(), 12345, 12345), 0);
        ASSERT_TRUE(store_->seal(layer(1)));
        ASSERT_EQ(::stat(path(1).c_str(), &status), 0);
        EXPECT_EQ(status.st_uid, 0U) << "the hypervisor's user could make it writable";
    }
}

TEST_F(RealLayers, AFullDiskIsStoreFullAndLeavesNothingEncrypted) {
    std::string reason;
    if (!mount_small(folder_ / "disks", "128k", reason)) {
        GTEST_SKIP() << reason;
    }
    const auto made = store_->create(layer(1), std::nullopt, k_gib, Encrypted::yes);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::store_full);
    EXPECT_THAT(names(folder_ / "disks"), IsEmpty());
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    write_file(folder_ / "disks/filler", noise(128U << 10U).substr(0, (128U << 10U) - 20480));
    while (std::ofstream(folder_ / "disks/filler", std::ios::app) << std::string(4096, 'x') << std::flush) {
    }
    const auto grown = store_->grow(layer(1), Bytes{1ULL << 50U});
    ASSERT_FALSE(grown);
    EXPECT_EQ(grown.error().code, Code::store_full) << grown.error().message;
    EXPECT_EQ((*store_->look(layer(1)))->virtual_size, k_gib);
}

}  // namespace
}  // namespace amivirt::contract
