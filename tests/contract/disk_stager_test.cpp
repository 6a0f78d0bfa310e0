// SourceStager, on the fake and on real files; compression and local files in detail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <thread>

#include "adapters/common/digest.hpp"
#include "adapters/common/files.hpp"
#include "adapters/fetch/fetch.hpp"
#include "amivirt/base/interrupt.hpp"
#include "disk_http_server.hpp"
#include "disk_support.hpp"
#include "fakes/fake_source_stager.hpp"
#include "fakes/recording_progress.hpp"

namespace amivirt::contract {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

enum class Kind { fake, real };

/// A stager with one plain file, one compressed one of the same disk, and one URL of it.
class AnyStager : public testing::TestWithParam<Kind> {
protected:
    AnyStager() {
        disk_ = noise(300000);
        plain_ = folder_ / "disk.img";
        packed_ = folder_ / "disk.img.gz";
        if (GetParam() == Kind::real) {
            stager_ = make_source_stager({folder_ / "staging", folder_ / "downloads", Bytes{1ULL << 40U}, log_});
            write_file(plain_, disk_);
            write_file(packed_, compressed(disk_, Filter::gzip));
            server_.put("/disk.img", {disk_, "\"v1\""});
            url_ = server_.url("/disk.img");
            plain_digest_ = sha256_of(disk_);
            change_ = [this] { write_file(plain_, disk_ + "more"); };
            return;
        }
        auto fake = std::make_unique<fakes::FakeSourceStager>(disks_);
        url_ = "http://example.org/disk.img";
        const fakes::FakeDisk content{disk_, "raw", Bytes{300000}, std::nullopt};
        fake->add(plain_, content);
        fake->add(packed_, content, fakes::Compressed::yes);
        fake->add(url_, content);
        plain_digest_ = fake->sha256(plain_);
        change_ = [this, fake = fake.get()] { fake->change(plain_); };
        stager_ = std::move(fake);
    }
    StageRequest request(const std::string& source) {
        StageRequest wanted;
        wanted.layer = layer(1);
        wanted.source = source;
        wanted.on_download = [this](const Download& download) -> Result<void> {
            announced_.push_back(download);
            return {};
        };
        return wanted;
    }

    TemporaryFolder folder_;
    NullLog log_;
    SilentProgress silent_;
    HttpServer server_;
    fakes::FakeDisks disks_;
    std::unique_ptr<SourceStager> stager_;
    std::string disk_, plain_, packed_, url_, plain_digest_;
    std::function<void()> change_;
    std::vector<Download> announced_;
};

TEST_P(AnyStager, APlainFileStaysWhereItLies) {
    const auto staged = stager_->stage(request(plain_), silent_);
    ASSERT_TRUE(staged);
    EXPECT_EQ(staged->disk.path, plain_);
    EXPECT_EQ(staged->disk.size, Bytes{300000});
    EXPECT_FALSE(staged->temporary);
    EXPECT_EQ(staged->source_sha256, plain_digest_);
    EXPECT_EQ(staged->content_sha256, plain_digest_);
    EXPECT_TRUE(stager_->check_unchanged(*staged));
    EXPECT_THAT(announced_, IsEmpty());
}

TEST_P(AnyStager, TheSameDiskHasTheSameContentHoweverItComes) {
    const auto packed = stager_->stage(request(packed_), silent_);
    ASSERT_TRUE(packed);
    EXPECT_TRUE(packed->temporary);
    EXPECT_EQ(packed->content_sha256, plain_digest_);
    EXPECT_NE(packed->source_sha256, plain_digest_);
    EXPECT_EQ(packed->disk.size, Bytes{300000});
    EXPECT_TRUE(stager_->check_unchanged(*packed));
    EXPECT_TRUE(stager_->discard(layer(1)));
    const auto fetched = stager_->stage(request(url_), silent_);
    ASSERT_TRUE(fetched);
    EXPECT_TRUE(fetched->temporary);
    EXPECT_EQ(fetched->content_sha256, plain_digest_);
    ASSERT_EQ(announced_.size(), 1U);
    EXPECT_EQ(announced_.front().url, url_);
    EXPECT_FALSE(announced_.front().file.empty());
    EXPECT_FALSE(announced_.front().validator.empty());
}

TEST_P(AnyStager, AWrongDigestIsAMismatch) {
    for (const std::string& source : {plain_, packed_, url_}) {
        StageRequest wanted = request(source);
        wanted.sha256 = std::string(64, '0');
        const auto staged = stager_->stage(wanted, silent_);
        ASSERT_FALSE(staged) << source;
        EXPECT_EQ(staged.error().code, Code::checksum_mismatch);
        EXPECT_THAT(staged.error().message, HasSubstr(source));
        EXPECT_THAT(staged.error().message, HasSubstr(wanted.sha256));
    }
}

TEST_P(AnyStager, ARightDigestIsTaken) {
    StageRequest wanted = request(plain_);
    wanted.sha256 = plain_digest_;
    EXPECT_TRUE(stager_->stage(wanted, silent_));
}

TEST_P(AnyStager, AMissingFileIsFetchFailed) {
    const auto staged = stager_->stage(request(folder_ / "absent.img"), silent_);
    ASSERT_FALSE(staged);
    EXPECT_EQ(staged.error().code, Code::fetch_failed);
    EXPECT_THAT(staged.error().message, HasSubstr("absent.img\""));
}

TEST_P(AnyStager, AChangeAfterStagingIsSeen) {
    const auto staged = stager_->stage(request(plain_), silent_);
    ASSERT_TRUE(staged);
    change_();
    const auto checked = stager_->check_unchanged(*staged);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Code::fetch_failed);
}

