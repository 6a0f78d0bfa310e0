// What requests with a client token were answered: a client that repeats one, because it did not hear, gets the same answer.
#pragma once

#include <functional>
#include <string>

#include "amivirt/services/operations.hpp"

namespace amivirt {

class Answers {
public:
    static constexpr Duration k_kept = std::chrono::hours(24);

    Answers(Catalog& catalog, Operations& operations, const Clock& clock) : catalog_(catalog), operations_(operations), clock_(clock) {}

    /// `act`'s answer, and for k_kept the same one to whoever repeats `request` of this account, whichever process he asks and whatever was
    /// killed in between. `request`: the action and the client token; `parameters`: all that was asked.
    /// idempotent_parameter_mismatch: seen before with others. While another is at it: waits for it up to a minute, then `busy`.
    /// What fails may be asked again. What was begun by a process that died before its answer was kept is not begun anew, since it may
    /// have been done: operation_not_permitted (source: EC2 does a request with a client token at most once).
    [[nodiscard]] Result<std::string> once(const std::string& account, const std::string& request, const std::string& parameters,
                                           const std::function<Result<std::string>()>& act);
    /// Forgets what is older than k_kept.
    [[nodiscard]] Result<void> purge();

private:
    Catalog& catalog_;
    Operations& operations_;
    const Clock& clock_;
};

}  // namespace amivirt
