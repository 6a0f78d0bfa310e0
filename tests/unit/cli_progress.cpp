// The progress bar, drawn into a string.
#include "faces/cli/progress_bar.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <sstream>
#include <thread>

#include "amivirt/base/interrupt.hpp"
#include "faces/cli/side_by_side.hpp"
#include "faces/cli/text.hpp"

namespace amivirt::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr Bytes mib(std::uint64_t count) { return {count << 20U}; }

TEST(CliBar, PercentRateAndTimeLeft) {
    EXPECT_EQ(render_bar({"converting", mib(100), mib(50), 10.0 * (1U << 20U)}, 120),
              "converting  [###############...............]   50%  10.0 MiB/s  ETA 0:05");
    EXPECT_EQ(render_bar({"downloading", mib(10000), mib(0), 1U << 20U}, 120),
              "downloading  [..............................]    0%  1.0 MiB/s  ETA 2:46:40");
}

TEST(CliBar, NeverBeyondTheEnd) {
    EXPECT_EQ(render_bar({"x", mib(1), mib(2), 1}, 120), "x  [##############################]  100%  1 B/s");
    EXPECT_THAT(render_bar({"x", Bytes{1000}, Bytes{999}, 0}, 120), HasSubstr(" 99%"));
}

TEST(CliBar, UnknownTotal) {
    EXPECT_EQ(render_bar({"downloading", std::nullopt, mib(3), 1U << 20U}, 80), "downloading  3.0 MiB  1.0 MiB/s");
    EXPECT_EQ(render_bar({"inspecting", std::nullopt, {}, 0}, 80), "inspecting");
    EXPECT_EQ(render_bar({"empty", Bytes{0}, {}, 0}, 80), "empty");
}

TEST(CliBar, FitsItsTerminal) {
    for (std::size_t columns = 1; columns < 120; ++columns) {
        EXPECT_LT(width(render_bar({"downloading", mib(100), mib(33), 1U << 20U}, columns)), columns) << columns;
    }
}

class CliProgress : public ::testing::Test {
protected:
    Surroundings around(bool is_terminal) {
        return Surroundings{.in = in_,
                            .out = out_,
                            .err = err_,
                            .out_is_terminal = false,
                            .err_is_terminal = is_terminal,
                            .columns = 80,
                            .environment = {},
                            .detach = {},
                            .ticks = {}};
    }
    ProgressBar::Ticks ticks() {
        return [this] { return now_; };
    }
    std::istringstream in_;
    std::ostringstream out_;
    std::ostringstream err_;
    std::chrono::steady_clock::time_point now_{};
};

TEST_F(CliProgress, RedrawsTenTimesASecondAtMostAndCleansUp) {
    {
        Talk talk(around(true), 0);
        ProgressBar bar(talk, ticks());
        bar.phase("converting", mib(100));
        const std::string first = err_.str();
        for (std::uint64_t i = 1; i <= 50; ++i) {
            now_ += 1ms;
            bar.advance(mib(i));
        }
        EXPECT_EQ(err_.str(), first);
        now_ += 100ms;
        bar.advance(mib(60));
        EXPECT_THAT(err_.str(), HasSubstr(" 60%"));
    }
    EXPECT_TRUE(err_.str().ends_with("\r\x1b[K"));
    EXPECT_THAT(err_.str(), Not(HasSubstr("\n")));
    EXPECT_EQ(out_.str(), "");
}

TEST_F(CliProgress, AResumedDownloadIsNotTakenForAFastOne) {
    Talk talk(around(true), 0);
    ProgressBar bar(talk, ticks());
    bar.phase("downloading", mib(1000));
    now_ += 1s;
    bar.advance(mib(900));
    now_ += 1s;
    bar.advance(mib(901));
    EXPECT_THAT(err_.str(), HasSubstr(" 1.0 MiB/s"));
    EXPECT_THAT(err_.str(), Not(HasSubstr("900.0 MiB/s")));
}

TEST_F(CliProgress, ANoteStandsAboveTheBar) {
    Talk talk(around(true), 0);
    ProgressBar bar(talk, ticks());
    bar.phase("converting", mib(100));
    bar.note("KVM cannot be used here");
    EXPECT_THAT(err_.str(), HasSubstr("\r\x1b[KKVM cannot be used here\nconverting"));
}

TEST_F(CliProgress, OffATerminalOnlyNotes) {
    Talk talk(around(false), 0);
    ProgressBar bar(talk, ticks());
    bar.phase("converting", mib(100));
    bar.advance(mib(50));
    bar.note("a remark");
    EXPECT_EQ(err_.str(), "a remark\n");
}

TEST_F(CliProgress, VerboseOffATerminalALineAPhase) {
    Talk talk(around(false), 1);
    ProgressBar bar(talk, ticks());
    bar.phase("downloading", mib(100));
    bar.advance(mib(50));
    bar.phase("inspecting", std::nullopt);
    EXPECT_EQ(err_.str(), "downloading (100.0 MiB)\ninspecting\n");
}

TEST_F(CliProgress, QuietSaysNothing) {
    {
        Talk talk(around(true), -1);
        ProgressBar bar(talk, ticks());
        bar.phase("converting", mib(100));
        now_ += 1s;
        bar.advance(mib(50));
        bar.note("a remark");
        talk.warning("a warning");
    }
    EXPECT_EQ(err_.str(), "");
}

TEST_F(CliProgress, SeveralThreads) {
    Talk talk(around(true), 0);
    ProgressBar bar(talk, [] { return std::chrono::steady_clock::now(); });
    bar.phase("converting", mib(1000));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&bar, t] {
            for (std::uint64_t i = 0; i < 500; ++i) {
                bar.advance(mib(i));
                if (i % 100 == 0) {
                    bar.note(fmt::format("thread {} at {}", t, i));
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (int t = 0; t < 4; ++t) {
        EXPECT_THAT(err_.str(), HasSubstr(fmt::format("thread {} at 400\n", t)));
    }
}

TEST(CliSideBySide, EachOnceOnAtMostSoManyThreads) {
    constexpr std::size_t k_count = 100;
    std::vector<std::atomic<int>> done(k_count);
    std::atomic<int> now = 0;
    std::atomic<int> most = 0;
    side_by_side(k_count, 4, [&](std::size_t i) {
        const int here = ++now;
        for (int seen = most; here > seen && !most.compare_exchange_weak(seen, here);) {
        }
        std::this_thread::yield();
        ++done[i];
        --now;
    });
    for (const auto& times : done) {
        EXPECT_EQ(times, 1);
    }
    EXPECT_LE(most, 4);
    side_by_side(0, 4, [](std::size_t) { FAIL() << "there was nothing to do"; });
}

TEST(CliSideBySide, AnInterruptComesThroughOnceAllHaveEnded) {
    std::atomic<int> under_way = 0;
    EXPECT_THROW(side_by_side(50, 4,
                              [&](std::size_t i) {
                                  ++under_way;
                                  std::this_thread::sleep_for(1ms);
                                  --under_way;
                                  if (i == 5) {
                                      throw Interrupted{2};
                                  }
                              }),
                 Interrupted);
    EXPECT_EQ(under_way, 0);
}

}  // namespace
}  // namespace amivirt::cli
