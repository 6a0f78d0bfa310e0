// VolumeStore, on the fake and on qcow2 files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <memory>

#include "adapters/process/process_runner.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "amivirt/base/interrupt.hpp"
#include "disk_support.hpp"
#include "fakes/fake_disk.hpp"
#include "fakes/fake_volume_store.hpp"
#include "fakes/recording_progress.hpp"

namespace amivirt::contract {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Bytes k_gib{1ULL << 30U};

enum class Kind { fake, real };

class Store : public testing::TestWithParam<Kind> {
protected:
    Store() {
        if (GetParam() == Kind::real) {
            store_ = make_volume_store({folder_ / "disks", folder_ / "layers.key", Bytes{16ULL << 40U}, *processes_, log_});
        } else {
            store_ = std::make_unique<fakes::FakeVolumeStore>(disks_);
        }
    }
    void SetUp() override {
        if (GetParam() == Kind::real) {
            AMIVIRT_NEED_PROGRAM("qemu-img");
        }
    }
    LayerFile look(const LayerId& id) {
        const auto file = store_->look(id);
        EXPECT_TRUE(file) << file.error().message;
        return file.value_or(std::nullopt).value_or(LayerFile{});
    }
    /// A raw disk of 1 MiB.
    StagedDisk disk() {
        const std::string path = folder_ / "source.img";
        write_file(path, noise(1U << 20U));
        disks_.put(path, {"content", "raw", Bytes{1U << 20U}, std::nullopt});
        return {path, Bytes{1U << 20U}};
    }

    TemporaryFolder folder_;
    std::unique_ptr<ProcessRunner> processes_ = make_process_runner();
    NullLog log_;
    fakes::FakeDisks disks_;
    std::unique_ptr<VolumeStore> store_;
    SilentProgress silent_;
};

TEST_P(Store, IsEmptyAtFirst) {
    const auto contents = store_->contents();
    ASSERT_TRUE(contents);
    EXPECT_THAT(contents->layers, IsEmpty());
    EXPECT_THAT(contents->unknown, IsEmpty());
}

TEST_P(Store, ALayerIsThereFromCreationToRemoval) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    EXPECT_THAT(store_->contents()->layers, ElementsAre(layer(1)));
    EXPECT_EQ(look(layer(1)).virtual_size, k_gib);
    EXPECT_GT(look(layer(1)).allocated.count, 0U);
    ASSERT_TRUE(store_->remove(layer(1)));
    EXPECT_THAT(store_->contents()->layers, IsEmpty());
    EXPECT_FALSE(store_->look(layer(1)).value());
}

TEST_P(Store, RemovalIsIdempotent) { EXPECT_TRUE(store_->remove(layer(1))); }

TEST_P(Store, CreationReplaces) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, Bytes{2ULL << 30U}, Encrypted::no));
    EXPECT_EQ(look(layer(1)).virtual_size, Bytes{2ULL << 30U});
}

TEST_P(Store, AParentMustBeThere) {
    const auto made = store_->create(layer(2), layer(1), k_gib, Encrypted::no);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::io_error);
    EXPECT_THAT(made.error().message, HasSubstr(layer(1).str()));
    EXPECT_THAT(store_->contents()->layers, IsEmpty());
}

TEST_P(Store, AnImportedDiskIsALayer) {
    const StagedDisk staged = disk();
    const auto probed = store_->probe(staged, "source.img");
    ASSERT_TRUE(probed) << probed.error().message;
    EXPECT_EQ(probed->format, "raw");
    EXPECT_EQ(probed->virtual_size, Bytes{1U << 20U});
    ASSERT_TRUE(store_->import(layer(1), staged, *probed, silent_));
    EXPECT_THAT(store_->contents()->layers, ElementsAre(layer(1)));
    EXPECT_EQ(look(layer(1)).virtual_size, Bytes{1U << 20U});
    ASSERT_TRUE(store_->create(layer(2), layer(1), k_gib, Encrypted::no));
    EXPECT_EQ(look(layer(2)).virtual_size, k_gib);
}

TEST_P(Store, AMissingDiskIsRefusedByTheNameTheUserGave) {
    const auto probed = store_->probe({folder_ / "absent", Bytes{1}}, "my disk");
    ASSERT_FALSE(probed);
    EXPECT_EQ(probed.error().code, Code::invalid_disk_image);
    EXPECT_THAT(probed.error().message, HasSubstr("\"my disk\""));
}

