// Environment variables as the commands of a shell that set them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "amivirt/base/result.hpp"
#include "faces/cli/output.hpp"

namespace amivirt::cli {

using Variables = std::vector<std::pair<std::string, std::string>>;

enum class Syntax { sh, fish, csh, powershell, dotenv };
/// Also "bash", "zsh", "dash", "ksh", "tcsh", "pwsh". invalid_parameter_value, with the choices.
[[nodiscard]] Result<Syntax> parse_syntax(std::string_view text);
/// One line each. Values are quoted, so that none of them is more than a value.
[[nodiscard]] std::string shell_lines(const Variables& variables, Syntax syntax);
/// {"NAME": "value", ...}
[[nodiscard]] Document variables_document(const Variables& variables);

}  // namespace amivirt::cli
