// What only real processes and pipes can show.
#include "faces/cli/surroundings.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <iostream>

namespace amivirt::cli {
namespace {

/// In a child process `work` runs, whose end without another word is a failure; returns what the foreground ends with.
template <class Work>
Result<std::optional<int>> in_background(const Surroundings& around, const Work& work) {
    Result<std::optional<int>> status = around.go_background();
    if (status && !status->has_value()) {
        work();
        _exit(99);
    }
    return status;
}

TEST(GoBackground, TheForegroundEndsAsTheChildDoes) {
    const Surroundings around = process_surroundings();
    const auto status = in_background(around, [] { _exit(3); });
    ASSERT_TRUE(status);
    EXPECT_EQ(status->value(), 3);
}

TEST(GoBackground, OrWhenTheChildLeaves) {
    std::array<int, 2> after{};
    ASSERT_EQ(pipe2(after.data(), O_CLOEXEC), 0);
    const Surroundings around = process_surroundings();
    const auto status = in_background(around, [&] {
        around.leave_foreground(5);
        std::array<char, 16> target{};
        const bool is_quiet =
            readlink("/proc/self/fd/1", target.data(), target.size()) == 9 && std::string(target.data(), 9) == "/dev/null";
        const char answer = is_quiet && getsid(0) == getpid() ? 'y' : 'n';
        EXPECT_EQ(write(after[1], &answer, 1), 1);
        _exit(1);  // too late to be told
    });
    ASSERT_TRUE(status);
    EXPECT_EQ(status->value(), 5);
    char answer = 0;
    EXPECT_EQ(read(after[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y') << "a session of its own, its streams on /dev/null";
    close(after[0]);
    close(after[1]);
}

TEST(GoBackground, AChildThatIsKilledIsAnError) {
    const Surroundings around = process_surroundings();
    const auto status = in_background(around, [] { raise(SIGKILL); });
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().message.find("killed by signal 9"), std::string::npos) << status.error().message;
}

TEST(GoBackground, AFailureIsSeenWhereOurParentIgnoresSigchld) {
    std::signal(SIGCHLD, SIG_IGN);
    const Surroundings around = process_surroundings();
    const auto status = in_background(around, [] { _exit(4); });
    std::signal(SIGCHLD, SIG_DFL);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->value(), 4);
}

TEST(ReaderGone, IsSeenWithoutAWrite) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    const int before = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    std::cout.flush();
    ASSERT_EQ(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    const Surroundings around = process_surroundings();
    const bool at_first = around.reader_gone();
    close(ends[0]);
    const bool then = around.reader_gone();
    dup2(before, STDOUT_FILENO);
    close(before);
    close(ends[1]);
    EXPECT_FALSE(at_first);
    EXPECT_TRUE(then);
}

}  // namespace
}  // namespace amivirt::cli
