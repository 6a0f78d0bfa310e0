// Tags: a key and a value on any resource.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"

namespace amivirt {

using Tags = std::map<std::string, std::string>;

/// EC2's limits: at most 50, keys 1..127 and values 0..255 characters, "aws:" reserved. First fault found.
[[nodiscard]] Result<void> check_tags(const Tags& tags);
/// "aws:..." in any case: nobody's to give, change or take, and not counted.
[[nodiscard]] bool is_reserved_tag(std::string_view key) noexcept;
/// Without the reserved ones.
[[nodiscard]] Tags own_tags(Tags tags);
/// "key=value" or "key" (empty value).
[[nodiscard]] Result<std::pair<std::string, std::string>> parse_tag(std::string_view text);
/// What has tags.
enum class ResourceType {
    image,
    instance,
    key_pair,
    launch_template,
    snapshot,
    volume,
    // Of the virtual network:
    dhcp_options,
    elastic_ip,
    internet_gateway,
    network_acl,
    network_interface,
    route_table,
    security_group,
    subnet,
    vpc,
};
[[nodiscard]] std::string_view to_string(ResourceType value) noexcept;
[[nodiscard]] Result<ResourceType> parse_resource_type(std::string_view text);

/// One tag of one resource (source: EC2 DescribeTags).
struct TagDescription {
    ResourceType type = ResourceType::image;
    std::string resource;  ///< its id
    std::string key;
    std::string value;
    friend bool operator==(const TagDescription&, const TagDescription&) = default;
};

/// The `Name` tag, or "".
[[nodiscard]] std::string name_tag(const Tags& tags);

}  // namespace amivirt
