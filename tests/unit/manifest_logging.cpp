// The log: what goes to stderr, what to the file.
#include <fcntl.h>
#include <gmock/gmock.h>

#include <thread>

#include "adapters/logging/log.hpp"
#include "manifest_scratch.hpp"

namespace amivirt {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class LogTest : public test::Scratch {
protected:
    /// What all four levels leave on stderr.
    static std::string said(const LogOptions& options) {
        ::testing::internal::CaptureStderr();
        const auto log = make_log(options);
        log->write(LogLevel::debug, "part", "a debug line");
        log->write(LogLevel::info, "part", "an info line");
        log->write(LogLevel::warning, "part", "a warning");
        log->write(LogLevel::error, "part", "an error");
        return ::testing::internal::GetCapturedStderr();
    }
};

TEST_F(LogTest, VerbosityChoosesTheLevel) {
    EXPECT_EQ(said({-1, ""}), "amivirt: an error\n");
    EXPECT_EQ(said({0, ""}), "amivirt: a warning\namivirt: an error\n");
    EXPECT_EQ(said({1, ""}), "amivirt: an info line\namivirt: a warning\namivirt: an error\n");
    EXPECT_THAT(said({2, ""}), MatchesRegex("amivirt: [0-9:.]+ \\[part\\] a debug line\n(.|\n)*"));
    EXPECT_THAT(said({9, ""}), HasSubstr("a debug line"));
}

TEST_F(LogTest, FileGetsEverythingAndIsPrivate) {
    ::umask(0);
    EXPECT_EQ(said({-1, path("log")}), "amivirt: an error\n");
    const std::string text = read(path("log"));
    EXPECT_THAT(text, ContainsRegex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+[+-][0-9:]+ [0-9]+ debug \\[part\\] a debug line\n"));
    EXPECT_THAT(text, HasSubstr("[part] an error\n"));
    struct stat facts {};
    ASSERT_EQ(::stat(path("log").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

TEST_F(LogTest, FileIsAppendedTo) {
    write("log", "before\n");
    (void)said({-1, path("log")});
    EXPECT_THAT(read(path("log")), ::testing::StartsWith("before\n"));
    EXPECT_THAT(read(path("log")), HasSubstr("an error"));
}

TEST_F(LogTest, AFileThatCannotBeOpenedIsOneWarning) {
    EXPECT_EQ(said({0, path("no/such/folder")}), "amivirt: log file \"" + path("no/such/folder") +
                                                     "\" could not be opened (No such file or directory); going on without it\n"
                                                     "amivirt: a warning\namivirt: an error\n");
    EXPECT_THAT(said({0, folder_}), HasSubstr("Is a directory"));
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    EXPECT_THAT(said({0, path("pipe")}), HasSubstr("could not be opened"));
}

TEST_F(LogTest, AFullDiskDoesNotStopTheWork) {
    if (::access("/dev/full", W_OK) != 0) {
        GTEST_SKIP() << "no /dev/full here";
    }
    EXPECT_EQ(said({0, "/dev/full"}), "amivirt: a warning\namivirt: an error\n");
}

TEST_F(LogTest, ForeignTextCannotForgeLinesNorDriveTheTerminal) {
    ::testing::internal::CaptureStderr();
    make_log({0, path("log")})->write(LogLevel::warning, "part", "guest said \x1b[2J{}%v\namivirt: all is well\n");
    const std::string expected = "guest said ?[2J{}%v\n    amivirt: all is well\n";
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "amivirt: " + expected);
    EXPECT_THAT(read(path("log")), HasSubstr("[part] " + expected));
}

TEST_F(LogTest, LinesOfManyThreadsStayWhole) {
    const std::string line(300, 'x');
    {
        const auto log = make_log({-1, path("log")});
        std::vector<std::thread> threads;
        for (int t = 0; t < 8; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 200; ++i) {
                    log->write(LogLevel::info, "part", line);
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
    }
    std::istringstream text(read(path("log")));
    std::string each;
    int count = 0;
    while (std::getline(text, each)) {
        EXPECT_TRUE(each.ends_with("[part] " + line));
        ++count;
    }
    EXPECT_EQ(count, 1600);
}

}  // namespace
}  // namespace amivirt
