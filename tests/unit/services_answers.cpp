// Answers to client tokens: once, whoever is asked and whatever dies.
#include "amivirt/base/interrupt.hpp"
#include "amivirt/services/answers.hpp"

#include "amivirt/base/interrupt.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

class AnswersTest : public Bench {
protected:
    Result<std::string> ask(const std::string& parameters, const std::string& request = "CreateVolume token") {
        return answers.once(me.str(), request, parameters, [this]() -> Result<std::string> {
            ++acts;
            if (fails) {
                return Error(Code::invalid_parameter_value, "no");
            }
            return "answer <" + std::to_string(acts) + ">\xFF";
        });
    }
    Answers answers{catalog, operations, clock};
    int acts = 0;
    bool fails = false;
};

TEST_F(AnswersTest, ARepeatGetsTheSame) {
    const auto first = ask("a=1");
    ASSERT_TRUE(first);
    EXPECT_EQ(acts, 1);
    Answers elsewhere(catalog, operations, clock);
    const auto again = elsewhere.once(me.str(), "CreateVolume token", "a=1", []() -> Result<std::string> { return "another"; });
    EXPECT_EQ(again.value().substr(0, 10), "answer <1>");
    EXPECT_EQ(ask("a=2").error().code, Code::idempotent_parameter_mismatch);
    EXPECT_TRUE(ask("a=2", "CreateVolume other"));
    EXPECT_TRUE(answers.once(other.str(), "CreateVolume token", "a=2", []() -> Result<std::string> { return "another"; }));
    EXPECT_EQ(acts, 2);
    expect_clean();
}

TEST_F(AnswersTest, WhatFailedMayBeAskedAgain) {
    fails = true;
    EXPECT_EQ(ask("a=1").error().code, Code::invalid_parameter_value);
    EXPECT_TRUE(rows(&CatalogSession::documents).empty());
    fails = false;
    EXPECT_TRUE(ask("a=2"));
    expect_clean();
}

TEST_F(AnswersTest, ForgottenAfterADay) {
    ASSERT_TRUE(ask("a=1"));
    clock.advance(Answers::k_kept - Duration(1));
    ASSERT_TRUE(answers.purge());
    ASSERT_TRUE(ask("a=1"));
    EXPECT_EQ(acts, 1);
    clock.advance(Duration(1));
    ASSERT_TRUE(ask("a=2"));  // not purged, and old all the same
    EXPECT_EQ(acts, 2);
    clock.advance(Answers::k_kept);
    ASSERT_TRUE(answers.purge());
    EXPECT_TRUE(rows(&CatalogSession::documents).empty());
}

TEST_F(AnswersTest, KilledInTheMiddleIsNotDoneTwice) {
    // The process ends while it acts: its claim is nobody's, and there is no answer.
    try {
        static_cast<void>(answers.once(me.str(), "CreateVolume token", "a=1", []() -> Result<std::string> { throw Interrupted{9}; }));
        FAIL();
    } catch (const Interrupted&) {
    }
    die_and_recover();
    EXPECT_EQ(ask("a=1").error().code, Code::operation_not_permitted);
    EXPECT_EQ(ask("a=2").error().code, Code::idempotent_parameter_mismatch);
    EXPECT_EQ(acts, 0);
    expect_clean();
}

TEST_F(AnswersTest, WhileAnotherIsAtItOneWaits) {
    const auto outer = answers.once(me.str(), "CreateVolume token", "a=1", [&]() -> Result<std::string> {
        const TimePoint before = clock.now();
        EXPECT_EQ(ask("a=1").error().code, Code::busy);
        EXPECT_GE(clock.now() - before, std::chrono::minutes(1));
        return "done";
    });
    EXPECT_EQ(outer.value(), "done");
    EXPECT_EQ(ask("a=1").value(), "done");
    EXPECT_EQ(acts, 0);
}

}  // namespace
}  // namespace amivirt::testing
