// What a half-typed command line may go on with, by the tables that parse it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "faces/cli/backend.hpp"
#include "faces/cli/surroundings.hpp"

namespace amivirt::cli {

/// `words`: the command line without the program's name, up to the cursor; the last one is to be completed, and may be empty. Lines of
/// "WORD<tab>NOTE"; one without a word says that "files" or "folders" fit, too. Whatever cannot be found out is left out.
[[nodiscard]] std::string completions(const std::vector<std::string>& words, Backend& backend, const Surroundings& around);

enum class Shell { bash, zsh, fish };
[[nodiscard]] Result<Shell> parse_shell(std::string_view text);
[[nodiscard]] std::string_view to_string(Shell shell) noexcept;
/// What that shell reads to ask for completions(), by the hidden command "__complete".
[[nodiscard]] std::string_view completion_script(Shell shell) noexcept;

}  // namespace amivirt::cli
