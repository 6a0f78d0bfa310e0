// One command: its name, what it accepts, what it does.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "faces/cli/backend.hpp"
#include "faces/cli/options.hpp"
#include "faces/cli/output.hpp"
#include "faces/cli/surroundings.hpp"
#include "faces/cli/talk.hpp"

namespace amivirt::cli {

/// What a running command has to hand.
class Session {
public:
    Session(const GlobalOptions& global, std::optional<Format> format, std::vector<std::string> tokens, const Surroundings& around,
            Talk& talk, Backend& backend)
        : global_(global), format_(format), tokens_(std::move(tokens)), around_(around), talk_(talk), backend_(backend) {}

    /// Opens the region, finishes or undoes what a dead process left and empties the recycle bin of what has expired; what is to be said of
    /// that are warnings.
    [[nodiscard]] Result<Services*> open();
    /// The same for what launches: it also ends the leases that are over (Leases::reap).
    [[nodiscard]] Result<Services*> open_to_launch();
    /// At the end of a command: where an instance came to rest meanwhile, its deep chains of layers are flattened, by another process:
    /// nobody waits for copying, and what comes of it is no part of the command.
    void close();
    [[nodiscard]] Accounts& accounts() { return backend_.accounts(); }
    [[nodiscard]] Result<Acting> acting() { return backend_.acting(global_); }
    [[nodiscard]] Result<std::string> schema(const std::string& format) { return backend_.schema(format); }
    [[nodiscard]] Result<void> serve(const ServeOptions& how) { return backend_.serve(global_, how); }
    [[nodiscard]] std::vector<Finding> examine() { return backend_.examine(global_); }
    /// In the form asked for, `otherwise` if none was. At once, so that it is out before a long wait.
    void print(const Answer& answer, Format otherwise = Format::table);
    void print_raw(std::string_view bytes);

    [[nodiscard]] const GlobalOptions& global() const noexcept { return global_; }
    [[nodiscard]] Format format(Format otherwise = Format::table) const noexcept { return format_.value_or(otherwise); }
    [[nodiscard]] const std::vector<std::string>& tokens() const noexcept { return tokens_; }
    [[nodiscard]] const Surroundings& around() const noexcept { return around_; }
    [[nodiscard]] Talk& talk() noexcept { return talk_; }

private:
    const GlobalOptions& global_;
    std::optional<Format> format_;
    std::vector<std::string> tokens_;  ///< the whole command line, without the program's name
    const Surroundings& around_;
    Talk& talk_;
    Backend& backend_;
    Services* services_ = nullptr;  ///< once open
};

/// One call of a command: its options' values, and its run.
class Action {
public:
    virtual ~Action() = default;
    virtual void declare(OptionSet& options) = 0;
    /// The exit status. An Error is reported by the caller; faults of single objects are reported here.
    [[nodiscard]] virtual Result<int> run(Session& session) = 0;
};

struct Command {
    std::vector<std::string> paths;  ///< "image import"; the first is its name
    std::string_view summary;        ///< one line
    std::string_view help;           ///< long: commands/<verb>.md
    std::unique_ptr<Action> (*make)();
};

template <class T>
std::unique_ptr<Action> make_action() {
    return std::make_unique<T>();
}

/// Commands about one thing, as the overview shows them.
struct CommandGroup {
    std::string_view title;
    std::vector<const Command*> commands;
};
[[nodiscard]] const std::vector<CommandGroup>& command_groups();
/// All of them, in the order the overview shows.
[[nodiscard]] const std::vector<const Command*>& all_commands();
[[nodiscard]] std::vector<std::string> all_paths();
/// nullptr: there is none.
[[nodiscard]] const Command* command_of(const std::string& path);

}  // namespace amivirt::cli
