// ProcessRunner, on the fake and on real programs.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <memory>
#include <thread>

#include "adapters/process/process_runner.hpp"
#include "amivirt/base/interrupt.hpp"
#include "disk_support.hpp"
#include "fakes/fake_process_runner.hpp"

namespace amivirt::contract {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

Command sh(const std::string& script) {
    Command command;
    command.argv = {"sh", "-c", script};
    return command;
}

// --- every implementation ---

enum class Kind { fake, real };

class Runner : public testing::TestWithParam<Kind> {
protected:
    Runner() {
        if (GetParam() == Kind::real) {
            runner_ = make_process_runner();
            return;
        }
        auto fake = std::make_unique<fakes::FakeProcessRunner>();
        fake->install("sh", [](const Command& command) -> Result<CommandResult> {
            return command.argv.back() == "exit 3" ? CommandResult{3, "", ""} : CommandResult{0, "hello\n", ""};
        });
        runner_ = std::move(fake);
    }
    std::unique_ptr<ProcessRunner> runner_;
};

TEST_P(Runner, AFailingProgramIsAResult) {
    const auto result = runner_->run(sh("exit 3"));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->exit_status, 3);
}

TEST_P(Runner, AMissingProgramIsToolMissing) {
    Command command;
    command.argv = {"no-such-program-here"};
    const auto result = runner_->run(command);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::tool_missing);
    EXPECT_THAT(result.error().message, HasSubstr("\"no-such-program-here\""));
}

TEST_P(Runner, OutputIsKeptOrPassedOn) {
    EXPECT_EQ(runner_->run(sh("echo hello"))->output, "hello\n");
    Command command = sh("echo hello");
    std::string heard;
    command.on_output = [&](std::string_view piece) { heard += piece; };
    const auto result = runner_->run(command);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->output, "");
    EXPECT_EQ(heard, "hello\n");
}

TEST_P(Runner, NoWordsAreAnError) { EXPECT_EQ(runner_->run(Command{}).error().code, Code::internal_error); }

INSTANTIATE_TEST_SUITE_P(Implementations, Runner, testing::Values(Kind::fake, Kind::real),
                         [](const auto& chosen) { return chosen.param == Kind::fake ? "Fake" : "Real"; });

// --- real programs ---

class RealRunner : public testing::Test {
protected:
    std::unique_ptr<ProcessRunner> runner_ = make_process_runner();
    TemporaryFolder folder_;
};

/// Gone, or a zombie that a slow pid 1 has not reaped yet.
bool dead(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(in, line)) {
        return true;
    }
    const auto state = line.rfind(") ");
    return state != std::string::npos && (line[state + 2] == 'Z' || line[state + 2] == 'X');
}

bool dies_within(pid_t pid, std::chrono::milliseconds patience) {
    for (const auto until = Clock::now() + patience; Clock::now() < until; std::this_thread::sleep_for(5ms)) {
        if (dead(pid)) {
            return true;
        }
    }
    return false;
}

pid_t pid_in(const std::string& path) {
    for (const auto until = Clock::now() + 10s; Clock::now() < until; std::this_thread::sleep_for(5ms)) {
        const std::string text = read_file(path);
        if (text.ends_with('\n')) {
            return static_cast<pid_t>(std::stol(text));
        }
    }
    return -1;
}

TEST_F(RealRunner, KeepsBothStreamsApart) {
    const auto result = runner_->run(sh("echo out; echo err >&2; exit 7"));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->output, "out\n");
    EXPECT_EQ(result->errors, "err\n");
    EXPECT_EQ(result->exit_status, 7);
}

TEST_F(RealRunner, ArgumentsAreNotSeenByAShell) {
    Command command;
    command.argv = {"printf", "%s|", "a b", "$HOME", "`id`", ""};
    EXPECT_EQ(runner_->run(command)->output, "a b|$HOME|`id`||");
}

TEST_F(RealRunner, StdinIsEmpty) { EXPECT_EQ(runner_->run(sh("cat; echo end"))->output, "end\n"); }

TEST_F(RealRunner, ChangesFolderAndEnvironment) {
    Command command = sh("pwd; echo $AMIVIRT_TEST_WORD; echo $HOME");
    command.directory = "/usr";
    command.environment = {{"AMIVIRT_TEST_WORD", "a = b"}, {"HOME", "/nowhere"}};
    EXPECT_EQ(runner_->run(command)->output, "/usr\na = b\n/nowhere\n");
}

