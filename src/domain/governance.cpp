#include "amivirt/domain/governance.hpp"

#include <algorithm>

#include "amivirt/domain/image.hpp"
#include "domain/words.hpp"

namespace amivirt {

namespace {

constexpr std::array<Word<DeregistrationProtection>, 3> k_protections{{
    {DeregistrationProtection::disabled, "disabled"},
    {DeregistrationProtection::enabled, "enabled"},
    {DeregistrationProtection::enabled_with_cooldown, "enabled-with-cooldown"},
}};

constexpr std::array<Word<RetainedKind>, 2> k_kinds{{
    {RetainedKind::image, "EC2_IMAGE"},
    {RetainedKind::snapshot, "EBS_SNAPSHOT"},
}};

constexpr std::array<Word<AllowedImages>, 3> k_allowed{{
    {AllowedImages::disabled, "disabled"},
    {AllowedImages::audit, "audit-mode"},
    {AllowedImages::enabled, "enabled"},
}};

// Source: Recycle Bin, "Considerations".
constexpr unsigned k_longest_stay = 365;
constexpr std::size_t k_most_tags = 50;

bool applies_to(const RetentionRule& rule, const Tags& tags) {
    return rule.tags.empty() || std::any_of(rule.tags.begin(), rule.tags.end(), [&](const auto& wanted) {
               const auto found = tags.find(wanted.first);
               return found != tags.end() && (!wanted.second || found->second == *wanted.second);
           });
}

}  // namespace

std::string_view to_string(DeregistrationProtection value) noexcept { return word_for(k_protections, value); }
Result<DeregistrationProtection> parse_deregistration_protection(std::string_view text) {
    return parse_word(k_protections, "deregistration protection", text);
}

std::string_view to_string(RetainedKind value) noexcept { return word_for(k_kinds, value); }
Result<RetainedKind> parse_retained_kind(std::string_view text) { return parse_word(k_kinds, "resource type", text); }

Result<void> check_retention_rule(const RetentionRule& rule) {
    if (rule.days < 1 || rule.days > k_longest_stay) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("Invalid retention period of {} days (expecting 1 to {})", rule.days, k_longest_stay));
    }
    if (rule.tags.size() > k_most_tags) {
        return Error(Code::tag_limit_exceeded,
                     fmt::format("{} tags were given; a retention rule has at most {}", rule.tags.size(), k_most_tags));
    }
    for (const auto& [key, value] : rule.tags) {
        AMIVIRT_TRY(check_tags({{key, value.value_or("")}}));
    }
    return check_description(rule.description);
}

std::optional<BinStay> stay_in_bin(RetainedKind kind, const Tags& tags, const std::vector<RetentionRule>& rules, TimePoint now) {
    unsigned days = 0;
    for (const RetentionRule& rule : rules) {
        if (rule.kind == kind && applies_to(rule, tags)) {
            days = std::max(days, rule.days);
        }
    }
    return days == 0 ? std::nullopt : std::optional(BinStay{now, now + std::chrono::days(days)});
}

std::string_view to_string(AllowedImages value) noexcept { return word_for(k_allowed, value); }
Result<AllowedImages> parse_allowed_images(std::string_view text) { return parse_word(k_allowed, "mode of allowed images", text); }

}  // namespace amivirt