TEST_P(AnyStager, DiscardingIsIdempotent) {
    EXPECT_TRUE(stager_->discard(layer(1)));
    ASSERT_TRUE(stager_->stage(request(packed_), silent_));
    EXPECT_TRUE(stager_->discard(layer(1)));
    EXPECT_TRUE(stager_->discard(layer(1)));
    ASSERT_TRUE(stager_->stage(request(url_), silent_));
    EXPECT_TRUE(stager_->discard_download(announced_.front()));
    EXPECT_TRUE(stager_->discard_download(announced_.front()));
}

INSTANTIATE_TEST_SUITE_P(Implementations, AnyStager, testing::Values(Kind::fake, Kind::real),
                         [](const auto& chosen) { return chosen.param == Kind::fake ? "Fake" : "Real"; });

class LocalFiles : public testing::Test {
protected:
    Result<Staged> stage(const std::string& source, const std::string& sha256 = "") {
        StageRequest request;
        request.layer = layer(1);
        request.source = source;
        request.sha256 = sha256;
        return stager_->stage(request, progress_);
    }
    void refused(const std::string& source, Code code, const std::string& words) {
        const auto staged = stage(source);
        ASSERT_FALSE(staged) << source;
        EXPECT_EQ(staged.error().code, code) << staged.error().message;
        EXPECT_THAT(staged.error().message, HasSubstr(words));
        EXPECT_THAT(staged.error().message, HasSubstr("\"" + source + "\""));
        EXPECT_THAT(names(folder_ / "staging"), IsEmpty());
    }

    TemporaryFolder folder_;
    NullLog log_;
    fakes::RecordingProgress progress_;
    std::string file_ = folder_ / "disk.img";
    std::unique_ptr<SourceStager> stager_ = make_source_stager({folder_ / "staging", folder_ / "downloads", Bytes{32U << 20U}, log_});
};

TEST_F(LocalFiles, AFolderThatTheKernelDoesNotWantIsAnError) {
    const auto refused = files::make_folders("/proc/amivirt/a", 0700, files::Durable::no);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("/proc/amivirt"));
}