TEST_F(RealRunner, AMissingFolderIsNamed) {
    Command command = sh("true");
    command.directory = folder_ / "absent";
    const auto result = runner_->run(command);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::io_error);
    EXPECT_THAT(result.error().message, HasSubstr(folder_ / "absent"));
}

TEST_F(RealRunner, AFileThatIsNoProgramIsToolMissing) {
    write_file(folder_ / "plain", "text");
    Command command;
    command.argv = {folder_ / "plain"};
    EXPECT_EQ(runner_->run(command).error().code, Code::tool_missing);
    command.argv = {folder_.path()};
    EXPECT_EQ(runner_->run(command).error().code, Code::tool_missing);
}

TEST_F(RealRunner, AProgramOfAWrongFormatIsAnError) {
    write_file(folder_ / "broken",
               "\x7f"
               "ELF but not really");
    std::filesystem::permissions(folder_ / "broken", std::filesystem::perms::owner_all);
    Command command;
    command.argv = {folder_ / "broken"};
    const auto result = runner_->run(command);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::io_error);
    EXPECT_THAT(result.error().message, HasSubstr("broken"));
}

TEST_F(RealRunner, AKilledProgramHas128PlusItsSignal) { EXPECT_EQ(runner_->run(sh("kill -TERM $$"))->exit_status, 128 + SIGTERM); }

TEST_F(RealRunner, LongOutputIsCutAndLongErrorsKeepTheirEnd) {
    const auto result = runner_->run(sh("head -c 20000000 /dev/zero; (head -c 200000 /dev/zero; echo the end) >&2"));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->output.size(), std::size_t{16} << 20U);
    EXPECT_LE(result->errors.size(), std::size_t{64} << 10U);
    EXPECT_TRUE(result->errors.ends_with("the end\n"));
}

TEST_F(RealRunner, ATimeoutKillsTheWholeGroup) {
    Command command = sh("sh -c 'echo $$ > " + (folder_ / "pid") + "; exec sleep 1000' & sleep 1000");
    command.timeout = 400ms;
    const auto begin = Clock::now();
    const auto result = runner_->run(command);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::timed_out);
    EXPECT_THAT(result.error().message, HasSubstr("400 ms"));
    EXPECT_LT(Clock::now() - begin, 5s);
    EXPECT_TRUE(dies_within(pid_in(folder_ / "pid"), 20s));
}

TEST_F(RealRunner, WhatItLeavesBehindIsKilledAndNotWaitedFor) {
    const auto begin = Clock::now();
    const auto result = runner_->run(sh("sh -c 'echo $$ > " + (folder_ / "pid") + "; exec sleep 1000' & while ! [ -s " + (folder_ / "pid") +
                                        " ]; do sleep 0.01; done; echo done"));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->output, "done\n");
    EXPECT_LT(Clock::now() - begin, 5s);
    EXPECT_TRUE(dies_within(pid_in(folder_ / "pid"), 20s));
}

TEST_F(RealRunner, AnInterruptKillsAndIsThrown) {
    const LaterInterrupt later(200);
    const auto begin = Clock::now();
    EXPECT_THROW(static_cast<void>(runner_->run(sh("echo $$ > " + (folder_ / "pid") + "; exec sleep 1000"))), Interrupted);
    EXPECT_LT(Clock::now() - begin, 5s);
    EXPECT_TRUE(dead(pid_in(folder_ / "pid")));
}

TEST_F(RealRunner, AnExceptionOfTheListenerLeavesNothingRunning) {
    Command command = sh("echo $$ > " + (folder_ / "pid") + "; echo hello; exec sleep 1000");
    command.on_output = [](std::string_view) { throw std::runtime_error("enough"); };
    EXPECT_THROW(static_cast<void>(runner_->run(command)), std::runtime_error);
    EXPECT_TRUE(dead(pid_in(folder_ / "pid")));
}

TEST_F(RealRunner, TheChildDiesWithUs) {
    const pid_t parent = ::fork();
    ASSERT_GE(parent, 0);
    if (parent == 0) {
        static_cast<void>(make_process_runner()->run(sh("echo $$ > " + (folder_ / "pid") + "; exec sleep 1000")));
        ::_exit(0);
    }
    const pid_t child = pid_in(folder_ / "pid");
    EXPECT_FALSE(dead(child));
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    EXPECT_TRUE(dies_within(child, 20s));
}

