#include "amivirt/base/revert.hpp"

#include <exception>

#include "amivirt/base/interrupt.hpp"

namespace amivirt {

namespace {

Result<void> run(const Revert::Undo& undo) noexcept {
    try {
        return undo();
    } catch (const std::exception& thrown) {
        return Error(Code::internal_error, thrown.what());
    } catch (const Interrupted&) {
        return Error(Code::internal_error, "The undo step was interrupted by a signal");
    } catch (...) {
        return Error(Code::internal_error, "The undo step threw something that is not a std::exception");
    }
}

}  // namespace

void Revert::roll_back() noexcept {
    const InterruptShield shield;  // most often it is the signal that made us roll back
    while (!steps_.empty()) {
        const std::pair<std::string, Undo> step = std::move(steps_.back());
        steps_.pop_back();
        const Result<void> done = run(step.second);
        if (!done && on_failure_) {
            try {
                on_failure_(step.first, done.error());
            } catch (...) {  // NOLINT(bugprone-empty-catch): there is nobody left to tell
            }
        }
    }
}

}  // namespace amivirt
