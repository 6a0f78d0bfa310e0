#include "faces/cli/user_data.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "amivirt/domain/cloud_init.hpp"

namespace amivirt::cli {

namespace {

std::string doubt_about_yaml(const std::string& text, const std::string& what) {
    try {
        const YAML::Node root = YAML::Load(text);
        if (!root.IsMap() && !root.IsNull()) {
            return what + " a #cloud-config that is no mapping of names to values: cloud-init will ignore it";
        }
    } catch (const YAML::Exception& fault) {
        return fmt::format("{} a #cloud-config that is no YAML, and cloud-init will ignore it: line {}, column {}: {}", what,
                           fault.mark.line + 1, fault.mark.column + 1, fault.msg);
    }
    return {};
}

}  // namespace

std::string user_data_warning(const std::string& user_data) {
    if (auto doubt = doubt_about(user_data); !doubt.empty()) {
        return doubt;
    }
    const auto parts = user_data_parts(user_data);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::string what = parts.size() == 1 ? "the user data are" : fmt::format("part {} of the user data is", i + 1);
        if (std::string doubt = is_cloud_config(parts[i]) ? doubt_about_yaml(parts[i].text, what) : ""; !doubt.empty()) {
            return doubt;
        }
    }
    return {};
}

}  // namespace amivirt::cli
