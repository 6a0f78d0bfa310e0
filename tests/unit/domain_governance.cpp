#include "amivirt/domain/governance.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace amivirt {
namespace {

constexpr TimePoint k_now{Duration{1795325400000}};

RetentionRule rule(RetainedKind kind, unsigned days, std::vector<std::pair<std::string, std::optional<std::string>>> tags = {}) {
    RetentionRule made;
    made.kind = kind;
    made.days = days;
    made.tags = std::move(tags);
    return made;
}

/// Days that something with these tags stays; 0: it does not.
long days(const std::vector<RetentionRule>& rules, const Tags& tags) {
    const auto stay = stay_in_bin(RetainedKind::image, tags, rules, k_now);
    if (!stay) {
        return 0;
    }
    EXPECT_EQ(stay->entered, k_now);
    return std::chrono::floor<std::chrono::days>(stay->expires - k_now).count();
}

TEST(RetentionRules, TheLongestThatAppliesCounts) {
    EXPECT_EQ(days({}, {}), 0);
    EXPECT_EQ(days({rule(RetainedKind::snapshot, 7)}, {}), 0) << "of another kind";
    EXPECT_EQ(days({rule(RetainedKind::image, 7)}, {}), 7);
    EXPECT_EQ(days({rule(RetainedKind::image, 7), rule(RetainedKind::image, 30), rule(RetainedKind::image, 1)}, {}), 30);
}

TEST(RetentionRules, OneOfTheTagsIsEnough) {
    const auto tagged = rule(RetainedKind::image, 7, {{"keep", std::nullopt}, {"stage", "prod"}, {"empty", ""}});
    EXPECT_EQ(days({tagged}, {}), 0);
    EXPECT_EQ(days({tagged}, {{"keep", "whatever"}}), 7);
    EXPECT_EQ(days({tagged}, {{"stage", "prod"}, {"x", "y"}}), 7);
    EXPECT_EQ(days({tagged}, {{"stage", "test"}}), 0);
    EXPECT_EQ(days({tagged}, {{"Keep", "whatever"}}), 0) << "keys are case-sensitive";
    EXPECT_EQ(days({tagged}, {{"empty", ""}}), 7);
    EXPECT_EQ(days({tagged}, {{"empty", "no"}}), 0);
}

TEST(RetentionRules, HaveLimits) {
    const auto code = [](const RetentionRule& made) {
        const auto checked = check_retention_rule(made);
        return checked ? std::optional<Code>() : checked.error().code;
    };
    EXPECT_EQ(code(rule(RetainedKind::image, 1)), std::nullopt);
    EXPECT_EQ(code(rule(RetainedKind::image, 365, {{"a", "1"}, {"a", "2"}})), std::nullopt);
    EXPECT_EQ(code(rule(RetainedKind::image, 0)), Code::invalid_parameter_value);
    EXPECT_EQ(code(rule(RetainedKind::image, 366)), Code::invalid_parameter_value);
    EXPECT_EQ(code(rule(RetainedKind::image, 1, {{"aws:x", std::nullopt}})), Code::invalid_parameter_value);
    EXPECT_EQ(code(rule(RetainedKind::image, 1, {{"", "x"}})), Code::invalid_parameter_value);
    EXPECT_EQ(code(rule(RetainedKind::image, 1, {51, {"k", std::nullopt}})), Code::tag_limit_exceeded);
    auto wordy = rule(RetainedKind::image, 1);
    wordy.description = std::string(256, 'x');
    EXPECT_EQ(code(wordy), Code::invalid_parameter_value);
}

}  // namespace
}  // namespace amivirt
