#include "faces/cli/one_shot_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "amivirt/domain/login.hpp"
#include "faces/cli/talk.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

namespace fs = std::filesystem;

bool is_variable(std::string_view name) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    return !name.empty() && letter(name.front()) && std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

Result<FileCopy> parse_file_copy(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size() || text.find(':', colon + 1) != std::string_view::npos) {
        return invalid(fmt::format("\"{}\" is not SRC:DST", text), "as in \"--copy-in ./src:/work\"; a path with a colon goes by a link");
    }
    return FileCopy{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

Result<std::pair<std::string, std::string>> parse_environment(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || !is_variable(text.substr(0, equals))) {
        return invalid(fmt::format("\"{}\" is not KEY=VALUE", text), "KEY is of letters, digits and underscores");
    }
    return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

Result<Duration> parse_time_limit(std::string_view text) {
    const auto limit = AMIVIRT_TRY(parse_duration(text));
    if (limit <= Duration{}) {
        return invalid(fmt::format("time limit \"{}\" is no time at all", text));
    }
    return limit;
}

void OneShotOptions::declare(OptionSet& options) {
    options.text("-u,--user", "USER", "as whom COMMAND runs; the image's own user if not said", user_);
    options.text("-i,--identity", "FILE", "with which private key to log in for COMMAND: that of --key, say", identity_file_);
    options.flag("--rm", "terminate the machine when COMMAND has ended, whatever happens", [this] { removes_ = true; });
    options.parsed_each("--copy-in", "SRC:DST", "copy a file or folder into the guest before COMMAND", copies_in_, parse_file_copy);
    options.parsed_each("--copy-out", "SRC:DST", "copy one out of it afterwards, also if COMMAND failed", copies_out_, parse_file_copy);
    options.parsed_each("--env", "KEY=VALUE", "an environment variable of COMMAND", environment_, parse_environment);
    options.parsed("--timeout", "TIME", "how long COMMAND may take, such as 10m", timeout_, parse_time_limit);
}

Result<void> OneShotOptions::take_command(std::vector<std::string>& words, const std::vector<std::string>& tokens) {
    const auto mark = std::find(tokens.begin(), tokens.end(), "--");
    const auto count = mark == tokens.end() ? 0 : tokens.end() - mark - 1;
    command_.assign(words.end() - count, words.end());
    words.erase(words.end() - count, words.end());
    if (words.empty()) {
        return usage_error("\"amivirt run\" needs IMAGE before \"--\"", "see \"amivirt run --help\"");
    }
    if (words.size() > 1) {
        return usage_error(fmt::format("unexpected \"{}\" for \"amivirt run\"", words[1]),
                           "a command to run in the guest stands after \"--\"");
    }
    if (wanted()) {
        return {};
    }
    if (mark != tokens.end()) {
        return usage_error("there is no command after \"--\"", "see \"amivirt run --help\"");
    }
    const std::string_view lost = removes_                  ? "--rm"
                                  : !copies_in_.empty()     ? "--copy-in"
                                  : !copies_out_.empty()    ? "--copy-out"
                                  : !environment_.empty()   ? "--env"
                                  : timeout_ != Duration{}  ? "--timeout"
                                  : !user_.empty()          ? "--user"
                                  : !identity_file_.empty() ? "--identity"
                                                            : "";
    if (!lost.empty()) {
        return usage_error(fmt::format("{} is for a command, and there is none", lost), "as in \"amivirt run --rm tiny -- uname -a\"");
    }
    return {};
}

Result<void> OneShotOptions::fill(OneShotRequest& request) const {
    if (!user_.empty()) {
        AMIVIRT_TRY_CONTEXT(check_user_name(user_), "--user");
    }
    std::error_code failure;
    for (const FileCopy& copy : copies_in_) {
        if (!fs::exists(copy.from, failure)) {
            return invalid(fmt::format("--copy-in: there is no \"{}\"", copy.from));
        }
    }
    for (const FileCopy& copy : copies_out_) {
        const fs::path folder = fs::path(copy.to).parent_path();
        if (!folder.empty() && !fs::is_directory(folder, failure)) {
            return invalid(fmt::format("--copy-out: there is no folder \"{}\"", folder.string()));
        }
    }
    for (const auto& [key, value] : environment_) {
        if (!request.command.environment.emplace(key, value).second) {
            return invalid(fmt::format("--env: {} is given twice", key));
        }
    }
    request.afterwards = removes_ ? Afterwards::terminate : Afterwards::keep;
    request.user = user_;
    request.identity_file = identity_file_;
    request.copies_in = copies_in_;
    request.copies_out = copies_out_;
    request.command.timeout = timeout_;
    request.command.words = command_;
    return {};
}

}  // namespace amivirt::cli