TEST_F(LocalFiles, WhatCannotBeReadIsNamed) {
    refused(folder_ / "absent", Code::fetch_failed, "There is no file");
    refused(folder_ / "absent/below", Code::fetch_failed, "There is no file");
    refused(folder_.path(), Code::fetch_failed, "is a directory");
    write_file(file_, "");
    refused(file_, Code::invalid_disk_image, "is empty");
    const std::string fifo = folder_ / "pipe";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    refused(fifo, Code::fetch_failed, "not a regular file");
    refused("/dev/zero", Code::fetch_failed, "not a regular file");
    refused("ftp://example.org/x", Code::fetch_failed, "\"ftp\"");
    const std::string large = folder_ / "large";
    write_file(large, "x");
    std::filesystem::resize_file(large, 1ULL << 40U);
    refused(large, Code::invalid_disk_image, "1.0 TiB long; the largest that is taken is 32.0 MiB");
}

TEST_F(LocalFiles, AnUnreadableFileIsNamed) {
    if (started_as_root()) {
        GTEST_SKIP() << "root reads everything";
    }
    write_file(file_, "x");
    ::chmod(file_.c_str(), 0);
    refused(file_, Code::fetch_failed, "Permission denied");
}

TEST_F(LocalFiles, AFileUrlAndALinkLeadToTheFile) {
    const std::string odd = folder_ / "my disk.img";
    write_file(odd, noise(5000));
    EXPECT_EQ(stage("file://" + folder_.path() + "/my%20disk.img")->disk.path, odd);
    std::filesystem::create_symlink(odd, folder_ / "link");
    EXPECT_EQ(stage(folder_ / "link")->disk.path, odd);
}

TEST_F(LocalFiles, ARelativePathBecomesAbsolute) {
    write_file(file_, noise(5000));
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder_.path());
    const auto staged = stage("disk.img");
    std::filesystem::current_path(before);
    ASSERT_TRUE(staged);
    EXPECT_EQ(staged->disk.path, file_);
}

TEST_F(LocalFiles, ReadingTellsItsProgress) {
    write_file(file_, noise(3U << 20U));
    ASSERT_TRUE(stage(file_));
    ASSERT_EQ(progress_.phases().size(), 1U);
    EXPECT_EQ(progress_.phases().front().name, "reading");
    EXPECT_EQ(progress_.phases().front().total, Bytes{3U << 20U});
    EXPECT_EQ(progress_.phases().front().steps.back(), Bytes{3U << 20U});
}

TEST_F(LocalFiles, AChangeWhileItIsReadIsSeen) {
    write_file(file_, noise(3U << 20U));
    progress_.on_step([this] { write_file(file_, noise(3U << 20U, 2)); });
    const auto staged = stage(file_);
    ASSERT_FALSE(staged);
    EXPECT_EQ(staged.error().code, Code::fetch_failed);
    EXPECT_THAT(staged.error().message, HasSubstr("changed while it was read"));
}

TEST_F(LocalFiles, AReplacedFileIsSeenEvenWithTheOldTime) {
    write_file(file_, noise(5000));
    const auto staged = stage(file_);
    ASSERT_TRUE(staged);
    const auto time = std::filesystem::last_write_time(file_);
    write_file(file_, noise(5000, 2));
    std::filesystem::last_write_time(file_, time);
    EXPECT_FALSE(stager_->check_unchanged(*staged));
    std::filesystem::remove(file_);
    EXPECT_FALSE(stager_->check_unchanged(*staged));
}

TEST_F(LocalFiles, ADigestMayBeWrittenInCapitals) {
    write_file(file_, "abc");
    EXPECT_TRUE(stage(file_, "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"));
}

class Packed : public LocalFiles, public testing::WithParamInterface<Filter> {};

TEST_P(Packed, IsUnpackedWithHolesWhateverItsName) {
    const std::string disk = noise(100000) + std::string(20U << 20U, '\0') + noise(777) + std::string(1U << 20U, '\0');
    const std::string packed = compressed(disk, GetParam());
    ASSERT_FALSE(packed.empty());
    write_file(file_, packed);
    const auto staged = stage(file_);
    ASSERT_TRUE(staged) << staged.error().message;
    EXPECT_EQ(staged->disk.path, folder_ / ("staging/" + layer(1).str() + ".staged"));
    EXPECT_TRUE(read_file(staged->disk.path) == disk);
    EXPECT_LT(allocated_bytes(staged->disk.path), 200000U);
    EXPECT_EQ(staged->source_sha256, sha256_of(packed));
    EXPECT_EQ(staged->content_sha256, sha256_of(disk));
    EXPECT_EQ(mode_of(folder_ / "staging"), 0700U);
    ASSERT_TRUE(stager_->discard(layer(1)));
    EXPECT_THAT(names(folder_ / "staging"), IsEmpty());
}

