// The one place where services meet adapters.
#pragma once

#include <memory>

#include "faces/cli/backend.hpp"

namespace amivirt::app {

/// Nothing is opened until the backend is asked to.
[[nodiscard]] std::unique_ptr<cli::Backend> make_backend();

}  // namespace amivirt::app
