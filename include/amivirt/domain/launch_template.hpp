// Launch templates: what a launch asks for, under a name and in versions that never change.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/ids.hpp"
#include "amivirt/domain/tag.hpp"

namespace amivirt {

/// Parameters of RunInstances, as a request flattens them: "BlockDeviceMapping.1.Ebs.VolumeSize" -> "8".
using LaunchTemplateData = std::map<std::string, std::string>;

struct LaunchTemplateVersion {
    std::uint64_t number = 1;
    std::string description;
    TimePoint created{};
    LaunchTemplateData data;
};

struct LaunchTemplate {
    LaunchTemplateId id;
    std::string name;  ///< unique among its owner's
    AccountId owner;
    TimePoint created{};
    std::uint64_t default_version = 1;
    std::uint64_t next_version = 2;               ///< numbers are not given again
    std::vector<LaunchTemplateVersion> versions;  ///< by number; the default one is always there
    Tags tags;
};

/// 3..128 of letters, digits and `( ) . - / _` (source: EC2 CreateLaunchTemplate).
[[nodiscard]] Result<void> check_launch_template_name(std::string_view name);
/// The number of the last one there is.
[[nodiscard]] std::uint64_t latest_version(const LaunchTemplate& launch_template) noexcept;
/// "3", "$Latest", "$Default"; "": the default one. invalid_launch_template_version_not_found; invalid_parameter_value for other words.
[[nodiscard]] Result<LaunchTemplateVersion> find_version(const LaunchTemplate& launch_template, std::string_view word);
/// `over` and those parameters of `base` that it does not speak of: one that it gives in part replaces the whole
/// ("MetadataOptions.HttpTokens" all of MetadataOptions).
[[nodiscard]] LaunchTemplateData overlaid(const LaunchTemplateData& base, const LaunchTemplateData& over);
/// "BlockDeviceMapping" of "BlockDeviceMapping.1.DeviceName".
[[nodiscard]] std::string_view parameter_of(std::string_view flattened) noexcept;

}  // namespace amivirt
