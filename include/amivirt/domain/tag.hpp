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
/// "key=value" or "key" (empty value).
[[nodiscard]] Result<std::pair<std::string, std::string>> parse_tag(std::string_view text);
/// The `Name` tag, or "".
[[nodiscard]] std::string name_tag(const Tags& tags);

}  // namespace amivirt
