#include "faces/cli/policy_values.hpp"

#include <fmt/format.h>

#include <set>

#include "amivirt/domain/tag.hpp"
#include "faces/cli/suggest.hpp"
#include "faces/cli/talk.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

constexpr unsigned k_most_days = 2147483647;  // source: EC2 CreationDateCondition

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(end + 1);
    }
}

/// One "key=values" of a criterion.
Result<void> read_condition(const std::string& key, const std::string& text, ImageCriterion& into) {
    const auto values = split(text, ',');
    for (const std::string& value : values) {
        if (value.empty()) {
            return invalid(fmt::format("Invalid criterion: \"{}={}\" has an empty value", key, text));
        }
    }
    if (key == "providers") {
        into.providers = values;
    } else if (key == "names") {
        into.names = values;
    } else if (key == "max-days-since-created") {
        into.max_days_since_created = AMIVIRT_TRY(parse_count(text, 0, k_most_days));
    } else if (key == "max-days-since-deprecated") {
        into.max_days_since_deprecated = AMIVIRT_TRY(parse_count(text, 0, k_most_days));
    } else {
        return invalid(fmt::format("Invalid criterion: there is no condition \"{}\"", key),
                       did_you_mean(key, {"providers", "names", "max-days-since-created", "max-days-since-deprecated"}));
    }
    return {};
}

}  // namespace

Result<LaunchPermissions> parse_grantees(const std::vector<std::string>& words, Accounts& accounts) {
    LaunchPermissions permissions;
    for (const std::string& word : words) {
        if (word == "all") {
            permissions.everyone = true;
        } else {
            permissions.accounts.insert(AMIVIRT_TRY(accounts.resolve(word)));
        }
    }
    if (words.empty()) {
        return usage_error("no account is named", "name accounts by their 12 digits or alias, or \"all\" for everybody");
    }
    return permissions;
}

Result<bool> parse_on_off(std::string_view text) {
    if (text != "on" && text != "off") {
        return none_of("switch", text, {"on", "off"});
    }
    return text == "on";
}

Result<TimePoint> parse_day_or_time(std::string_view text) {
    constexpr std::size_t k_day = 10;  // 2027-01-31
    return parse_iso8601(text.size() == k_day ? fmt::format("{}T00:00:00Z", text) : std::string(text));
}

Result<AllowedImages> parse_allowed_mode(std::string_view text) {
    return text == "audit" ? Result<AllowedImages>(AllowedImages::audit) : parse_allowed_images(text);
}

Result<ImageCriterion> parse_criterion(std::string_view text) {
    ImageCriterion criterion;
    std::set<std::string> seen;
    for (const std::string& part : split(text, ';')) {
        const std::size_t equals = part.find('=');
        if (equals == std::string::npos) {
            return invalid(fmt::format("Invalid criterion \"{}\": \"{}\" is no KEY=VALUE,...", text, part),
                           "as in \"providers=self;names=debian-*,tiny\"");
        }
        const std::string key = part.substr(0, equals);
        if (!seen.insert(key).second) {
            return invalid(fmt::format("Invalid criterion \"{}\": \"{}\" stands in it twice", text, key));
        }
        AMIVIRT_TRY(read_condition(key, part.substr(equals + 1), criterion));
    }
    return criterion;
}

Result<RetainedKind> parse_rule_kind(std::string_view text) {
    if (text == "image") {
        return RetainedKind::image;
    }
    if (text == "snapshot") {
        return RetainedKind::snapshot;
    }
    if (auto kind = parse_retained_kind(text)) {
        return kind;
    }
    return none_of("resource type", text, {"image", "snapshot"});
}

Result<std::pair<std::string, std::optional<std::string>>> parse_rule_tag(std::string_view text) {
    auto [key, value] = AMIVIRT_TRY(parse_tag(text));
    const bool has_value = text.find('=') != std::string_view::npos;
    return std::pair(std::move(key), has_value ? std::optional(std::move(value)) : std::nullopt);
}

}  // namespace amivirt::cli
