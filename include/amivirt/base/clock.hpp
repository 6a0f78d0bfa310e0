// Time comes from a port, so that tests can move it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"

namespace amivirt {

/// UTC, to the millisecond: what EC2 shows and the catalog keeps.
using TimePoint = std::chrono::sys_time<std::chrono::milliseconds>;
using Duration = std::chrono::milliseconds;

class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual TimePoint now() const = 0;
    /// Waits `duration` or less; throws Interrupted as check_interrupt() does.
    virtual void sleep(Duration duration) const = 0;
};

/// "2026-11-22T05:30:00.000Z" (source: EC2 API answers).
[[nodiscard]] std::string to_iso8601(TimePoint time);
/// Accepts what to_iso8601 writes, and the same without the fraction.
[[nodiscard]] Result<TimePoint> parse_iso8601(std::string_view text);
/// "90", "90s", "5m", "2h", "1d", "250ms". invalid_parameter_value otherwise.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

}  // namespace amivirt
