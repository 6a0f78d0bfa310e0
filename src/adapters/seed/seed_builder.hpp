// NoCloud seeds as small ISO 9660 images.
#pragma once

#include <memory>

#include "amivirt/ports/seed_builder.hpp"

namespace amivirt {

/// Thread-safe. invalid_parameter_value for a hostname or key that is not UTF-8, or a key of several lines.
[[nodiscard]] std::unique_ptr<SeedBuilder> make_seed_builder();

}  // namespace amivirt
