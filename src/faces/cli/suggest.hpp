// A wrong word suggests the nearest right one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/error.hpp"

namespace amivirt::cli {

/// `did you mean "X"?`, or "" if nothing is near.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);
/// invalid_parameter_value that lists the right words, as the domain's do: `Invalid shell "csh" (expecting bash | zsh | fish)`. Completion
/// reads that list.
[[nodiscard]] Error none_of(std::string_view noun, std::string_view text, const std::vector<std::string>& known);

}  // namespace amivirt::cli
