#include "faces/cli/completion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>

#include "faces/cli/command.hpp"
#include "faces/cli/globals.hpp"
#include "faces/cli/parser.hpp"
#include "faces/cli/suggest.hpp"
#include "faces/cli/text.hpp"

namespace amivirt::embedded {
extern const std::string_view completion_bash;
extern const std::string_view completion_zsh;
extern const std::string_view completion_fish;
}  // namespace amivirt::embedded

namespace amivirt::cli {

namespace {

constexpr std::array<std::pair<Shell, std::string_view>, 3> k_shells{{{Shell::bash, "bash"}, {Shell::zsh, "zsh"}, {Shell::fish, "fish"}}};

enum class Paths { none, files, folders };

/// What a placeholder of the help stands for.
struct Meaning {
    std::string_view placeholder;
    std::vector<Topic> topics;
    Paths paths = Paths::none;
    std::string_view ending = {};  ///< of each of the topics' words
};

const std::vector<Meaning>& meanings() {
    static const std::vector<Meaning> all{
        {"IMAGE", {Topic::image}},
        {"INSTANCE", {Topic::instance}},
        {"VOLUME", {Topic::volume}},
        {"SNAPSHOT", {Topic::snapshot}},
        {"KEY", {Topic::key_pair}},
        {"RULE", {Topic::retention_rule}},
        {"RESOURCE", {Topic::image, Topic::instance, Topic::volume, Topic::snapshot}},
        {"TYPE", {Topic::instance_type}},
        {"REGION", {Topic::region}},
        {"ACCOUNT", {Topic::account}},
        {"OWNER", {Topic::account}},
        {"WHO", {Topic::account}},
        {"SESSION", {Topic::session}},
        {"BINNED-IMAGE", {Topic::binned_image}},
        {"BINNED-SNAPSHOT", {Topic::binned_snapshot}},
        {"FILE", {}, Paths::files},
        {"LAB", {}, Paths::files},
        {"DIR", {}, Paths::folders},
        {"SOURCE", {Topic::instance}, Paths::files, ":"},
        {"DESTINATION", {Topic::instance}, Paths::files, ":"},
    };
    return all;
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
    std::vector<std::string> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(end + separator.size());
    }
}

/// The words an option takes, if it takes but a few: its own parser, refusing what nobody means, lists them.
std::vector<std::string> choices_of(const Option& option) {
    constexpr std::string_view k_list = "(expecting ";
    constexpr std::string_view k_separator = " | ";
    const Result<void> taken = option.take("\x7f");
    if (taken) {
        return {};
    }
    std::string_view list = taken.error().message;
    const std::size_t begin = list.find(k_list);
    if (begin == std::string_view::npos) {
        return {};
    }
    list.remove_prefix(begin + k_list.size());
    list = list.substr(0, list.find(')'));
    return list.find(k_separator) == std::string_view::npos ? std::vector<std::string>() : split(list, k_separator);
}

/// "IMAGE [ACCOUNT...]" -> IMAGE, ACCOUNT...
std::vector<std::string> names_of(const Words& words) {
    std::vector<std::string> names;
    for (std::string name : split(words.name, " ")) {
        std::erase_if(name, [](char c) { return c == '[' || c == ']'; });
        if (!name.empty() && name != "--") {
            names.push_back(std::move(name));
        }
    }
    return names;
}

class Completion {
public:
    Completion(Backend& backend, const Surroundings& around) : backend_(backend), around_(around) {}

    std::string find(std::vector<std::string> words) {
        if (words.empty()) {
            return {};
        }
        current_ = std::move(words.back());
        words.pop_back();
        if (!words.empty() && words.front() == "help") {
            words.erase(words.begin());
        }
        OptionSet options;
        {
            OptionSet globals;
            Globals unused;
            add_globals(globals, unused);
            const Result<CommandWords> found = find_command(words, all_paths(), globals);
            if (!found) {
                return {};
            }
            path_ = found->path;
            words = found->rest;
        }
        const Command* command = command_of(path_);
        const std::unique_ptr<Action> action = command == nullptr ? nullptr : command->make();
        if (action) {
            action->declare(options);
        }
        add_globals(options, globals_);
        for (const Option& option : options.options()) {
            if (const auto value = option.environment.empty() ? std::nullopt : around_.environment(option.environment)) {
                take(option, *value);
            }
        }
        walk(options, words);
        complete(options, command != nullptr);
        return std::move(lines_);
    }

private:
    static void take(const Option& option, const std::string& value) {
        if (option.is_global) {
            static_cast<void>(option.take(value));  // a wrong value is for the command itself to refuse
        }
    }

    static const Option* option_of(const OptionSet& options, const std::string& spelling) {
        for (const Option& option : options.options()) {
            const std::vector<std::string> spellings = option.spellings();
            if (std::find(spellings.begin(), spellings.end(), spelling) != spellings.end()) {
                return &option;
            }
        }
        return nullptr;
    }

    /// What was said before the current word.
    void walk(const OptionSet& options, const std::vector<std::string>& words) {
        for (const std::string& word : words) {
            if (pending_ != nullptr) {
                take(*pending_, word);
                pending_ = nullptr;
            } else if (only_words_) {
                ++words_before_;
            } else if (word == "--") {
                only_words_ = true;
            } else if (word.size() > 1 && word.front() == '-') {
                const std::size_t equals = word.find('=');
                const Option* option = option_of(options, word.substr(0, equals));
                given_.insert(option);
                if (option != nullptr && equals != std::string::npos) {
                    take(*option, word.substr(equals + 1));
                } else if (option != nullptr && !option->is_flag()) {
                    pending_ = option;
                }
            } else {
                ++words_before_;
            }
        }
    }