TEST_P(Store, AnInterruptedImportLeavesNothing) {
    const StagedDisk staged = disk();
    const auto probed = store_->probe(staged, "source.img");
    ASSERT_TRUE(probed);
    fakes::RecordingProgress progress;
    {
        const LaterInterrupt now(0);
        while (pending_interrupt() == 0) {
        }
        EXPECT_THROW(static_cast<void>(store_->import(layer(1), staged, *probed, progress)), Interrupted);
    }
    EXPECT_THAT(store_->contents()->layers, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Implementations, Store, testing::Values(Kind::fake, Kind::real),
                         [](const auto& chosen) { return chosen.param == Kind::fake ? "Fake" : "Real"; });

// --- qcow2 files ---

class RealStore : public testing::Test {
protected:
    void SetUp() override { AMIVIRT_NEED_PROGRAM("qemu-img"); }
    LayerFile look(const LayerId& id) {
        const auto file = store_->look(id);
        EXPECT_TRUE(file) << file.error().message;
        return file.value_or(std::nullopt).value_or(LayerFile{});
    }
    std::string path(unsigned number) { return store_->source(layer(number)).location; }
    ProbedDisk probe(const std::string& file) {
        const auto probed = store_->probe({file, Bytes{std::filesystem::file_size(file)}}, file);
        EXPECT_TRUE(probed) << probed.error().message;
        return probed.value_or(ProbedDisk{});
    }
    Result<void> import(unsigned number, const std::string& file) {
        return store_->import(layer(number), {file, Bytes{std::filesystem::file_size(file)}}, probe(file), progress_);
    }

    TemporaryFolder folder_;
    std::unique_ptr<ProcessRunner> processes_ = make_process_runner();
    NullLog log_;
    std::unique_ptr<VolumeStore> store_ =
        make_volume_store({folder_ / "disks", folder_ / "layers.key", Bytes{16ULL << 40U}, *processes_, log_});
    fakes::RecordingProgress progress_;
};

TEST_F(RealStore, OverlaysOfAnySizePassQemuImgsCheckAndEqualItsOwn) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, Bytes{512}, Encrypted::no));
    unsigned number = 2;
    for (const std::uint64_t size : {1ULL << 20U, (1ULL << 29U) + 512, 8ULL << 30U, 1ULL << 40U, 16ULL << 40U}) {
        ASSERT_TRUE(store_->create(layer(number), layer(1), Bytes{size}, Encrypted::no));
        const auto checked = shell({"qemu-img", "check", path(number)});
        EXPECT_EQ(checked.exit_status, 0) << checked.output;
        const std::string reference = folder_ / "disks/reference.qcow2";
        ASSERT_EQ(shell({"qemu-img", "create", "-q", "-f", "qcow2", "-b", layer(1).str() + ".qcow2", "-F", "qcow2", reference,
                         std::to_string(size)})
                      .exit_status,
                  0);
        if (size <= 8ULL << 30U) {
            const auto compared = shell({"qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", path(number), reference});
            EXPECT_EQ(compared.exit_status, 0) << compared.output;
        }
        const auto info = shell({"qemu-img", "info", path(number)});
        EXPECT_THAT(info.output, HasSubstr("(" + std::to_string(size) + " bytes)"));
        EXPECT_THAT(info.output, HasSubstr("backing file: " + layer(1).str() + ".qcow2 (actual path: "));
        EXPECT_THAT(info.output, HasSubstr("backing file format: qcow2"));
        ++number;
    }
}

TEST_F(RealStore, AnOverlayTakesWritesAndReadsThroughToItsParent) {
    AMIVIRT_NEED_PROGRAM("qemu-io");
    const std::string source = folder_ / "source.img";
    write_file(source, std::string(1U << 20U, 'p') + std::string(1U << 20U, '\0'));
    std::filesystem::resize_file(source, 8U << 20U);
    write_file(source, std::string(512, '\0') + std::string((1U << 20U) - 512, 'p'));
    ASSERT_TRUE(import(1, source));
    ASSERT_TRUE(store_->create(layer(2), layer(1), k_gib, Encrypted::no));
    const auto io = shell({"qemu-io", "-f", "qcow2", "-c", "read -P 0x70 4k 4k", "-c", "write -P 0x77 900M 1M", "-c",
                           "read -P 0x77 900M 1M", "-c", "read -P 0 500M 1M", path(2)});
    EXPECT_EQ(io.exit_status, 0) << io.output;
    EXPECT_THAT(io.output, testing::Not(HasSubstr("verification failed")));
    EXPECT_EQ(shell({"qemu-img", "check", path(2)}).exit_status, 0);
}

