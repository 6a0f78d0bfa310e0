#include "faces/cli/face.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ostream>
#include <string_view>

#include "faces/cli/command.hpp"
#include "faces/cli/completion.hpp"
#include "faces/cli/globals.hpp"
#include "faces/cli/help.hpp"
#include "faces/cli/manual.hpp"
#include "faces/cli/parser.hpp"

namespace amivirt::cli {

namespace {

constexpr int k_usage = static_cast<int>(ExitStatus::usage);

int fail(const Error& error, const Surroundings& around, int verbosity) {
    Talk(around, verbosity).error(error);
    return facts(error.code).exit_status;
}

/// "amivirt", "amivirt image", with or without options: there is nothing to run, only help or the version to give.
int without_command(const CommandWords& words, OptionSet& options, const Surroundings& around) {
    const Result<Parsed> parsed = parse(options, words.path, words.rest, around);
    if (parsed && parsed->wants_version) {
        around.out << version_line();
        return 0;
    }
    if (parsed && parsed->wants_help) {
        around.out << overview(words.path);
        return 0;
    }
    if (!parsed) {
        return fail(parsed.error(), around, 0);
    }
    around.err << overview(words.path);
    return k_usage;
}

int execute(const std::vector<std::string>& tokens, Backend& backend, const Surroundings& around) {
    Globals globals;
    CommandWords words;
    {
        OptionSet options;
        add_globals(options, globals);
        Result<CommandWords> found = find_command(tokens, all_paths(), options);
        if (!found) {
            return fail(found.error(), around, 0);
        }
        words = std::move(*found);
        if (command_of(words.path) == nullptr) {
            return without_command(words, options, around);
        }
    }
    const Command& command = *command_of(words.path);
    const std::unique_ptr<Action> action = command.make();
    OptionSet options;
    action->declare(options);
    add_globals(options, globals);
    const Result<Parsed> parsed = parse(options, words.path, words.rest, around);
    if (!parsed) {
        return fail(parsed.error(), around, globals.options.verbosity);
    }
    if (parsed->wants_help) {
        around.out << command_help(command, words.path, options);
        return 0;
    }
    if (parsed->wants_version) {
        around.out << version_line();
        return 0;
    }

    Talk talk(around, globals.options.verbosity);
    Session session(globals.options, globals.format, tokens, around, talk, backend);
    const Result<int> status = action->run(session);
    session.close();
    if (!status) {
        talk.error(status.error());
        return facts(status.error().code).exit_status;
    }
    return *status;
}

}  // namespace

int run_in(const std::vector<std::string>& given, Backend& backend, const Surroundings& around) {
    std::vector<std::string> tokens = given;
    if (!tokens.empty() && tokens.front() == "help") {  // "amivirt help run" is what many try first
        tokens.erase(tokens.begin());
        tokens.emplace_back("--help");
    }
    errno = 0;
    if (!tokens.empty() && tokens.front() == "__complete") {  // asked by a shell between two keys: an answer, or nothing
        around.out << completions(std::vector<std::string>(tokens.begin() + 1, tokens.end()), backend, around);
        return 0;
    }
    if (tokens.size() == 2 && tokens.front() == "__manual") {  // asked by the build
        const Result<void> written = write_manual(tokens.back());
        return written ? 0 : fail(written.error(), around, 0);
    }
    return finish_output(around, execute(tokens, backend, around));
}

int run(int argc, char** argv, Backend& backend) {
    if (argc == 2 && std::string_view(argv[1]) == "--version") {  // scripts ask it often: before anything is built
        const std::string line = version_line();
        if (std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fflush(stdout) == 0) {
            return 0;
        }  // else the long way, which says why
    }
    std::vector<std::string> tokens;
    for (int i = 1; i < argc; ++i) {
        tokens.emplace_back(argv[i]);
    }
    return run_in(tokens, backend, process_surroundings());
}

}  // namespace amivirt::cli
