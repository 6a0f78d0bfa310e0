// What "run IMAGE -- COMMAND" takes beside a launch's options.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "amivirt/services/one_shot.hpp"
#include "faces/cli/options.hpp"

namespace amivirt::cli {

/// "SRC:DST", both not empty; the guest's side is what follows or precedes the colon. Neither may have a colon of its own.
[[nodiscard]] Result<FileCopy> parse_file_copy(std::string_view text);
/// "KEY=VALUE"; KEY is a shell's: letters, digits and underscores, not beginning with a digit.
[[nodiscard]] Result<std::pair<std::string, std::string>> parse_environment(std::string_view text);
/// More than nothing: "10m".
[[nodiscard]] Result<Duration> parse_time_limit(std::string_view text);

class OneShotOptions {
public:
    void declare(OptionSet& options);
    /// Takes the COMMAND, which is what follows "--" in `tokens`, off the end of `words`, which must then be one.
    [[nodiscard]] Result<void> take_command(std::vector<std::string>& words, const std::vector<std::string>& tokens);
    /// Is there a COMMAND?
    [[nodiscard]] bool wanted() const noexcept { return !command_.empty(); }
    /// Into `request`; what is to be copied in must be there, and the folder that is copied out into.
    [[nodiscard]] Result<void> fill(OneShotRequest& request) const;

private:
    bool removes_ = false;
    std::string user_;
    std::string identity_file_;
    std::vector<FileCopy> copies_in_;
    std::vector<FileCopy> copies_out_;
    std::vector<std::pair<std::string, std::string>> environment_;
    Duration timeout_{};
    std::vector<std::string> command_;
};

}  // namespace amivirt::cli