TEST_F(RealStore, AnOverlayIsPrivateSmallAndAlone) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, Bytes{16ULL << 40U}, Encrypted::no));
    EXPECT_EQ(mode_of(path(1)), 0600U);
    EXPECT_LE(allocated_bytes(path(1)), 32768U);
    EXPECT_EQ(look(layer(1)).allocated.count, allocated_bytes(path(1)));
    EXPECT_THAT(names(folder_ / "disks"), ElementsAre(layer(1).str() + ".qcow2"));
    EXPECT_EQ(mode_of(folder_ / "disks"), 0711U);
}

TEST_F(RealStore, AnOverlaySmallerThanItsParentIsRefused) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    const auto made = store_->create(layer(2), layer(1), Bytes{1U << 20U}, Encrypted::no);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::invalid_parameter_value);
    EXPECT_THAT(made.error().message, HasSubstr("1.0 GiB"));
    EXPECT_THAT(store_->contents()->layers, ElementsAre(layer(1)));
}

TEST_F(RealStore, AParentThatIsNoQcow2IsACorruptStore) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    write_file(path(1), "scribble");
    EXPECT_EQ(store_->create(layer(2), layer(1), k_gib, Encrypted::no).error().code, Code::store_corrupt);
    EXPECT_EQ(store_->look(layer(1)).error().code, Code::store_corrupt);
}

class EachFormat : public RealStore, public testing::WithParamInterface<const char*> {};

TEST_P(EachFormat, IsRecognisedWhateverItsNameAndConvertedByteForByte) {
    const std::string original = folder_ / "original.img";
    write_file(original, noise(3U << 20U));
    std::filesystem::resize_file(original, 64U << 20U);
    const std::string kind = GetParam();
    const std::string format = kind.substr(0, kind.find(','));
    const std::string file = folder_ / "misnamed.txt";
    std::vector<std::string> convert{"qemu-img", "convert", "-f", "raw", "-O", format, original, file};
    if (kind.size() > format.size()) {
        const std::string option = kind.substr(format.size() + 1);
        if (option == "-c") {
            convert.insert(convert.begin() + 2, "-c");
        } else {
            convert.insert(convert.begin() + 2, {"-o", option});
        }
    }
    const auto converted = shell(convert);
    ASSERT_EQ(converted.exit_status, 0) << converted.output;
    EXPECT_EQ(probe(file).format, format);
    const auto done = import(1, file);
    ASSERT_TRUE(done) << done.error().message;
    const auto compared = shell({"qemu-img", "compare", "-f", "raw", "-F", "qcow2", original, path(1)});
    EXPECT_EQ(compared.exit_status, 0) << compared.output;
    EXPECT_EQ(mode_of(path(1)), 0444U);
    EXPECT_LT(allocated_bytes(path(1)), 5U << 20U);
    EXPECT_THAT(names(folder_ / "disks"), ElementsAre(layer(1).str() + ".qcow2"));
}

INSTANTIATE_TEST_SUITE_P(Formats, EachFormat,
                         testing::Values("raw", "qcow2", "qcow2,compat=0.10", "qcow2,compression_type=zstd", "qcow2,-c",
                                         "qcow2,cluster_size=2M", "qcow2,extended_l2=on", "vmdk", "vmdk,subformat=streamOptimized", "vpc",
                                         "vpc,subformat=fixed", "vhdx", "vhdx,subformat=fixed", "vdi", "vdi,static=on"),
                         [](const auto& chosen) {
                             std::string name(chosen.param);
                             for (char& c : name) {
                                 c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
                             }
                             return name;
                         });

TEST_F(RealStore, TheSameDiskGivesTheSameLayer) {
    const std::string source = folder_ / "source.img";
    write_file(source, noise(5U << 20U));
    ASSERT_TRUE(import(1, source));
    ASSERT_TRUE(import(2, source));
    EXPECT_EQ(read_file(path(1)), read_file(path(2)));
}

