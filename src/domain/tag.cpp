#include "amivirt/domain/tag.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "domain/text.hpp"

namespace amivirt {

namespace {

constexpr std::size_t k_most_tags = 50;
constexpr std::size_t k_longest_key = 127;
constexpr std::size_t k_longest_value = 255;
constexpr std::string_view k_reserved = "aws:";

bool reserved(std::string_view key) noexcept {
    return key.size() >= k_reserved.size() && std::equal(k_reserved.begin(), k_reserved.end(), key.begin(), [](char want, char have) {
               return want == (have >= 'A' && have <= 'Z' ? static_cast<char>(have - 'A' + 'a') : have);
           });
}

Error bad(std::string message) { return {Code::invalid_parameter_value, std::move(message)}; }

Result<void> check_text(std::string_view what, std::string_view key, std::string_view text, std::size_t most) {
    const auto length = utf8_length(text);
    if (!length) {
        return bad(fmt::format("The {} of tag \"{}\" is not UTF-8", what, key));
    }
    if (has_control_character(text)) {
        return bad(fmt::format("The {} of tag \"{}\" has a control character", what, key));
    }
    if (*length > most) {
        return bad(fmt::format("The {} of tag \"{}\" has {} characters; the most is {}", what, key, *length, most));
    }
    return {};
}

}  // namespace

Result<void> check_tags(const Tags& tags) {
    for (const auto& [key, value] : tags) {
        if (key.empty()) {
            return bad(fmt::format("A tag with the value \"{}\" has an empty key", value));
        }
        AMIVIRT_TRY(check_text("key", key, key, k_longest_key));
        if (reserved(key)) {
            return bad(fmt::format("Invalid tag key \"{}\": keys that begin with \"aws:\" are reserved", key));
        }
        AMIVIRT_TRY(check_text("value", key, value, k_longest_value));
    }
    if (tags.size() > k_most_tags) {
        return Error(Code::tag_limit_exceeded, fmt::format("{} tags were given; a resource has at most {}", tags.size(), k_most_tags));
    }
    return {};
}

Result<std::pair<std::string, std::string>> parse_tag(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view key = text.substr(0, equals);
    if (key.empty()) {
        return bad(fmt::format("Invalid tag \"{}\" (expecting KEY=VALUE or KEY)", text));
    }
    return std::pair(std::string(key), equals == std::string_view::npos ? std::string() : std::string(text.substr(equals + 1)));
}

std::string name_tag(const Tags& tags) {
    const auto found = tags.find("Name");
    return found == tags.end() ? std::string() : found->second;
}

}  // namespace amivirt
