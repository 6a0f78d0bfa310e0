// Values of the options that govern images, read from their text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/domain/governance.hpp"
#include "amivirt/domain/image.hpp"
#include "amivirt/services/accounts.hpp"

namespace amivirt::cli {

/// "all", account ids and aliases; at least one.
[[nodiscard]] Result<LaunchPermissions> parse_grantees(const std::vector<std::string>& words, Accounts& accounts);

/// "on", "off".
[[nodiscard]] Result<bool> parse_on_off(std::string_view text);

/// "2027-01-31", or a time as EC2 writes it.
[[nodiscard]] Result<TimePoint> parse_day_or_time(std::string_view text);

/// EC2's words; "audit" is audit-mode.
[[nodiscard]] Result<AllowedImages> parse_allowed_mode(std::string_view text);

/// "providers=self,111122223333;names=debian-*;max-days-since-created=90;max-days-since-deprecated=0": some of these, in any order, each
/// once. A semicolon parts them, a comma the values.
[[nodiscard]] Result<ImageCriterion> parse_criterion(std::string_view text);

/// "image", "snapshot"; also the Recycle Bin's own words.
[[nodiscard]] Result<RetainedKind> parse_rule_kind(std::string_view text);

/// "KEY": whatever its value; "KEY=VALUE", "KEY=": just this one.
[[nodiscard]] Result<std::pair<std::string, std::optional<std::string>>> parse_rule_tag(std::string_view text);

}  // namespace amivirt::cli
