// The options every command takes.
#pragma once

#include <optional>

#include "faces/cli/backend.hpp"
#include "faces/cli/options.hpp"
#include "faces/cli/output.hpp"

namespace amivirt::cli {

struct Globals {
    GlobalOptions options;
    std::optional<Format> format;
};

void add_globals(OptionSet& set, Globals& into);

}  // namespace amivirt::cli
