#include "faces/cli/render_environment.hpp"

#include <fmt/format.h>

#include <array>

#include "faces/cli/json_fields.hpp"

namespace amivirt::cli {

namespace {

/// In single quotes, which end before each quote of the text's own.
std::string single_quoted(std::string_view text, std::string_view quote) {
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? std::string(quote) : std::string(1, c);
    }
    return out + "'";
}

}  // namespace

Result<Syntax> parse_syntax(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, Syntax>, 11> k_syntaxes{{{"sh", Syntax::sh},
                                                                              {"bash", Syntax::sh},
                                                                              {"zsh", Syntax::sh},
                                                                              {"dash", Syntax::sh},
                                                                              {"ksh", Syntax::sh},
                                                                              {"fish", Syntax::fish},
                                                                              {"csh", Syntax::csh},
                                                                              {"tcsh", Syntax::csh},
                                                                              {"powershell", Syntax::powershell},
                                                                              {"pwsh", Syntax::powershell},
                                                                              {"dotenv", Syntax::dotenv}}};
    for (const auto& [name, syntax] : k_syntaxes) {
        if (name == text) {
            return syntax;
        }
    }
    return Error(Code::invalid_parameter_value, fmt::format("shell \"{}\" is not known", text), "sh, fish, csh, powershell, dotenv");
}

std::string shell_lines(const Variables& variables, Syntax syntax) {
    std::string out;
    for (const auto& [name, value] : variables) {
        switch (syntax) {
            case Syntax::sh:
                out += fmt::format("export {}={}\n", name, single_quoted(value, "'\\''"));
                break;
            case Syntax::fish:
                out += fmt::format("set -gx {} {};\n", name, single_quoted(value, "\\'"));
                break;
            case Syntax::csh:
                out += fmt::format("setenv {} {};\n", name, single_quoted(value, "'\\''"));
                break;
            case Syntax::powershell:
                out += fmt::format("$Env:{} = {}\n", name, single_quoted(value, "''"));
                break;
            case Syntax::dotenv:
                out += fmt::format("{}={}\n", name, value);
                break;
        }
    }
    return out;
}

Document variables_document(const Variables& variables) {
    Json out = Json::object();
    for (const auto& [name, value] : variables) {
        out[name] = value;
    }
    return document(std::move(out));
}

}  // namespace amivirt::cli
