// Programs that are functions.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/process_runner.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// Step: "run".
class FakeProcessRunner final : public ProcessRunner {
public:
    using Program = std::function<Result<CommandResult>(const Command&)>;

    /// What runs for this argv[0]; another one is tool_missing.
    void install(const std::string& name, Program program) { state_.lock()->programs.insert_or_assign(name, std::move(program)); }
    [[nodiscard]] Result<CommandResult> run(const Command& command) override {
        AMIVIRT_TRY(script_.pass("run"));
        if (command.argv.empty()) {
            return Error(Code::internal_error, "A command without a program was to be run.");
        }
        Program program;
        {
            auto state = state_.lock();
            state->commands.push_back(command);
            const auto found = state->programs.find(command.argv.front());
            if (found == state->programs.end()) {
                return Error(Code::tool_missing, fmt::format("The program \"{}\" is not installed.", command.argv.front()));
            }
            program = found->second;
        }
        auto result = program(command);
        if (result && command.on_output && !result->output.empty()) {
            command.on_output(result->output);
            result->output.clear();
        }
        return result;
    }
    [[nodiscard]] std::vector<Command> commands() const { return state_.lock()->commands; }
    CallScript& script() noexcept { return script_; }

private:
    struct State {
        std::map<std::string, Program> programs;
        std::vector<Command> commands;
    };
    mutable Sync<State> state_;
    CallScript script_;
};

}  // namespace amivirt::fakes
