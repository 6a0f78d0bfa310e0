// Failures and interventions that a test orders in advance, by the name of a port's method.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "amivirt/base/result.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt::fakes {

/// Steps are numbered per name, from 1, over all threads.
class CallScript {
public:
    using Hook = std::function<void()>;

    /// The `nth` call from now fails.
    void fail(const std::string& step, Error error, unsigned nth = 1) {
        auto state = state_.lock();
        auto& plan = (*state)[step];
        plan.failures.insert_or_assign(plan.calls + nth, std::move(error));
    }
    /// Every call fails, until relent().
    void fail_always(const std::string& step, Error error) { (*state_.lock())[step].always = std::move(error); }
    void relent(const std::string& step) {
        auto state = state_.lock();
        (*state)[step].always.reset();
        (*state)[step].failures.clear();
    }
    /// Runs at each call, before anything else and without any lock of the fake; an empty one removes it. May throw.
    void before(const std::string& step, Hook hook) { (*state_.lock())[step].hook = std::move(hook); }

    [[nodiscard]] unsigned calls(const std::string& step) const { return (*state_.lock())[step].calls; }

    /// The fakes call this first in each method.
    [[nodiscard]] Result<void> pass(const std::string& step) {
        Hook hook;
        std::optional<Error> failure;
        {
            auto state = state_.lock();
            auto& plan = (*state)[step];
            ++plan.calls;
            hook = plan.hook;
            if (const auto found = plan.failures.find(plan.calls); found != plan.failures.end()) {
                failure = found->second;
            } else {
                failure = plan.always;
            }
        }
        if (hook) {
            hook();
        }
        if (failure) {
            return std::move(*failure);
        }
        return {};
    }

private:
    struct Plan {
        unsigned calls = 0;
        std::map<unsigned, Error> failures;
        std::optional<Error> always;
        Hook hook;
    };
    mutable Sync<std::map<std::string, Plan>> state_;
};

}  // namespace amivirt::fakes
