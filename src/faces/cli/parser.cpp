#include "faces/cli/parser.hpp"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <map>
#include <set>

#include "faces/cli/suggest.hpp"
#include "faces/cli/talk.hpp"

namespace amivirt::cli {

namespace {

std::string whole_name(const std::string& command) { return command.empty() ? "amivirt" : "amivirt " + command; }

std::string help_hint(const std::string& command) { return fmt::format("see \"{} --help\"", whole_name(command)); }

std::string either(std::string first, std::string second) { return first.empty() ? std::move(second) : std::move(first); }

Error with_option(Error error, const std::string& name) {
    error.message = fmt::format("{}: {}", name, error.message);
    return error;
}

/// "--name=" is an empty value; CLI11 would take the next token for it.
std::vector<std::string> split_empty_values(const std::vector<std::string>& tokens) {
    std::vector<std::string> out;
    for (const std::string& token : tokens) {
        if (token.starts_with("--") && token.size() > 3 && token.find('=') == token.size() - 1) {
            out.push_back(token.substr(0, token.size() - 1));
            out.emplace_back();
        } else {
            out.push_back(token);
        }
    }
    return out;
}

Error unknown_option(const std::string& token, const OptionSet& options, const std::string& command) {
    const std::string name = token.substr(0, token.find('='));
    return usage_error(fmt::format("unknown option \"{}\" for \"{}\"", name, whole_name(command)),
                       either(did_you_mean(name, options.long_names()), help_hint(command)));
}

Result<void> check_words(const Words& words, const std::string& command) {
    const std::size_t count = words.into == nullptr ? 0 : words.into->size();
    if (count < words.least) {
        return usage_error(fmt::format("\"{}\" needs {}", whole_name(command), words.name), help_hint(command));
    }
    return {};
}

/// One option given, and its raw values.
struct Given {
    const Option* option = nullptr;
    std::vector<std::string> values;
};

Result<void> take_values(const Given& given, const std::vector<std::string>& tokens, const OptionSet& options) {
    const Option& option = *given.option;
    const std::string name = option.long_name();
    if (option.is_flag()) {
        for (const std::string& value : given.values) {
            if (value != "true") {
                return usage_error(fmt::format("{} takes no value, but \"{}\" is given", name, value));
            }
            AMIVIRT_TRY(option.take({}));
        }
        return {};
    }
    if (option.repeat == Repeat::once && given.values.size() > 1) {
        return usage_error(fmt::format("{} is given {} times", name, given.values.size()), "give it once");
    }
    const std::vector<std::string> known = options.long_names();
    const std::size_t first = option.repeat == Repeat::last ? given.values.size() - 1 : 0;
    for (std::size_t i = first; i < given.values.size(); ++i) {
        const std::string& value = given.values[i];
        const bool is_option = std::find(known.begin(), known.end(), value) != known.end();
        if (is_option && std::find(tokens.begin(), tokens.end(), fmt::format("{}={}", name, value)) == tokens.end()) {
            return usage_error(fmt::format("{} needs {}, but the option \"{}\" follows it", name, option.placeholder, value),
                               fmt::format("write \"{}={}\" if that is the value", name, value));
        }
        if (Result<void> taken = option.take(value); !taken) {
            return with_option(std::move(taken.error()), name);
        }
    }
    return {};
}

}  // namespace

Result<Parsed> parse(const OptionSet& options, const std::string& command, const std::vector<std::string>& all_tokens,
                     const Surroundings& around) {
    // What follows "--" are words, whatever they look like.
    const auto mark = std::find(all_tokens.begin(), all_tokens.end(), "--");
    const std::vector<std::string> tokens(all_tokens.begin(), mark);
    const auto asked = [&tokens](std::string_view word) { return std::find(tokens.begin(), tokens.end(), word) != tokens.end(); };

    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    CLI::Option* help = app.add_flag("-h,--help");
    CLI::Option* version = app.add_flag("--version");
    std::map<const CLI::Option*, const Option*> by_parser;
    for (const Option& option : options.options()) {
        CLI::Option* added = nullptr;
        if (option.is_flag()) {
            added = app.add_flag(option.names);
        } else {
            added = app.add_option(option.names, [](const CLI::results_t&) { return true; });
            added->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        }
        by_parser.emplace(added, &option);
    }

    try {
        std::vector<std::string> reversed = split_empty_values(tokens);
        std::reverse(reversed.begin(), reversed.end());
        app.parse(std::move(reversed));
    } catch (const CLI::ArgumentMismatch&) {
        if (asked("--help")) {
            return Parsed{.wants_help = true, .wants_version = false};
        }
        // Only an option at the very end can lack its value.
        const std::string last = tokens.empty() ? "" : tokens.back();
        return usage_error(fmt::format("{} needs a value", last), help_hint(command));
    } catch (const CLI::ParseError& error) {
        if (asked("--help")) {
            return Parsed{.wants_help = true, .wants_version = false};
        }
        return usage_error(fmt::format("cannot read the command line: {}", error.what()), help_hint(command));
    }
    if (help->count() > 0) {
        return Parsed{.wants_help = true, .wants_version = false};
    }
    if (version->count() > 0) {
        return Parsed{.wants_help = false, .wants_version = true};
    }

    std::vector<std::string> words = app.remaining();
    for (const std::string& word : words) {
        if (word.size() > 1 && word.starts_with('-')) {
            return unknown_option(word, options, command);
        }
    }
    if (mark != all_tokens.end()) {
        words.insert(words.end(), mark + 1, all_tokens.end());
    }

    // In the order of their declaration, so that the first fault told does not depend on the parser.
    std::set<const Option*> given;
    for (const CLI::Option* parsed : app.get_options()) {
        const auto found = by_parser.find(parsed);
        if (found == by_parser.end() || parsed->count() == 0) {
            continue;
        }
        given.insert(found->second);
        AMIVIRT_TRY(take_values({found->second, parsed->results()}, tokens, options));
    }
    for (const Option& option : options.options()) {
        if (given.contains(&option)) {
            continue;
        }
        if (!option.environment.empty()) {
            if (const std::optional<std::string> value = around.environment(option.environment)) {
                if (Result<void> taken = option.take(*value); !taken) {
                    return with_option(std::move(taken.error()), fmt::format("the environment's {}", option.environment));
                }
            }
        }
        if (option.is_required) {
            return usage_error(fmt::format("\"{}\" needs {} {}", whole_name(command), option.long_name(), option.placeholder),
                               help_hint(command));
        }
    }

    const Words& wanted = options.words();
    if (words.size() > wanted.most) {
        return usage_error(fmt::format("unexpected \"{}\" for \"{}\"", words[wanted.most], whole_name(command)), help_hint(command));
    }
    if (wanted.into != nullptr) {
        *wanted.into = std::move(words);
    }
    AMIVIRT_TRY(check_words(wanted, command));
    return Parsed{};
}

Result<CommandWords> find_command(const std::vector<std::string>& tokens, const std::vector<std::string>& paths, const OptionSet& globals) {
    std::set<std::string> valued;
    std::set<std::string> known_options{"--help", "-h", "--version"};
    for (const Option& option : globals.options()) {
        for (const std::string& name : option.spellings()) {
            known_options.insert(name);
            if (!option.is_flag()) {
                valued.insert(name);
            }
        }
    }
    std::string stray;  // an option before the command that is none of every command's
    const auto is_command = [&paths](const std::string& path) { return std::find(paths.begin(), paths.end(), path) != paths.end(); };
    const auto is_noun = [&paths](const std::string& word) {
        return std::any_of(paths.begin(), paths.end(), [&word](const std::string& path) { return path.starts_with(word + " "); });
    };

    CommandWords out;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const std::string& token = tokens[i];
        if (is_command(out.path) || token == "--") {
            out.rest.insert(out.rest.end(), tokens.begin() + static_cast<std::ptrdiff_t>(i), tokens.end());
            break;
        }
        if (token.size() > 1 && token.starts_with('-')) {
            out.rest.push_back(token);
            const std::string name = token.substr(0, token.find('='));
            if (stray.empty() && name.starts_with("--") && !known_options.contains(name)) {
                stray = name;
            }
            if (valued.contains(token) && i + 1 < tokens.size()) {
                out.rest.push_back(tokens[++i]);
            }
            continue;
        }
        if (out.path.empty() && (is_command(token) || is_noun(token))) {
            out.path = token;
            continue;
        }
        const std::string path = out.path.empty() ? token : out.path + " " + token;
        if (is_command(path)) {
            out.path = path;
            continue;
        }
        if (!stray.empty()) {  // this word may be its value: the option is what is wrong
            return usage_error(fmt::format("unknown option \"{}\" before the command", stray),
                               either(did_you_mean(stray, globals.long_names()), "a command's own options stand after it"));
        }
        // Unknown. Near words first, then the same verb under another noun ("import" for "image import").
        std::vector<std::string> known;
        for (const std::string& candidate : paths) {
            if (out.path.empty()) {
                known.push_back(candidate.substr(0, candidate.find(' ')));
            } else if (candidate.starts_with(out.path + " ")) {
                known.push_back(candidate);
            }
        }
        std::string hint = did_you_mean(path, known);
        if (hint.empty()) {
            const auto same_verb =
                std::find_if(paths.begin(), paths.end(), [&token](const std::string& p) { return p.ends_with(" " + token); });
            if (same_verb != paths.end()) {
                hint = fmt::format("did you mean \"amivirt {}\"?", *same_verb);
            }
        }
        return usage_error(fmt::format("unknown command \"{}\"", path), either(hint, help_hint(out.path)));
    }
    return out;
}

}  // namespace amivirt::cli
