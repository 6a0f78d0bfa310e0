#include "amivirt/domain/lease.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace amivirt {

namespace {
constexpr std::size_t k_longest_session = 255;

Error bad_ttl(std::string_view text) {
    return {Code::invalid_parameter_value, fmt::format("time to live \"{}\" is not in 1s..365d", text), "such as 90s, 30m, 12h or 7d"};
}
}  // namespace

Result<void> check_ttl(Duration ttl) {
    if (ttl < k_least_ttl || ttl > k_most_ttl) {
        return bad_ttl(fmt::format("{}ms", ttl.count()));
    }
    return {};
}

Result<Duration> parse_ttl(std::string_view text) {
    const auto ttl = parse_duration(text);
    if (!ttl || !check_ttl(*ttl)) {
        return bad_ttl(text);
    }
    return *ttl;
}

Result<void> check_session_name(std::string_view name) {
    const bool plain = std::ranges::none_of(name, [](char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; });
    if (name.empty() || name.size() > k_longest_session || !plain) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("session \"{}\" is not 1 to {} characters without control characters", name, k_longest_session));
    }
    return {};
}

}  // namespace amivirt