TEST_F(RealRunner, WhatTheChildStartedDiesWithUs) {
    const pid_t parent = ::fork();
    ASSERT_GE(parent, 0);
    if (parent == 0) {
        static_cast<void>(make_process_runner()->run(sh("sh -c 'echo $$ > " + (folder_ / "pid") + "; exec sleep 1000' & wait")));
        ::_exit(0);
    }
    const pid_t grandchild = pid_in(folder_ / "pid");
    EXPECT_FALSE(dead(grandchild));
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    EXPECT_TRUE(dies_within(grandchild, 20s));
}

TEST_F(RealRunner, ALockOfOursIsFreeAsSoonAsWeAreDead) {
    const std::string lock = folder_ / "lock";
    write_file(lock, "");
    const pid_t parent = ::fork();
    ASSERT_GE(parent, 0);
    if (parent == 0) {
        const int held = ::open(lock.c_str(), O_RDONLY);  // without O_CLOEXEC, as a careless library would
        ::flock(held, LOCK_EX);
        static_cast<void>(make_process_runner()->run(sh("echo $$ > " + (folder_ / "pid") + "; exec sleep 1000")));
        ::_exit(0);
    }
    ASSERT_GT(pid_in(folder_ / "pid"), 0);
    const int mine = ::open(lock.c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_NE(::flock(mine, LOCK_EX | LOCK_NB), 0);
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    bool free = false;
    for (const auto until = Clock::now() + 1s; !free && Clock::now() < until; std::this_thread::sleep_for(1ms)) {
        free = ::flock(mine, LOCK_EX | LOCK_NB) == 0;
    }
    EXPECT_TRUE(free);
    ::close(mine);
}

TEST_F(RealRunner, NoProcessOfOursIsLeftAfterwards) {
    ASSERT_TRUE(runner_->run(sh("true")));
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // ECHILD: not even a zombie
    EXPECT_EQ(errno, ECHILD);
}

TEST_F(RealRunner, LimitsHold) {
    Command memory = sh("ulimit -v; ulimit -f; ulimit -t; ulimit -c");
    memory.memory_limit = Bytes{512ULL << 20U};
    memory.file_size_limit = Bytes{1ULL << 20U};
    memory.cpu_limit = 1500ms;
    EXPECT_EQ(runner_->run(memory)->output, "524288\n2048\n2\n0\n");

    Command file = sh("exec head -c 2000000 /dev/zero > " + (folder_ / "large"));
    file.file_size_limit = Bytes{1ULL << 20U};
    EXPECT_EQ(runner_->run(file)->exit_status, 128 + SIGXFSZ);
    EXPECT_EQ(std::filesystem::file_size(folder_ / "large"), 1U << 20U);

    Command cpu = sh("while :; do :; done");
    cpu.cpu_limit = 1s;
    cpu.timeout = 30s;
    const int status = runner_->run(cpu)->exit_status;
    EXPECT_TRUE(status == 128 + SIGXCPU || status == 128 + SIGKILL) << status;
}

TEST_F(RealRunner, NoDescriptorOfOursReachesTheChild) {
    // Only those of the shell that lists them.
    const auto result = runner_->run(sh("exec ls /proc/self/fd"));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->output, "0\n1\n2\n3\n");
}

TEST_F(RealRunner, SignalsAreAsUsualInTheChild) {
    ::signal(SIGPIPE, SIG_IGN);
    const auto result = runner_->run(sh("grep -E '^Sig(Blk|Ign)' /proc/self/status"));
    ::signal(SIGPIPE, SIG_DFL);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(RealRunner, ManyAtOnceEachGetTheirOwn) {
    std::vector<std::thread> threads;
    std::atomic<unsigned> right{0};
    for (unsigned t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            for (unsigned i = 0; i < 10; ++i) {
                const std::string word = std::to_string(t) + "-" + std::to_string(i);
                const auto result = runner_->run(sh("echo " + word + "; echo " + word + " >&2; exit " + std::to_string(t)));
                right +=
                    result && result->output == word + "\n" && result->errors == word + "\n" && result->exit_status == static_cast<int>(t);
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(right, 80U);
}

}  // namespace
}  // namespace amivirt::contract
