// Leases: how long a machine may live, and whose session launched it. Ours; EC2 knows neither.
#pragma once

#include <string_view>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/result.hpp"

namespace amivirt {

inline constexpr Duration k_least_ttl = std::chrono::seconds(1);
inline constexpr Duration k_most_ttl = std::chrono::hours(24 * 365);

/// k_least_ttl to k_most_ttl, else invalid_parameter_value.
[[nodiscard]] Result<void> check_ttl(Duration ttl);
/// "30m", "12h", "7d", "90s" (or "90"). Checked.
[[nodiscard]] Result<Duration> parse_ttl(std::string_view text);
/// 1 to 255 characters, none of them a control character; what a job is called by its CI, as a rule. invalid_parameter_value.
[[nodiscard]] Result<void> check_session_name(std::string_view name);

}  // namespace amivirt
