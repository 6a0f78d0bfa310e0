#include "amivirt/domain/tag.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "domain/text.hpp"
#include "domain/words.hpp"

namespace amivirt {

namespace {

constexpr std::size_t k_most_tags = 50;
constexpr std::size_t k_longest_key = 127;
constexpr std::size_t k_longest_value = 255;
constexpr std::string_view k_reserved = "aws:";

constexpr std::array<Word<ResourceType>, 15> k_types{{
    {ResourceType::image, "image"},
    {ResourceType::instance, "instance"},
    {ResourceType::key_pair, "key-pair"},
    {ResourceType::launch_template, "launch-template"},
    {ResourceType::snapshot, "snapshot"},
    {ResourceType::volume, "volume"},
    {ResourceType::dhcp_options, "dhcp-options"},
    {ResourceType::elastic_ip, "elastic-ip"},
    {ResourceType::internet_gateway, "internet-gateway"},
    {ResourceType::network_acl, "network-acl"},
    {ResourceType::network_interface, "network-interface"},
    {ResourceType::route_table, "route-table"},
    {ResourceType::security_group, "security-group"},
    {ResourceType::subnet, "subnet"},
    {ResourceType::vpc, "vpc"},
}};

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

bool is_reserved_tag(std::string_view key) noexcept {
    return key.size() >= k_reserved.size() && std::equal(k_reserved.begin(), k_reserved.end(), key.begin(), [](char want, char have) {
               return want == (have >= 'A' && have <= 'Z' ? static_cast<char>(have - 'A' + 'a') : have);
           });
}

Tags own_tags(Tags tags) {
    std::erase_if(tags, [](const auto& tag) { return is_reserved_tag(tag.first); });
    return tags;
}

Result<void> check_tags(const Tags& tags) {
    for (const auto& [key, value] : tags) {
        if (key.empty()) {
            return bad(fmt::format("A tag with the value \"{}\" has an empty key", value));
        }
        AMIVIRT_TRY(check_text("key", key, key, k_longest_key));
        if (is_reserved_tag(key)) {
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

std::string_view to_string(ResourceType value) noexcept { return word_for(k_types, value); }
Result<ResourceType> parse_resource_type(std::string_view text) { return parse_word(k_types, "resource type", text); }

std::string name_tag(const Tags& tags) {
    const auto found = tags.find("Name");
    return found == tags.end() ? std::string() : found->second;
}

}  // namespace amivirt
