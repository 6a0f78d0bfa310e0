// Which processors an instance type stands for.
#pragma once

#include <string_view>

#include "amivirt/domain/platform.hpp"

namespace amivirt {

/// Of Graviton's families ("a1", "t4g", "m6gd", "im4gn": a g right behind the generation's number) arm64, of all others x86_64 (source:
/// EC2's naming of instance types). A user's own types, whose names are free, are of the others.
[[nodiscard]] Architecture architecture_of_type(std::string_view type) noexcept;

/// invalid_parameter_value: a type of Graviton's, and an image that is not arm64. (The other way round is no fault: on a host of arm64
/// "t3.micro" says how much, and not of what.)
[[nodiscard]] Result<void> check_type_fits(std::string_view type, Architecture image);

}  // namespace amivirt
