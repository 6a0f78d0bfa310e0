// --help.
#pragma once

#include <string>
#include <string_view>

#include "faces/cli/command.hpp"

namespace amivirt::cli {

[[nodiscard]] std::string version_line();
/// All commands, a line each; `noun` "image": only its verbs.
[[nodiscard]] std::string overview(std::string_view noun);
/// "amivirt run [OPTIONS] IMAGE"
[[nodiscard]] std::string usage(const std::string& path, const OptionSet& options);
/// "-n, --count N", and what it is for.
[[nodiscard]] std::string option_spelling(const Option& option);
[[nodiscard]] std::string option_text(const Option& option);
[[nodiscard]] std::string command_help(const Command& command, const std::string& path, const OptionSet& options);

}  // namespace amivirt::cli
