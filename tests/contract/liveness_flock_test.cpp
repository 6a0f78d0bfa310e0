// What only real locks know: files, races, failures.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "adapters/process/liveness.hpp"
#include "fakes/fake_id_source.hpp"
#include "temporary_folder.hpp"

namespace amivirt::contract {

namespace {

using fakes::nth_id;
using testing::HasSubstr;

class FlockLiveness : public testing::Test {
protected:
    [[nodiscard]] std::string file(const OperationId& operation) const { return path_ + "/" + operation.str(); }

    TemporaryFolder folder_;
    std::string path_ = folder_ / "locks";
    std::unique_ptr<Liveness> liveness_ = make_flock_liveness(path_);
};

TEST_F(FlockLiveness, FilesAreForTheirOwnerOnlyAndNotInherited) {
    const auto before = ::umask(0);
    const auto id = nth_id<OperationId>(1);
    const auto held = liveness_->hold(id);
    ::umask(before);
    ASSERT_TRUE(held);
    struct stat facts {};
    ASSERT_EQ(::stat(file(id).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);
    ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0700U);
    // A program that we start must not keep the lock when we die.
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code ignored;
        if (std::filesystem::read_symlink(entry.path(), ignored) == file(id)) {
            ++found;
            EXPECT_NE(::fcntl(std::stoi(entry.path().filename()), F_GETFD) & FD_CLOEXEC, 0);
        }
    }
    EXPECT_EQ(found, 1);
}

TEST_F(FlockLiveness, ASweepLeavesWhatIsNotItsOwn) {
    std::filesystem::create_directory(path_);
    std::ofstream(path_ + "/README") << "mine";
    std::filesystem::create_directory(path_ + "/op-folder");
    ASSERT_TRUE(liveness_->sweep({}));
    EXPECT_TRUE(std::filesystem::exists(path_ + "/README"));
    EXPECT_TRUE(std::filesystem::exists(path_ + "/op-folder"));
}

TEST_F(FlockLiveness, AFolderThatCannotBeMadeIsNamed) {
    std::ofstream(path_) << "a file in its place";
    const auto id = nth_id<OperationId>(1);
    const auto held = liveness_->hold(id);
    ASSERT_FALSE(held);
    EXPECT_EQ(held.error().code, Code::io_error);
    EXPECT_THAT(held.error().message, HasSubstr(path_));
    const auto adopted = liveness_->adopt(id);
    ASSERT_FALSE(adopted);
    EXPECT_EQ(adopted.error().code, Code::io_error);
    const auto swept = liveness_->sweep({});
    ASSERT_FALSE(swept);
    EXPECT_EQ(swept.error().code, Code::io_error);
    EXPECT_THAT(swept.error().message, HasSubstr(path_));

    const auto elsewhere = make_flock_liveness(folder_ / "no/such/folder")->hold(id);
    ASSERT_FALSE(elsewhere);
    EXPECT_THAT(elsewhere.error().message, HasSubstr("No such file or directory"));
}

TEST_F(FlockLiveness, ALinkInPlaceOfALockIsNotFollowed) {
    const auto id = nth_id<OperationId>(1);
    std::filesystem::create_directory(path_);
    std::filesystem::create_symlink(folder_ / "elsewhere", file(id));
    const auto held = liveness_->hold(id);
    ASSERT_FALSE(held);
    EXPECT_EQ(held.error().code, Code::io_error);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "elsewhere"));
}

TEST_F(FlockLiveness, OfManyProcessesExactlyOneAdopts) {
    constexpr int k_processes = 6;
    for (std::uint64_t round = 1; round <= 20; ++round) {
        const auto id = nth_id<OperationId>(round);
        if (round % 2 == 0) {  // with the lock of the dead still there, and without
            std::ofstream dead(file(id));
        }
        int start[2];
        int done[2];
        ASSERT_EQ(::pipe(start), 0);
        ASSERT_EQ(::pipe(done), 0);
        std::vector<pid_t> children;
        for (int i = 0; i < k_processes; ++i) {
            const pid_t child = ::fork();
            if (child == 0) {
                ::close(start[1]);
                ::close(done[1]);
                char byte = 0;
                static_cast<void>(!::read(start[0], &byte, 1));
                const auto adopted = make_flock_liveness(path_)->adopt(id);
                const int status = !adopted ? 2 : (*adopted != nullptr ? 1 : 0);
                ::close(start[0]);
                // Keeps what it has until all had their turn.
                if (status == 1) {
                    static_cast<void>(!::read(done[0], &byte, 1));
                }
                ::_exit(status);
            }
            children.push_back(child);
        }
        ::close(start[0]);
        ::close(done[0]);
        ::close(start[1]);
        // The losers end by themselves; the winner when told.
        int winners = 0;
        int losers = 0;
        while (losers < k_processes - 1) {
            int status = 0;
            const pid_t child = ::waitpid(-1, &status, 0);
            ASSERT_GT(child, 0);
            ASSERT_TRUE(WIFEXITED(status));
            ASSERT_EQ(WEXITSTATUS(status), 0) << "round " << round;
            std::erase(children, child);
            ++losers;
        }
        ::close(done[1]);
        for (const pid_t child : children) {
            int status = 0;
            ::waitpid(child, &status, 0);
            winners += WIFEXITED(status) && WEXITSTATUS(status) == 1 ? 1 : 0;
        }
        EXPECT_EQ(winners, 1) << "round " << round;
    }
}

// A sweep can unlink a lock's file between the open and the lock of the one that is about to hold it. Whoever then goes on with the
// nameless file protects nothing.
TEST_F(FlockLiveness, ASweepNeverTakesALockFromItsNewHolder) {
    std::atomic<bool> stop{false};
    std::atomic<int> sweep_failures{0};
    std::vector<std::thread> sweepers;
    for (int i = 0; i < 3; ++i) {
        sweepers.emplace_back([&] {
            const auto other = make_flock_liveness(path_);
            while (!stop) {
                sweep_failures += other->sweep({}) ? 0 : 1;
            }
        });
    }
    int lost = 0;
    int failed = 0;
    for (std::uint64_t n = 1; n <= 3000; ++n) {
        const auto id = nth_id<OperationId>(n);
        const auto held = liveness_->hold(id);
        if (!held) {
            ++failed;
            continue;
        }
        lost += std::filesystem::exists(file(id)) ? 0 : 1;
    }
    stop = true;
    for (auto& sweeper : sweepers) {
        sweeper.join();
    }
    EXPECT_EQ(lost, 0);
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(sweep_failures, 0);
    EXPECT_TRUE(std::filesystem::is_empty(path_));
}

}  // namespace

}  // namespace amivirt::contract
