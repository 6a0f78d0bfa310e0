// Time that moves only when a test or a sleeper moves it.
#pragma once

#include <functional>
#include <map>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt::fakes {

/// sleep() returns at once, with the time moved on and what was due meanwhile done, in order, each at its own time.
class ManualClock final : public Clock {
public:
    /// 2026-11-22T05:30:00.000Z
    static constexpr TimePoint k_start{Duration{1795325400000}};

    ManualClock() : ManualClock(k_start) {}
    explicit ManualClock(TimePoint start) : state_(State{start, {}}) {}

    [[nodiscard]] TimePoint now() const override;
    void sleep(Duration duration) const override;

    void advance(Duration duration) const;
    /// `callback` runs, once, in the thread that moves the time past `delay` from now.
    void after(Duration delay, std::function<void()> callback) const;

private:
    struct State {
        TimePoint now{};
        std::multimap<TimePoint, std::function<void()>> due;
    };
    mutable Sync<State> state_;
};

}  // namespace amivirt::fakes
