#include "manual_clock.hpp"

#include <algorithm>
#include <utility>

#include "amivirt/base/interrupt.hpp"

namespace amivirt::fakes {

TimePoint ManualClock::now() const { return state_.lock()->now; }

void ManualClock::sleep(Duration duration) const {
    check_interrupt();
    advance(duration);
    check_interrupt();
}

void ManualClock::advance(Duration duration) const {
    const TimePoint target = now() + duration;
    for (;;) {
        std::function<void()> callback;
        {
            auto state = state_.lock();
            const auto first = state->due.begin();
            if (first == state->due.end() || first->first > target) {
                state->now = std::max(state->now, target);
                return;
            }
            state->now = std::max(state->now, first->first);
            callback = std::move(first->second);
            state->due.erase(first);
        }
        callback();
    }
}

void ManualClock::after(Duration delay, std::function<void()> callback) const {
    auto state = state_.lock();
    state->due.emplace(state->now + delay, std::move(callback));
}

}  // namespace amivirt::fakes
