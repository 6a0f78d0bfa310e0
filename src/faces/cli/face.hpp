// The command line with everything around it handed in.
#pragma once

#include "faces/cli/backend.hpp"
#include "faces/cli/surroundings.hpp"

namespace amivirt::cli {

/// `tokens`: the command line without the program's name. As run() of backend.hpp.
[[nodiscard]] int run_in(const std::vector<std::string>& tokens, Backend& backend, const Surroundings& around);

}  // namespace amivirt::cli
