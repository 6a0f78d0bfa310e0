// Tokens to values.
#pragma once

#include <string>
#include <vector>

#include "faces/cli/options.hpp"
#include "faces/cli/surroundings.hpp"

namespace amivirt::cli {

struct Parsed {
    bool wants_help = false;
    bool wants_version = false;
};

/// Hands each value to its option, then each variable of the environment to the options that were not given. Faults are
/// usage errors that name the option, quote the value and suggest the nearest right word. Help and version win over faults.
[[nodiscard]] Result<Parsed> parse(const OptionSet& options, const std::string& command, const std::vector<std::string>& tokens,
                                   const Surroundings& around);

/// The words that name a command, taken out of `tokens`; global options may stand before, between and after them.
struct CommandWords {
    std::string path;               ///< "image import"; "" if there is no word at all
    std::vector<std::string> rest;  ///< all other tokens, in order
};
/// `paths`: the known commands; `globals`: to know which options take a value. Unknown words are a usage error with the nearest one.
/// A noun alone ("image") is returned as it is.
[[nodiscard]] Result<CommandWords> find_command(const std::vector<std::string>& tokens, const std::vector<std::string>& paths,
                                                const OptionSet& globals);

}  // namespace amivirt::cli