TEST_P(Packed, IsReadOverAllItsMembers) {
    const std::string first = noise(100000, 1);
    const std::string second = noise(50000, 2);
    write_file(file_, compressed(first, GetParam()) + compressed(second, GetParam()));
    const auto staged = stage(file_);
    ASSERT_TRUE(staged) << staged.error().message;
    EXPECT_TRUE(read_file(staged->disk.path) == first + second);
}

TEST_P(Packed, IsRefusedWhenTruncatedOrDamaged) {
    const std::string packed = compressed(noise(500000), GetParam());
    write_file(file_, packed.substr(0, packed.size() / 2));
    refused(file_, Code::invalid_disk_image, "truncated or damaged");
    std::string damaged = packed;
    if (GetParam() == Filter::zstd) {
        // libarchive writes no checksum, without which a frame cannot know.
        AMIVIRT_NEED_PROGRAM("zstd");
        const std::string other = folder_ / "other";
        write_file(other, noise(500000));
        ASSERT_EQ(shell({"zstd", "-q", other}).exit_status, 0);
        damaged = read_file(other + ".zst");
    }
    for (std::size_t i = packed.size() / 2; i < packed.size() / 2 + 64; ++i) {
        damaged[i] = static_cast<char>(~damaged[i]);
    }
    write_file(file_, damaged);
    refused(file_, Code::invalid_disk_image, "truncated or damaged");
}

TEST_P(Packed, IsRefusedWhenItHoldsNothing) {
    write_file(file_, compressed("", GetParam()));
    refused(file_, Code::invalid_disk_image, "unpacks to nothing");
}

TEST_P(Packed, IsRefusedWhenItGrowsBeyondTheLimit) {
    write_file(file_, compressed(std::string(40U << 20U, '\0'), GetParam()));
    refused(file_, Code::invalid_disk_image, "unpacks to more than 32.0 MiB");
}

TEST_P(Packed, LeavesNothingBehindAfterAWrongDigestOrAnInterrupt) {
    write_file(file_, compressed(noise(1U << 20U), GetParam()));
    EXPECT_EQ(stage(file_, std::string(64, 'a')).error().code, Code::checksum_mismatch);
    EXPECT_THAT(names(folder_ / "staging"), IsEmpty());
    const LaterInterrupt now(0);
    progress_.on_step([] {
        while (pending_interrupt() == 0) {
        }
    });
    EXPECT_THROW(static_cast<void>(stage(file_)), Interrupted);
    EXPECT_THAT(names(folder_ / "staging"), IsEmpty());
}

TEST_P(Packed, AFullDiskIsStoreFullAndLeavesNothing) {
    std::string reason;
    write_file(file_, compressed(noise(1U << 20U), GetParam()));
    if (!mount_small(folder_ / "staging", "512k", reason)) {
        GTEST_SKIP() << reason;
    }
    const auto staged = stage(file_);
    ASSERT_FALSE(staged);
    EXPECT_EQ(staged.error().code, Code::store_full);
    EXPECT_THAT(names(folder_ / "staging"), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Filters, Packed, testing::Values(Filter::gzip, Filter::xz, Filter::zstd), [](const auto& chosen) {
    switch (chosen.param) {
        case Filter::gzip:
            return "gzip";
        case Filter::xz:
            return "xz";
        case Filter::zstd:
            break;
    }
    return "zstd";
});

TEST_F(LocalFiles, ScratchIsInStagingAndGoesWithTheLayer) {
    const std::string scratch = stager_->scratch(layer(1));
    write_file(scratch, noise(5000));
    EXPECT_EQ(stage(scratch)->disk.path, scratch);
    ASSERT_TRUE(stager_->discard(layer(1)));
    EXPECT_FALSE(std::filesystem::exists(scratch));
}

}  // namespace
}  // namespace amivirt::contract
