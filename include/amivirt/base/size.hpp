// Sizes with their unit in the type.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"

namespace amivirt {

struct GiB;

struct Bytes {
    std::uint64_t count = 0;
    friend auto operator<=>(const Bytes&, const Bytes&) = default;
    friend constexpr Bytes operator+(Bytes a, Bytes b) noexcept { return {a.count + b.count}; }
};

/// Volume and snapshot sizes are whole GiB (source: EC2 CreateVolume).
struct GiB {
    std::uint64_t count = 0;
    friend auto operator<=>(const GiB&, const GiB&) = default;
    [[nodiscard]] constexpr Bytes bytes() const noexcept { return {count << 30U}; }
    /// The least number of GiB that holds `size`; at least 1.
    [[nodiscard]] static constexpr GiB holding(Bytes size) noexcept {
        const std::uint64_t whole = (size.count >> 30U) + ((size.count & ((1ULL << 30U) - 1)) != 0 ? 1 : 0);
        return {whole == 0 ? 1 : whole};
    }
};

struct MiB {
    std::uint64_t count = 0;
    friend auto operator<=>(const MiB&, const MiB&) = default;
    [[nodiscard]] constexpr Bytes bytes() const noexcept { return {count << 20U}; }
};

/// "19.4 MiB": binary units, one decimal from KiB up, none for bytes ("512 B").
[[nodiscard]] std::string human(Bytes size);
/// "512", "64K", "20GiB", "1.5 TiB" (binary units; a plain number is bytes). invalid_parameter_value otherwise, also on overflow.
[[nodiscard]] Result<Bytes> parse_bytes(std::string_view text);

}  // namespace amivirt