    void complete(const OptionSet& options, bool has_command) {
        const std::size_t equals = current_.find('=');
        if (pending_ != nullptr) {
            add_value_of(*pending_);
        } else if (!only_words_ && current_.starts_with("--") && equals != std::string::npos) {
            if (const Option* option = option_of(options, current_.substr(0, equals)); option != nullptr && !option->is_flag()) {
                before_ = current_.substr(0, equals + 1);
                current_.erase(0, equals + 1);
                add_value_of(*option);
            }
        } else if (!only_words_ && current_.starts_with('-')) {
            add_options(options);
        } else if (!has_command) {
            add_commands();
        } else if (words_before_ < options.words().most) {
            add_word_of(options.words());
        } else if (!only_words_ && current_.empty()) {
            add_options(options);
        }
    }

    void add(std::string_view word, std::string_view note, std::string_view ending = {}) {
        const bool has_control = std::any_of(word.begin(), word.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
        if (word.starts_with(current_) && !word.empty() && !has_control) {
            lines_ += fmt::format("{}{}{}\t{}\n", before_, word, ending, printable_line(note));
        }
    }

    void add_commands() {
        const std::string noun = path_.empty() ? "" : path_ + " ";
        std::map<std::string, std::string_view> verbs;
        for (const Command* command : all_commands()) {
            for (const std::string& path : command->paths) {
                if (path.starts_with(noun)) {
                    const std::string rest = path.substr(noun.size());
                    const std::size_t space = rest.find(' ');
                    verbs.emplace(rest.substr(0, space), space == std::string::npos ? command->summary : std::string_view());
                }
            }
        }
        for (const auto& [verb, summary] : verbs) {
            add(verb, summary);
        }
    }

    void add_options(const OptionSet& options) {
        for (const Option& option : options.options()) {
            if (option.repeat != Repeat::once || !given_.contains(&option)) {
                add(option.long_name(), option.help);
            }
        }
        add("--help", "what the command does");
        if (path_.empty()) {
            add("--version", "which amivirt this is");
        }
    }

    void add_value_of(const Option& option) {
        const std::vector<std::string> choices = choices_of(option);
        for (const std::string& choice : choices) {
            add(choice, {});
        }
        if (choices.empty()) {
            add_meaning(option.placeholder);
        }
    }

    void add_word_of(const Words& words) {
        const std::vector<std::string> names = names_of(words);
        if (!names.empty()) {
            add_meaning(names.front().ends_with("...") ? names.front() : names[std::min(words_before_, names.size() - 1)]);
        }
    }

    /// "FILE|URL", "IMAGE..."; "on|off", all of it small, stands for itself.
    void add_meaning(const std::string& placeholder) {
        const bool is_literal = std::all_of(placeholder.begin(), placeholder.end(),
                                            [](unsigned char c) { return std::islower(c) != 0 || c == '-' || c == '|'; });
        for (const std::string& part : split(placeholder, "|")) {
            if (is_literal) {
                add(part, {});
                continue;
            }
            const std::string name = part.substr(0, part.find("..."));
            const std::string_view known = name.find('.') == std::string::npos ? std::string_view(name) : "FILE";  // "KEY.pem"
            for (const Meaning& meaning : meanings()) {
                if (meaning.placeholder == known) {
                    add(meaning);
                }
            }
        }
    }

    void add(const Meaning& meaning) {
        for (const Topic topic : meaning.topics) {
            for (const KnownWord& known : backend_.known_words(globals_.options, topic, current_)) {
                add(known.word, known.note, meaning.ending);
            }
        }
        if (meaning.paths != Paths::none) {
            lines_ += meaning.paths == Paths::files ? "\tfiles\n" : "\tfolders\n";
        }
    }

    Backend& backend_;
    const Surroundings& around_;
    Globals globals_;
    std::string path_;
    std::string current_;  ///< what the words found begin with
    std::string before_;   ///< "--type=", which stands before each of them
    const Option* pending_ = nullptr;
    std::set<const Option*> given_;
    std::size_t words_before_ = 0;
    bool only_words_ = false;
    std::string lines_;
};

}  // namespace

std::string completions(const std::vector<std::string>& words, Backend& backend, const Surroundings& around) {
    return Completion(backend, around).find(words);
}

Result<Shell> parse_shell(std::string_view text) {
    std::vector<std::string> known;
    for (const auto& [shell, name] : k_shells) {
        if (name == text) {
            return shell;
        }
        known.emplace_back(name);
    }
    return none_of("shell", text, known);
}

std::string_view to_string(Shell shell) noexcept {
    for (const auto& [value, name] : k_shells) {
        if (value == shell) {
            return name;
        }
    }
    return {};
}

std::string_view completion_script(Shell shell) noexcept {
    switch (shell) {
        case Shell::bash:
            return embedded::completion_bash;
        case Shell::zsh:
            return embedded::completion_zsh;
        case Shell::fish:
            return embedded::completion_fish;
    }
    return {};
}

}  // namespace amivirt::cli
