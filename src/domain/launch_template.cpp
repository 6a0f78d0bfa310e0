#include "amivirt/domain/launch_template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace amivirt {

namespace {

constexpr std::size_t k_shortest_template_name = 3;
constexpr std::size_t k_longest_template_name = 128;

bool may_name_a_template(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("()./-_").find(c) != std::string_view::npos;
}

}  // namespace

Result<void> check_launch_template_name(std::string_view name) {
    if (name.size() < k_shortest_template_name || name.size() > k_longest_template_name ||
        !std::all_of(name.begin(), name.end(), may_name_a_template)) {
        return Error(Code::invalid_launch_template_name_malformed,
                     fmt::format("Invalid launch template name \"{}\": {} to {} letters, digits and ()./-_ make one", name,
                                 k_shortest_template_name, k_longest_template_name));
    }
    return {};
}

std::uint64_t latest_version(const LaunchTemplate& launch_template) noexcept {
    return launch_template.versions.empty() ? 0 : launch_template.versions.back().number;
}

Result<LaunchTemplateVersion> find_version(const LaunchTemplate& launch_template, std::string_view word) {
    std::uint64_t number = 0;
    if (word.empty() || word == "$Default") {
        number = launch_template.default_version;
    } else if (word == "$Latest") {
        number = latest_version(launch_template);
    } else {
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
        if (error != std::errc() || end != word.data() + word.size()) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("\"{}\" is no version of a launch template (expecting a number, $Latest or $Default)", word));
        }
    }
    const auto found = std::find_if(launch_template.versions.begin(), launch_template.versions.end(),
                                    [&](const LaunchTemplateVersion& version) { return version.number == number; });
    if (found == launch_template.versions.end()) {
        return Error(Code::invalid_launch_template_version_not_found,
                     fmt::format("Could not find the version {} of the launch template {}", number, launch_template.id.str()));
    }
    return *found;
}

std::string_view parameter_of(std::string_view flattened) noexcept { return flattened.substr(0, flattened.find('.')); }

LaunchTemplateData overlaid(const LaunchTemplateData& base, const LaunchTemplateData& over) {
    std::set<std::string_view> said;
    for (const auto& [name, value] : over) {
        said.insert(parameter_of(name));
    }
    LaunchTemplateData all = over;
    for (const auto& [name, value] : base) {
        if (!said.contains(parameter_of(name))) {
            all.emplace(name, value);
        }
    }
    return all;
}

}  // namespace amivirt
