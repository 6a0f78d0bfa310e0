#include "faces/cli/manual.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "faces/cli/command.hpp"
#include "faces/cli/globals.hpp"
#include "faces/cli/help.hpp"

namespace amivirt::embedded {
extern const std::string_view manual;
}  // namespace amivirt::embedded

namespace amivirt::cli {

namespace {

/// For any place in a line. Quotes and dashes stay those of a keyboard, so that what is copied from the page works.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '\\':
                out += "\\e";
                break;
            case '-':
                out += "\\-";
                break;
            case '\'':
                out += "\\(aq";
                break;
            case '`':
                out += "\\(ga";
                break;
            case '^':
                out += "\\(ha";
                break;
            case '~':
                out += "\\(ti";
                break;
            case '"':
                out += "\\(dq";
                break;
            default:
                out += c;
        }
    }
    return out;
}

/// A line of text: a dot at its beginning is no macro.
std::string line_of(std::string_view text) { return (text.starts_with('.') ? "\\&" : "") + escaped(text) + "\n"; }

std::string page_name(std::string path) {
    std::replace(path.begin(), path.end(), ' ', '-');
    return path.empty() ? "amivirt" : "amivirt-" + path;
}

std::string head(const std::string& path, std::string_view summary) {
    std::string title = page_name(path);
    std::string version = version_line();
    version.pop_back();
    std::string upper = title;
    std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    std::string out = fmt::format(".TH \"{}\" 1 \"\" \"{}\" \"amivirt manual\"\n", escaped(upper), escaped(version));
    out += fmt::format(".SH NAME\n{} \\- {}\n.SH SYNOPSIS\n", escaped(title), escaped(summary));
    return out;
}

std::string item(std::string_view term, std::string_view text) { return fmt::format(".TP\n\\fB{}\\fR\n{}", escaped(term), line_of(text)); }

enum class Scope { command, every_command };

std::string option_items(const OptionSet& options, Scope scope) {
    std::string out;
    for (const Option& option : options.options()) {
        if (option.is_global == (scope == Scope::every_command)) {
            out += item(option_spelling(option), option_text(option));
        }
    }
    return out;
}

ManualPage page_of(const Command& command) {
    const std::string& path = command.paths.front();
    const std::unique_ptr<Action> action = command.make();
    OptionSet options;
    action->declare(options);
    std::string text = head(path, command.summary);
    for (const std::string& other : command.paths) {
        text += (&other == &path ? "" : ".br\n") + line_of(usage(other, options));
    }
    text += ".SH DESCRIPTION\n" + to_roff(command.help);
    const Words& words = options.words();
    const std::string word = words.into == nullptr || words.help.empty() ? "" : item(words.name, words.help);
    const std::string items = word + option_items(options, Scope::command);
    if (!items.empty()) {
        text += ".SH OPTIONS\n" + items;
    }
    text += ".PP\nThe options of every command are told in \\fBamivirt\\fR(1).\n.SH SEE ALSO\n\\fBamivirt\\fR(1)";
    for (const CommandGroup& group : command_groups()) {
        if (std::find(group.commands.begin(), group.commands.end(), &command) == group.commands.end()) {
            continue;
        }
        for (const Command* other : group.commands) {
            if (other != &command) {
                text += fmt::format(",\n\\fB{}\\fR(1)", escaped(page_name(other->paths.front())));
            }
        }
    }
    return {page_name(path), text + "\n"};
}

ManualPage main_page() {
    std::string text = head("", "Amazon Machine Images on the machine on your desk");
    text += line_of("amivirt COMMAND [OPTIONS]") + ".SH DESCRIPTION\n";
    std::string_view help = embedded::manual;
    const std::size_t sections = std::min(help.find("\n# "), help.size());
    text += to_roff(help.substr(0, sections)) + ".SH COMMANDS\n";
    for (const CommandGroup& group : command_groups()) {
        text += fmt::format(".SS {}\n", escaped(group.title));
        for (const Command* command : group.commands) {
            text += item(command->paths.front(), fmt::format("{}: see {}(1)", command->summary, page_name(command->paths.front())));
        }
    }
    OptionSet options;
    Globals globals;
    add_globals(options, globals);
    text += ".SH OPTIONS OF EVERY COMMAND\n" + option_items(options, Scope::every_command) + item("-h, --help", "what the command does") +
            item("--version", "which amivirt this is");
    help.remove_prefix(sections);
    return {page_name(""), text + to_roff(help)};
}

}  // namespace

std::string to_roff(std::string_view help) {
    enum class Mode { text, as_it_stands };
    Mode mode = Mode::text;
    bool is_paragraph_due = false;
    std::string out;
    while (!help.empty()) {
        const std::size_t end = std::min(help.find('\n'), help.size());
        const std::string_view line = help.substr(0, end);
        help.remove_prefix(std::min(end + 1, help.size()));
        if (line.empty()) {
            is_paragraph_due = !out.empty();
            continue;
        }
        const Mode wanted = line.starts_with("  ") ? Mode::as_it_stands : Mode::text;
        if (mode == Mode::as_it_stands && wanted == Mode::text) {
            out += ".fi\n";
        }
        if (line.starts_with("# ")) {
            out += fmt::format(".SH {}\n", escaped(line.substr(2)));
            is_paragraph_due = false;
            mode = Mode::text;
            continue;
        }
        if (is_paragraph_due) {
            out += ".PP\n";
            is_paragraph_due = false;
        }
        if (mode == Mode::text && wanted == Mode::as_it_stands) {
            out += ".nf\n";
        }
        mode = wanted;
        out += line_of(line);
    }
    return mode == Mode::as_it_stands ? out + ".fi\n" : out;
}

std::vector<ManualPage> manual() {
    std::vector<ManualPage> pages{main_page()};
    for (const Command* command : all_commands()) {
        pages.push_back(page_of(*command));
        for (const std::string& path : command->paths) {
            if (path != command->paths.front()) {
                pages.push_back({page_name(path), fmt::format(".so man1/{}.1\n", page_name(command->paths.front()))});
            }
        }
    }
    return pages;
}

Result<void> write_manual(const std::string& folder) {
    std::error_code failure;
    std::filesystem::create_directories(folder, failure);
    for (const ManualPage& page : manual()) {
        const std::string path = fmt::format("{}/{}.1", folder, page.name);
        errno = 0;
        std::ofstream file(path, std::ios::binary | std::ios::trunc);
        file << page.text << std::flush;
        if (!file) {
            return Error(Code::io_error, fmt::format("Cannot write \"{}\": {}", path, std::strerror(errno)));
        }
    }
    return {};
}

}  // namespace amivirt::cli
