// A wrong word suggests the nearest right one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace amivirt::cli {

/// `did you mean "X"?`, or "" if nothing is near.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace amivirt::cli
