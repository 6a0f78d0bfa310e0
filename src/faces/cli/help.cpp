#include "faces/cli/help.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>

namespace amivirt::cli {

namespace {

constexpr std::size_t k_help_column = 30;

std::string option_line(const Option& option) {
    const std::string spelled = option_spelling(option);
    const std::string left = (spelled.starts_with("--") ? "      " : "  ") + spelled;
    const std::string right = option_text(option);
    if (left.size() + 2 > k_help_column) {
        return fmt::format("{}\n{:{}}{}\n", left, "", k_help_column, right);
    }
    return fmt::format("{:<{}}{}\n", left, k_help_column, right);
}

std::string options_block(const OptionSet& options, std::string_view title, bool (*wanted)(const Option&)) {
    std::string lines;
    for (const Option& option : options.options()) {
        if (wanted(option)) {
            lines += option_line(option);
        }
    }
    return lines.empty() ? lines : fmt::format("\n{}:\n{}", title, lines);
}

bool is_own(const Option& option) { return !option.is_global; }
bool is_shared(const Option& option) { return option.is_global; }

}  // namespace

std::string version_line() { return "amivirt " AMIVIRT_VERSION "\n"; }

std::string usage(const std::string& path, const OptionSet& options) {
    std::string line = "amivirt " + path;
    for (const Option& option : options.options()) {
        if (option.is_required) {
            line += fmt::format(" {} {}", option.long_name(), option.placeholder);
        }
    }
    const bool has_options = std::any_of(options.options().begin(), options.options().end(), [](const Option& o) { return !o.is_global; });
    if (has_options) {
        line += " [OPTIONS]";
    }
    const Words& words = options.words();
    if (words.into != nullptr) {
        const std::string name = words.most == SIZE_MAX ? words.name + "..." : words.name;
        line += words.least == 0 ? fmt::format(" [{}]", name) : " " + name;
    }
    return line;
}

std::string option_spelling(const Option& option) {
    std::string out = fmt::format("{}", fmt::join(option.spellings(), ", "));
    return option.is_flag() ? out : out + " " + option.placeholder;
}

std::string option_text(const Option& option) {
    std::string text = option.help;
    if (option.is_required) {
        text += " (required)";
    }
    if (option.repeat == Repeat::each && !option.is_flag()) {
        text += " (may be repeated)";
    }
    if (!option.environment.empty()) {
        text += fmt::format(" [{}]", option.environment);
    }
    return text;
}

std::string overview(std::string_view noun) {
    std::string out = noun.empty() ? "Usage: amivirt COMMAND [OPTIONS]\n\nAmazon Machine Images on the machine on your desk: one image, "
                                     "many real machines.\n"
                                   : fmt::format("Usage: amivirt {} VERB [OPTIONS]\n\nVerbs:\n", noun);
    const auto add = [&out](const std::string& path, const Command& command) { out += fmt::format("  {:<27}{}\n", path, command.summary); };
    for (const CommandGroup& group : command_groups()) {
        if (noun.empty()) {
            out += fmt::format("\n{}:\n", group.title);
        }
        for (const Command* command : group.commands) {
            for (const std::string& path : command->paths) {
                if (noun.empty() ? &path == &command->paths.front() : path.starts_with(fmt::format("{} ", noun))) {
                    add(path, *command);
                }
            }
        }
    }
    out += noun.empty() ? "\n\"amivirt COMMAND --help\" tells more.\n" : fmt::format("\n\"amivirt {} VERB --help\" tells more.\n", noun);
    return out;
}

std::string command_help(const Command& command, const std::string& path, const OptionSet& options) {
    const Words& words = options.words();
    std::string out = fmt::format("Usage: {}\n\n{}.\n", usage(path, options), command.summary);
    if (words.into != nullptr && !words.help.empty()) {
        out += fmt::format("\n{:<{}}{}\n", "  " + words.name, k_help_column, words.help);
    }
    out += options_block(options, "Options", is_own);
    out += options_block(options, "Options of every command", is_shared);
    if (!command.help.empty()) {
        out += fmt::format("\n{}", command.help);
        if (!out.ends_with('\n')) {
            out += '\n';
        }
    }
    return out;
}

}  // namespace amivirt::cli
