// Downloads: servers that drop, refuse, forget and lie; two at once; what a crash leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "adapters/common/digest.hpp"
#include "adapters/fetch/download.hpp"
#include "adapters/fetch/fetch.hpp"
#include "amivirt/base/interrupt.hpp"
#include "disk_http_server.hpp"
#include "disk_support.hpp"
#include "fakes/recording_progress.hpp"

namespace amivirt::contract {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Urls : public testing::Test {
protected:
    Urls() {
        ::unsetenv("http_proxy");
        ::unsetenv("all_proxy");
    }
    Result<Staged> stage(const std::string& path, unsigned number = 1, const std::string& sha256 = "") {
        StageRequest request;
        request.layer = layer(number);
        request.source = path.find("://") == std::string::npos ? server_.url(path) : path;
        request.sha256 = sha256;
        request.resume = resume_;
        request.on_download = [this](const Download& download) -> Result<void> {
            // Nothing may be kept before it is announced.
            announced_.push_back(download);
            bytes_when_announced_ = std::filesystem::exists(folder_ / ("downloads/" + download.file))
                                        ? std::filesystem::file_size(folder_ / ("downloads/" + download.file))
                                        : 0;
            return refusal_ ? Result<void>(*refusal_) : Result<void>();
        };
        return stager_->stage(request, progress_);
    }
    void put(Resource resource) { server_.put("/disk.img", std::move(resource)); }
    void expect_whole(const Result<Staged>& staged, const std::string& body) {
        ASSERT_TRUE(staged) << staged.error().message;
        EXPECT_TRUE(read_file(staged->disk.path) == body);
        EXPECT_EQ(staged->source_sha256, sha256_of(body));
        EXPECT_EQ(staged->content_sha256, sha256_of(body));
        EXPECT_THAT(names(folder_ / "downloads"), IsEmpty());
    }
    std::string header(std::size_t request, const std::string& name) {
        const auto requests = server_.requests();
        const auto found = requests.at(request).headers.find(name);
        return found == requests.at(request).headers.end() ? "" : found->second;
    }

