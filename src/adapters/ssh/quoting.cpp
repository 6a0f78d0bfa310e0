#include "adapters/ssh/quoting.hpp"

namespace amivirt {

std::string shell_word(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out + "'";
}

std::string remote_command(const std::vector<std::string>& words, const std::map<std::string, std::string>& environment) {
    if (words.empty() && environment.empty()) {
        return {};
    }
    std::string script;
    if (!environment.empty()) {
        script = "env";
        for (const auto& [name, value] : environment) {
            script += " " + shell_word(name + "=" + value);
        }
        script += " ";
    }
    if (words.empty()) {
        script += "\"${SHELL:-/bin/sh}\" -l ";
    }
    for (const auto& word : words) {
        script += shell_word(word) + " ";
    }
    // The user's own shell may be any; and with something after it, the command does not replace the shell that tells how it ended.
    return "exec /bin/sh -c " + shell_word(script + "; exit $?");
}

}  // namespace amivirt
