#include <algorithm>
#include <thread>

#include "adapters/host/host.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

class SystemClock final : public Clock {
public:
    TimePoint now() const override { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

    void sleep(Duration duration) const override {
        // In slices: a signal that comes just before the wait would go unseen until its end.
        constexpr Duration k_slice{50};
        const auto deadline = std::chrono::steady_clock::now() + duration;
        while (true) {
            check_interrupt();
            const auto left = std::chrono::duration_cast<Duration>(deadline - std::chrono::steady_clock::now());
            if (left <= Duration::zero()) {
                return;
            }
            std::this_thread::sleep_for(std::min(left, k_slice));
        }
    }
};

}  // namespace

std::unique_ptr<Clock> make_system_clock() { return std::make_unique<SystemClock>(); }

}  // namespace amivirt
