// Progress on stderr: a bar on a terminal, a line a phase (-v) elsewhere.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "amivirt/base/progress.hpp"
#include "amivirt/base/sync.hpp"
#include "faces/cli/talk.hpp"

namespace amivirt::cli {

/// What the bar shows at one moment.
struct BarState {
    std::string phase;
    std::optional<Bytes> total;
    Bytes done;
    double bytes_per_second = 0;  ///< 0: not known yet
};

/// At most `columns` - 1 characters: `converting  [#####.....]  50%  12.0 MiB/s  ETA 0:12`. Pure.
[[nodiscard]] std::string render_bar(const BarState& state, std::size_t columns);

/// Redraws at about 10 Hz; the bar goes with the object.
class ProgressBar final : public Progress {
public:
    using Ticks = std::function<std::chrono::steady_clock::time_point()>;
    ProgressBar(Talk& talk, Ticks ticks);
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    ~ProgressBar() override;

    void phase(std::string_view name, std::optional<Bytes> total) override;
    void advance(Bytes done) override;
    void note(std::string_view line) override;

private:
    struct State {
        BarState bar;
        std::optional<std::chrono::steady_clock::time_point> drawn;
        /// Rate is measured from the first advance on: a resumed download does not begin at zero.
        std::optional<std::chrono::steady_clock::time_point> measured;
        Bytes measured_at;
    };

    Talk& talk_;
    Ticks ticks_;
    Sync<State> state_;
};

}  // namespace amivirt::cli
