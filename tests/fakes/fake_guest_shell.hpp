// A GuestShell whose guests are what a test says they are.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/guest_shell.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// Steps: "run", "copy_in", "copy_out".
class FakeGuestShell final : public GuestShell {
public:
    struct Call {
        std::string what;  ///< "run true", "in a b", "out a b"
        LoginTarget target;
        ShellCommand command;
    };
    /// What a command answers; 0 if not said.
    void answer(std::function<Result<int>(const ShellCommand&)> how) { answer_ = std::move(how); }
    [[nodiscard]] std::vector<Call> calls() const { return *calls_.lock(); }
    CallScript& script() noexcept { return script_; }

    [[nodiscard]] Result<int> run(const LoginTarget& target, const ShellCommand& command) override {
        std::string what = "run";
        for (const auto& word : command.words) {
            what += " " + word;
        }
        calls_.lock()->push_back({what, target, command});
        AMIVIRT_TRY(script_.pass("run"));
        return answer_ ? answer_(command) : Result<int>(0);
    }
    [[nodiscard]] Result<void> copy_in(const LoginTarget& target, const std::vector<std::string>& from, const std::string& to) override {
        return copy("in", "copy_in", target, from, to);
    }
    [[nodiscard]] Result<void> copy_out(const LoginTarget& target, const std::vector<std::string>& from, const std::string& to) override {
        return copy("out", "copy_out", target, from, to);
    }

private:
    Result<void> copy(const std::string& word, const std::string& step, const LoginTarget& target, const std::vector<std::string>& from,
                      const std::string& to) {
        std::string what = word;
        for (const auto& path : from) {
            what += " " + path;
        }
        calls_.lock()->push_back({what + " " + to, target, {}});
        return script_.pass(step);
    }
    std::function<Result<int>(const ShellCommand&)> answer_;
    mutable Sync<std::vector<Call>> calls_;
    CallScript script_;
};

}  // namespace amivirt::fakes
