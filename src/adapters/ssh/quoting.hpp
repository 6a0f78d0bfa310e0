// Words for a guest's shell.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace amivirt {

/// As one word of a POSIX shell, whatever is in it.
[[nodiscard]] std::string shell_word(std::string_view text);
/// What sshd hands to the user's shell, so that exactly these words are run, in this environment, and that their status comes back
/// (128 + signal where a signal ended it, which SSH would tell in a way of its own). "": a login shell, and nothing to set.
[[nodiscard]] std::string remote_command(const std::vector<std::string>& words, const std::map<std::string, std::string>& environment);

}  // namespace amivirt