TEST_F(RealStore, ImportTellsItsProgress) {
    const std::string source = folder_ / "source.img";
    write_file(source, noise(8U << 20U));
    ASSERT_TRUE(import(1, source));
    ASSERT_EQ(progress_.phases().size(), 1U);
    const auto phase = progress_.phases().front();
    EXPECT_EQ(phase.name, "converting");
    EXPECT_EQ(phase.total, Bytes{8U << 20U});
    EXPECT_GT(phase.steps.size(), 2U);
    EXPECT_TRUE(std::is_sorted(phase.steps.begin(), phase.steps.end()));
    EXPECT_EQ(phase.steps.back(), Bytes{8U << 20U});
}

TEST_F(RealStore, AFileWithAnAwkwardNameIsImported) {
    for (const std::string name :
         {"a,b=c.img", "json:{}.img", "nbd:x.img", "with \"quotes\" and spaces.img", "-o.img", "caf\xc3\xa9.img"}) {
        const std::string source = folder_ / name;
        write_file(source, noise(1U << 20U));
        const auto done = import(1, source);
        EXPECT_TRUE(done) << name << ": " << done.error().message;
    }
}

TEST_F(RealStore, TemporariesCountAsTheirLayerAndStrangersAreNamed) {
    ASSERT_TRUE(store_->create(layer(1), std::nullopt, k_gib, Encrypted::no));
    write_file(folder_ / ("disks/" + layer(2).str() + ".tmp"), "half");
    write_file(folder_ / "disks/notes.txt", "x");
    write_file(folder_ / "disks/layer-short.qcow2", "x");
    const auto contents = store_->contents();
    ASSERT_TRUE(contents);
    EXPECT_THAT(contents->layers, ElementsAre(layer(1), layer(2)));
    EXPECT_THAT(contents->unknown, ElementsAre("layer-short.qcow2", "notes.txt"));
    ASSERT_TRUE(store_->remove(layer(2)));
    EXPECT_THAT(store_->contents()->layers, ElementsAre(layer(1)));
    EXPECT_TRUE(std::filesystem::exists(folder_ / "disks/notes.txt"));
}

TEST_F(RealStore, AFullDiskIsStoreFullAndLeavesNothing) {
    std::string reason;
    const std::string source = folder_ / "source.img";
    write_file(source, noise(8U << 20U));
    if (!mount_small(folder_ / "disks", "2m", reason)) {
        GTEST_SKIP() << reason;
    }
    const auto done = import(1, source);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::store_full) << done.error().message;
    EXPECT_FALSE(done.error().hint.empty());
    EXPECT_THAT(names(folder_ / "disks"), IsEmpty());

    write_file(folder_ / "disks/filler", noise(2U << 20U).substr(0, (2U << 20U) - 4096));
    const auto made = store_->create(layer(2), std::nullopt, k_gib, Encrypted::no);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::store_full);
    EXPECT_THAT(names(folder_ / "disks"), ElementsAre("filler"));
}

TEST_F(RealStore, AnInterruptDuringTheConversionLeavesNothing) {
    const std::string source = folder_ / "source.img";
    write_file(source, noise(64U << 20U));
    const ProbedDisk probed = probe(source);
    const LaterInterrupt later(30);
    try {
        static_cast<void>(store_->import(layer(1), {source, Bytes{64U << 20U}}, probed, progress_));
        while (pending_interrupt() == 0) {
        }
        GTEST_SKIP() << "the conversion was faster than the interrupt";
    } catch (const Interrupted&) {
        EXPECT_THAT(names(folder_ / "disks"), IsEmpty());
    }
}

TEST(QemuImgHealth, NamesWhatIsThereAndTheCommandForWhatIsNot) {
    const auto processes = make_process_runner();
    const auto findings = make_qemu_img_health(*processes)->check();
    ASSERT_EQ(findings.size(), 2U);
    for (const Finding& finding : findings) {
        EXPECT_EQ(finding.remedy.empty(), finding.health == Health::ok) << finding.subject;
        EXPECT_FALSE(finding.detail.empty());
    }
    ::setenv("PATH", "/nowhere", 1);
    for (const Finding& finding : make_qemu_img_health(*processes)->check()) {
        EXPECT_EQ(finding.health, Health::fault);
        EXPECT_TRUE(finding.remedy.starts_with("apt-get install qemu-")) << finding.remedy;
    }
    ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
}

}  // namespace
}  // namespace amivirt::contract
