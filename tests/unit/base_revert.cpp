#include "amivirt/base/revert.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

using Names = std::vector<std::string>;

class RevertTest : public ::testing::Test {
protected:
    Revert::Undo undo(std::string name) {
        return [this, name = std::move(name)]() -> Result<void> {
            undone_.push_back(name);
            return {};
        };
    }
    Revert::OnFailure on_failure() {
        return [this](const std::string& what, const Error& error) { failures_.push_back(what + ": " + error.message); };
    }
    Names undone_;
    Names failures_;
};

TEST_F(RevertTest, UndoesNewestFirstWhenItGoes) {
    {
        Revert revert(on_failure());
        revert.push("a", undo("a"));
        revert.push("b", undo("b"));
        revert.push("c", undo("c"));
        EXPECT_TRUE(undone_.empty());
    }
    EXPECT_EQ(undone_, (Names{"c", "b", "a"}));
    EXPECT_TRUE(failures_.empty());
}

TEST_F(RevertTest, DoesNothingOnceCommitted) {
    {
        Revert revert;
        revert.push("a", undo("a"));
        revert.commit();
    }
    EXPECT_TRUE(undone_.empty());
}

TEST_F(RevertTest, StepsPushedAfterACommitAreUndone) {
    {
        Revert revert;
        revert.push("a", undo("a"));
        revert.commit();
        revert.push("b", undo("b"));
    }
    EXPECT_EQ(undone_, Names{"b"});
}

TEST_F(RevertTest, RollingBackTwiceUndoesOnce) {
    Revert revert;
    revert.push("a", undo("a"));
    revert.roll_back();
    revert.roll_back();
    EXPECT_EQ(undone_, Names{"a"});
}

TEST_F(RevertTest, OneFailureStopsNothingAndIsTold) {
    {
        Revert revert(on_failure());
        revert.push("first", undo("first"));
        revert.push("error", [] { return Result<void>(Error(Code::io_error, "no")); });
        revert.push("exception", []() -> Result<void> { throw std::runtime_error("boom"); });
        revert.push("number", []() -> Result<void> { throw 7; });
        revert.push("signal", []() -> Result<void> { throw Interrupted{SIGINT}; });
        revert.push("last", undo("last"));
    }
    EXPECT_EQ(undone_, (Names{"last", "first"}));
    ASSERT_EQ(failures_.size(), 4U);
    EXPECT_TRUE(failures_[0].starts_with("signal: ")) << failures_[0];
    EXPECT_TRUE(failures_[1].starts_with("number: ")) << failures_[1];
    EXPECT_EQ(failures_[2], "exception: boom");
    EXPECT_EQ(failures_[3], "error: no");
}

TEST_F(RevertTest, AnObserverThatThrowsStopsNothing) {
    {
        Revert revert([](const std::string&, const Error&) { throw std::runtime_error("observer"); });
        revert.push("first", undo("first"));
        revert.push("error", [] { return Result<void>(Error(Code::io_error, "no")); });
    }
    EXPECT_EQ(undone_, Names{"first"});
}

TEST_F(RevertTest, RunsWhenAnExceptionUnwinds) {
    EXPECT_THROW(
        {
            Revert revert;
            revert.push("a", undo("a"));
            throw Interrupted{SIGTERM};
        },
        Interrupted);
    EXPECT_EQ(undone_, Names{"a"});
}

TEST(RevertDeathTest, AnUndoDoesNotStopAtTheSignalThatMadeItRun) {
    constexpr int as_wanted = 42;
    EXPECT_EXIT(
        {
            install_interrupt_handlers();
            bool undone = false;
            try {
                Revert revert;
                revert.push("a", [&undone]() -> Result<void> {
                    check_interrupt();
                    undone = true;
                    return {};
                });
                ::raise(SIGINT);
                check_interrupt();
            } catch (const Interrupted&) {
                ::_exit(undone && pending_interrupt() == SIGINT ? as_wanted : 1);
            }
            ::_exit(2);
        },
        ::testing::ExitedWithCode(as_wanted), "");
}

}  // namespace
}  // namespace amivirt
