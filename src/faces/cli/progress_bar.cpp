#include "faces/cli/progress_bar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "faces/cli/text.hpp"

namespace amivirt::cli {

namespace {

constexpr std::chrono::milliseconds k_redraw{100};
constexpr double k_smoothing = 0.3;  // weight of the newest measurement

std::string duration_text(double seconds) {
    const auto whole = static_cast<unsigned long>(std::ceil(seconds));
    constexpr unsigned long k_minute = 60;
    constexpr unsigned long k_hour = 3600;
    if (whole >= k_hour) {
        return fmt::format("{}:{:02}:{:02}", whole / k_hour, whole % k_hour / k_minute, whole % k_minute);
    }
    return fmt::format("{}:{:02}", whole / k_minute, whole % k_minute);
}

std::string cut(std::string text, std::size_t columns) {
    while (columns > 0 && width(text) > columns - 1) {
        text.pop_back();
    }
    return text;
}

}  // namespace

std::string render_bar(const BarState& state, std::size_t columns) {
    const std::string rate =
        state.bytes_per_second > 0 ? fmt::format("  {}/s", human(Bytes{static_cast<std::uint64_t>(state.bytes_per_second)})) : "";
    const std::string name = printable_line(state.phase);
    if (!state.total || state.total->count == 0) {
        const std::string done = state.done.count > 0 ? fmt::format("  {}", human(state.done)) : "";
        return cut(name + done + rate, columns);
    }
    const double share = std::min(1.0, static_cast<double>(state.done.count) / static_cast<double>(state.total->count));
    std::string tail = fmt::format("  {:3.0f}%{}", std::floor(share * 100), rate);
    if (state.bytes_per_second > 0 && share < 1) {
        constexpr double k_longest = 100.0 * 3600;
        const double left = static_cast<double>(state.total->count - state.done.count) / state.bytes_per_second;
        if (left < k_longest) {
            tail += fmt::format("  ETA {}", duration_text(left));
        }
    }
    constexpr std::size_t k_longest_bar = 30;
    constexpr std::size_t k_shortest_bar = 5;
    const std::size_t used = width(name) + width(tail) + 5;  // two spaces, two brackets, the last column
    const std::size_t room = columns > used ? std::min(k_longest_bar, columns - used) : 0;
    if (room < k_shortest_bar) {
        return cut(name + tail, columns);
    }
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(room));
    return fmt::format("{}  [{:#<{}}{:.<{}}]{}", name, "", filled, "", room - filled, tail);
}

ProgressBar::ProgressBar(Talk& talk, Ticks ticks) : talk_(talk), ticks_(std::move(ticks)) {}

ProgressBar::~ProgressBar() { talk_.status({}); }

void ProgressBar::phase(std::string_view name, std::optional<Bytes> total) {
    auto state = state_.lock();
    *state = State{.bar = {.phase = std::string(name), .total = total, .done = {}, .bytes_per_second = 0},
                   .drawn = ticks_(),
                   .measured = std::nullopt,
                   .measured_at = {}};
    if (talk_.draws()) {
        talk_.status(render_bar(state->bar, talk_.columns()));
    } else {
        talk_.detail(total ? fmt::format("{} ({})", name, human(*total)) : std::string(name));
    }
}

void ProgressBar::advance(Bytes done) {
    if (!talk_.draws()) {
        return;
    }
    auto state = state_.lock();
    state->bar.done = std::max(state->bar.done, done);
    const auto now = ticks_();
    if (!state->measured) {
        state->measured = now;
        state->measured_at = state->bar.done;
    }
    if (state->drawn && now - *state->drawn < k_redraw) {
        return;
    }
    const double seconds = std::chrono::duration<double>(now - *state->measured).count();
    if (seconds > 0) {
        const double newest = static_cast<double>(state->bar.done.count - state->measured_at.count) / seconds;
        double& rate = state->bar.bytes_per_second;
        rate = rate > 0 ? k_smoothing * newest + (1 - k_smoothing) * rate : newest;
        state->measured = now;
        state->measured_at = state->bar.done;
    }
    state->drawn = now;
    talk_.status(render_bar(state->bar, talk_.columns()));
}

void ProgressBar::note(std::string_view line) { talk_.note(line); }

}  // namespace amivirt::cli
