// Keeps what a long step told of itself.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "amivirt/base/progress.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt::fakes {

class RecordingProgress final : public Progress {
public:
    struct Phase {
        std::string name;
        std::optional<Bytes> total;
        std::vector<Bytes> steps;
    };

    void phase(std::string_view name, std::optional<Bytes> total) override {
        state_.lock()->phases.push_back({std::string(name), total, {}});
        call_hook();
    }
    void advance(Bytes done) override {
        {
            auto state = state_.lock();
            if (state->phases.empty()) {
                state->phases.push_back({"", std::nullopt, {}});
            }
            state->phases.back().steps.push_back(done);
        }
        call_hook();
    }
    void note(std::string_view line) override { state_.lock()->notes.emplace_back(line); }

    [[nodiscard]] std::vector<Phase> phases() const { return state_.lock()->phases; }
    [[nodiscard]] std::vector<std::string> notes() const { return state_.lock()->notes; }
    /// Runs at each phase() and advance(): the place to interrupt a long step.
    void on_step(std::function<void()> hook) { state_.lock()->hook = std::move(hook); }

private:
    struct State {
        std::vector<Phase> phases;
        std::vector<std::string> notes;
        std::function<void()> hook;
    };
    void call_hook() {
        const auto hook = state_.lock()->hook;
        if (hook) {
            hook();
        }
    }
    mutable Sync<State> state_;
};

}  // namespace amivirt::fakes
