// A stack of undo steps: commit is explicit, rollback is the destructor.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "amivirt/base/result.hpp"

namespace amivirt {

class Revert {
public:
    using Undo = std::function<Result<void>()>;
    /// Told of an undo that itself failed; must not throw.
    using OnFailure = std::function<void(const std::string& what, const Error& error)>;

    explicit Revert(OnFailure on_failure = {}) : on_failure_(std::move(on_failure)) {}
    Revert(const Revert&) = delete;
    Revert& operator=(const Revert&) = delete;
    ~Revert() { roll_back(); }

    /// `what` names the step in the log ("remove overlay of vol-...").
    void push(std::string what, Undo undo) { steps_.emplace_back(std::move(what), std::move(undo)); }
    /// Everything is as wanted: forget the undo steps.
    void commit() noexcept { steps_.clear(); }
    /// Runs the steps, newest first, each even if an earlier one failed. Never throws. Idempotent.
    void roll_back() noexcept;

private:
    std::vector<std::pair<std::string, Undo>> steps_;
    OnFailure on_failure_;
};

}  // namespace amivirt