    TemporaryFolder folder_;
    NullLog log_;
    HttpServer server_;
    fakes::RecordingProgress progress_;
    std::optional<Download> resume_;
    std::optional<Error> refusal_;
    std::vector<Download> announced_;
    std::uintmax_t bytes_when_announced_ = 0;
    std::string body_ = noise(1000000);
    std::unique_ptr<SourceStager> stager_ = make_source_stager({folder_ / "staging", folder_ / "downloads", Bytes{32U << 20U}, log_});
};

TEST_F(Urls, AreDownloadedIntoStaging) {
    put({body_, "\"v1\""});
    const auto staged = stage("/disk.img");
    expect_whole(staged, body_);
    EXPECT_TRUE(staged->temporary);
    EXPECT_THAT(names(folder_ / "staging"), ElementsAre(layer(1).str() + ".staged"));
    ASSERT_THAT(announced_, SizeIs(1));
    EXPECT_EQ(announced_.front().validator, "\"v1\"");
    EXPECT_EQ(bytes_when_announced_, 0U);
    ASSERT_EQ(progress_.phases().size(), 1U);
    EXPECT_EQ(progress_.phases().front().name, "downloading");
    EXPECT_EQ(progress_.phases().front().total, Bytes{1000000});
    EXPECT_EQ(progress_.phases().front().steps.back(), Bytes{1000000});
}

TEST_F(Urls, AreUnpackedAfterTheDownload) {
    const std::string packed = compressed(body_, Filter::xz);
    put({packed, "\"v1\""});
    const auto staged = stage("/disk.img", 1, sha256_of(packed));
    ASSERT_TRUE(staged) << staged.error().message;
    EXPECT_TRUE(read_file(staged->disk.path) == body_);
    EXPECT_EQ(staged->source_sha256, sha256_of(packed));
    EXPECT_EQ(staged->content_sha256, sha256_of(body_));
    EXPECT_THAT(names(folder_ / "downloads"), IsEmpty());
    EXPECT_THAT(names(folder_ / "staging"), ElementsAre(layer(1).str() + ".staged"));
}

TEST_F(Urls, ADroppedConnectionIsResumedWhereItBroke) {
    Resource resource{body_, "\"v1\""};
    resource.drop_after = 300000;
    resource.drops = 2;
    put(resource);
    expect_whole(stage("/disk.img"), body_);
    ASSERT_THAT(server_.requests(), SizeIs(3));
    EXPECT_EQ(header(0, "range"), "");
    EXPECT_EQ(header(1, "range"), "bytes=299999-");
    EXPECT_EQ(header(1, "if-range"), "\"v1\"");
    EXPECT_THAT(announced_, SizeIs(1));
}

TEST_F(Urls, TheDateServesWhereThereIsNoStrongTag) {
    Resource resource{body_, "W/\"weak\"", "Sun, 22 Nov 2026 10:00:00 GMT"};
    resource.drop_after = 300000;
    resource.drops = 1;
    resource.obeys_if_range = false;
    put(resource);
    expect_whole(stage("/disk.img"), body_);
    EXPECT_EQ(header(1, "if-range"), "Sun, 22 Nov 2026 10:00:00 GMT");
}

TEST_F(Urls, WithoutAValidatorTheDownloadStartsOverAndIsNotAnnounced) {
    Resource resource{body_};
    resource.drop_after = 300000;
    resource.drops = 1;
    put(resource);
    expect_whole(stage("/disk.img"), body_);
    EXPECT_EQ(header(1, "range"), "");
    EXPECT_THAT(announced_, IsEmpty());
    EXPECT_THAT(names(folder_ / "staging"), ElementsAre(layer(1).str() + ".staged"));
}

TEST_F(Urls, AServerWithoutRangesStartsOver) {
    Resource resource{body_, "\"v1\""};
    resource.ranges = false;
    resource.drop_after = 300000;
    resource.drops = 1;
    put(resource);
    expect_whole(stage("/disk.img"), body_);
}

TEST_F(Urls, AServerThatSendsTheWrongRangeStartsOver) {
    Resource resource{body_, "\"v1\""};
    resource.wrong_range = true;
    resource.drop_after = 300000;
    resource.drops = 1;
    put(resource);
    expect_whole(stage("/disk.img"), body_);
}

TEST_F(Urls, AConnectionThatKeepsDroppingWithoutProgressFails) {
    Resource resource{body_, "\"v1\""};
    resource.drop_after = 1;
    resource.drops = 100;
    put(resource);
    const auto staged = stage("/disk.img");
    ASSERT_FALSE(staged);
    EXPECT_EQ(staged.error().code, Code::fetch_failed);
    EXPECT_THAT(staged.error().message, HasSubstr(server_.url("/disk.img")));
    EXPECT_LE(server_.requests().size(), 6U);
}

TEST_F(Urls, AResetWithoutALengthIsNoEnd) {
    Resource resource{body_, "\"v1\""};
    resource.length = false;
    resource.drop_after = 300000;
    resource.drops = 1;
    put(resource);
    const auto staged = stage("/disk.img");
    expect_whole(staged, body_);
}

TEST_F(Urls, ABusyServerIsAskedAgain) {
    Resource resource{body_, "\"v1\""};
    resource.failures = 2;
    put(resource);
    expect_whole(stage("/disk.img"), body_);
    EXPECT_THAT(server_.requests(), SizeIs(3));
}

TEST_F(Urls, NotFoundIsToldAtOnce) {
    const auto staged = stage("/absent.img");
    ASSERT_FALSE(staged);
    EXPECT_EQ(staged.error().code, Code::fetch_failed);
    EXPECT_EQ(staged.error().message, "Cannot download \"" + server_.url("/absent.img") + "\": the server answered 404 Not Found.");
    EXPECT_THAT(server_.requests(), SizeIs(1));
    EXPECT_THAT(names(folder_ / "downloads"), IsEmpty());
    EXPECT_THAT(names(folder_ / "staging"), IsEmpty());
}

TEST_F(Urls, AServerThatIsNotThereIsNamed) {
    const auto staged = stage("http://127.0.0.1:1/disk.img");
    ASSERT_FALSE(staged);
    EXPECT_EQ(staged.error().code, Code::fetch_failed);
    EXPECT_THAT(staged.error().message, HasSubstr("http://127.0.0.1:1/disk.img"));
}

TEST_F(Urls, RedirectsAreFollowedButNotForeverAndNotToFiles) {
    put({body_, "\"v1\""});
    Resource moved;
    moved.status = 302;
    moved.location = server_.url("/disk.img");
    server_.put("/moved", moved);
    expect_whole(stage("/moved"), body_);
    EXPECT_EQ(announced_.front().url, server_.url("/moved"));
    moved.location = "/loop";
    server_.put("/loop", moved);
    EXPECT_EQ(stage("/loop", 2).error().code, Code::fetch_failed);
    moved.location = "file:///etc/passwd";
    server_.put("/evil", moved);
    EXPECT_EQ(stage("/evil", 3).error().code, Code::fetch_failed);
    EXPECT_THAT(names(folder_ / "staging"), ElementsAre(layer(1).str() + ".staged"));
}

TEST_F(Urls, AnEmptyAnswerIsRefused) {
    put({"", "\"v1\""});
    EXPECT_EQ(stage("/disk.img").error().code, Code::invalid_disk_image);
    EXPECT_THAT(names(folder_ / "downloads"), IsEmpty());
}

TEST_F(Urls, AWrongDigestKeepsNothing) {
    put({body_, "\"v1\""});
    EXPECT_EQ(stage("/disk.img", 1, std::string(64, '0')).error().code, Code::checksum_mismatch);
    EXPECT_THAT(names(folder_ / "downloads"), IsEmpty());
    EXPECT_THAT(names(folder_ / "staging"), IsEmpty());
}

TEST_F(Urls, WhatIsTooLargeIsRefusedBeforeItIsRead) {
    put({noise(1U << 20U) + std::string(32U << 20U, '\0'), "\"v1\""});
    const auto staged = stage("/disk.img");
    ASSERT_FALSE(staged);
    EXPECT_EQ(staged.error().code, Code::invalid_disk_image);
    EXPECT_THAT(staged.error().message, HasSubstr("33.0 MiB long; the largest that is taken is 32.0 MiB"));
    EXPECT_THAT(names(folder_ / "downloads"), IsEmpty());
}

TEST_F(Urls, AFailedAnnouncementKeepsNothing) {
    put({body_, "\"v1\""});
    refusal_ = Error(Code::store_corrupt, "no row");
    EXPECT_EQ(stage("/disk.img").error().message, "no row");
    EXPECT_THAT(names(folder_ / "downloads"), IsEmpty());
}

TEST_F(Urls, CredentialsStayOutOfMessages) {
    std::string url = server_.url("/absent.img");
    url.insert(7, "me:secret@");
    const auto staged = stage(url);
    ASSERT_FALSE(staged);
    EXPECT_THAT(staged.error().message, testing::Not(HasSubstr("secret")));
    EXPECT_EQ(header(0, "authorization"), "Basic bWU6c2VjcmV0");
}

// --- a later process goes on ---

class Resumed : public Urls {
protected:
    /// An earlier process got this far.
    void leave_partial(const std::string& bytes, const std::string& validator) {
        std::filesystem::create_directories(folder_ / "downloads");
        const std::string url = server_.url("/disk.img");
        resume_ = Download{url, partial_name(url), validator, {}};
        write_file(folder_ / ("downloads/" + resume_->file), bytes);
    }
};

TEST_F(Resumed, FromWhatIsThere) {
    leave_partial(body_.substr(0, 400000), "\"v1\"");
    put({body_, "\"v1\""});
    expect_whole(stage("/disk.img"), body_);
    ASSERT_THAT(server_.requests(), SizeIs(1));
    EXPECT_EQ(header(0, "range"), "bytes=399999-");
    EXPECT_THAT(announced_, IsEmpty());
}

TEST_F(Resumed, EvenIfOnlyTheRenameWasMissing) {
    leave_partial(body_, "\"v1\"");
    put({body_, "\"v1\""});
    expect_whole(stage("/disk.img"), body_);
    EXPECT_THAT(server_.requests(), SizeIs(1));
}

TEST_F(Resumed, ANewVersionOnTheServerStartsOver) {
    const std::string newer = noise(900000, 9);
    leave_partial(body_.substr(0, 400000), "\"v1\"");
    put({newer, "\"v2\""});
    expect_whole(stage("/disk.img"), newer);
    ASSERT_THAT(announced_, SizeIs(1));
    EXPECT_EQ(announced_.front().validator, "\"v2\"");
}

TEST_F(Resumed, ANewVersionIsSeenThoughTheServerIgnoresIfRange) {
    const std::string newer = noise(900000, 9);
    leave_partial(body_.substr(0, 400000), "\"v1\"");
    Resource resource{newer, "\"v2\""};
    resource.obeys_if_range = false;
    put(resource);
    expect_whole(stage("/disk.img"), newer);
}

TEST_F(Resumed, AShorterVersionStartsOver) {
    const std::string newer = noise(1000, 9);
    leave_partial(body_.substr(0, 400000), "\"v1\"");
    Resource resource{newer, "\"v2\""};
    resource.obeys_if_range = false;
    put(resource);
    expect_whole(stage("/disk.img"), newer);
}

TEST_F(Resumed, AScribbledPartialIsCaughtByItsLastByteOrTheDigest) {
    leave_partial(noise(400000, 5), "\"v1\"");
    put({body_, "\"v1\""});
    const auto staged = stage("/disk.img", 1, sha256_of(body_));
    if (staged) {
        expect_whole(staged, body_);
    } else {
        EXPECT_EQ(staged.error().code, Code::checksum_mismatch);
        EXPECT_THAT(names(folder_ / "downloads"), IsEmpty());
    }
}

TEST_F(Resumed, ARecordWithAStrangeNameIsNotFollowed) {
    put({body_, "\"v1\""});
    write_file(folder_ / "precious", "x");
    resume_ = Download{server_.url("/disk.img"), "../precious", "\"v1\"", {}};
    ASSERT_TRUE(stage("/disk.img"));
    EXPECT_EQ(stager_->discard_download(*resume_).error().code, Code::store_corrupt);
    EXPECT_EQ(read_file(folder_ / "precious"), "x");
}

TEST_F(Resumed, AnInterruptKeepsWhatCame) {
    Resource resource{body_, "\"v1\""};
    resource.pause_ms = 40;
    put(resource);
    {
        const LaterInterrupt later(250);
        EXPECT_THROW(static_cast<void>(stage("/disk.img")), Interrupted);
    }
    ASSERT_THAT(announced_, SizeIs(1));
    const std::string partial = folder_ / ("downloads/" + announced_.front().file);
    const auto kept = std::filesystem::file_size(partial);
    EXPECT_GT(kept, 0U);
    EXPECT_LT(kept, body_.size());
    resume_ = announced_.front();
    put({body_, "\"v1\""});
    expect_whole(stage("/disk.img"), body_);
    EXPECT_EQ(header(1, "range"), "bytes=" + std::to_string(kept - 1) + "-");
}

TEST_F(Resumed, DiscardingRemovesThePartialUnlessSomebodyIsAtIt) {
    leave_partial(body_.substr(0, 1000), "\"v1\"");
    const std::string partial = folder_ / ("downloads/" + resume_->file);
    const int other = ::open(partial.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::flock(other, LOCK_EX), 0);
    ASSERT_TRUE(stager_->discard_download(*resume_));
    EXPECT_TRUE(std::filesystem::exists(partial));
    ::close(other);
    ASSERT_TRUE(stager_->discard_download(*resume_));
    EXPECT_FALSE(std::filesystem::exists(partial));
}

TEST_F(Resumed, APartialNobodyRecordsGoesAfterTwoDays) {
    std::filesystem::create_directories(folder_ / "downloads");
    const std::string old = folder_ / "downloads/0123456789abcdef0123456789abcdef.part";
    const std::string young = folder_ / "downloads/1123456789abcdef0123456789abcdef.part";
    write_file(old, "x");
    write_file(young, "x");
    std::filesystem::last_write_time(old, std::filesystem::file_time_type::clock::now() - std::chrono::hours(49));
    put({body_, "\"v1\""});
    ASSERT_TRUE(stage("/disk.img"));
    EXPECT_FALSE(std::filesystem::exists(old));
    EXPECT_TRUE(std::filesystem::exists(young));
}

// --- two at once ---

TEST_F(Urls, TwoAtOnceEachGetTheWholeFile) {
    Resource resource{body_, "\"v1\""};
    resource.pause_ms = 10;
    put(resource);
    std::vector<std::thread> threads;
    std::vector<Result<Staged>> results(4, Result<Staged>(Error(Code::internal_error, "not run")));
    for (unsigned i = 0; i < results.size(); ++i) {
        threads.emplace_back([&, i] {
            const auto own = make_source_stager({folder_ / "staging", folder_ / "downloads", Bytes{32U << 20U}, log_});
            StageRequest request;
            request.layer = layer(i + 1);
            request.source = server_.url("/disk.img");
            SilentProgress silent;
            results[i] = own->stage(request, silent);
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    for (unsigned i = 0; i < results.size(); ++i) {
        ASSERT_TRUE(results[i]) << results[i].error().message;
        EXPECT_TRUE(read_file(results[i]->disk.path) == body_);
    }
    EXPECT_THAT(names(folder_ / "downloads"), IsEmpty());
    EXPECT_THAT(names(folder_ / "staging"), SizeIs(4));
}

TEST_F(Urls, AFullDiskIsStoreFullAndLeavesNothing) {
    std::string reason;
    if (!mount_small(folder_ / "downloads", "512k", reason)) {
        GTEST_SKIP() << reason;
    }
    put({body_, "\"v1\""});
    const auto staged = stage("/disk.img");
    ASSERT_FALSE(staged);
    EXPECT_EQ(staged.error().code, Code::store_full);
    EXPECT_THAT(names(folder_ / "downloads"), IsEmpty());
}

}  // namespace
}  // namespace amivirt::contract
