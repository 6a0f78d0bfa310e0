// Blocks of addresses: "172.31.0.0/16". All pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"

namespace amivirt {

/// "10.0.0.1" -> 0x0a000001; nullopt for anything but four decimal numbers of 0..255 without leading zeros.
[[nodiscard]] std::optional<std::uint32_t> parse_ipv4(std::string_view text) noexcept;
[[nodiscard]] std::string format_ipv4(std::uint32_t address);

/// A block of IPv4 addresses; the bits behind the prefix are 0.
struct Cidr {
    std::uint32_t address = 0;
    unsigned prefix = 0;  ///< 0..32

    /// nullopt for what is not ADDRESS/PREFIX. Bits behind the prefix are cleared, as EC2 does.
    static std::optional<Cidr> parse(std::string_view text) noexcept;
    [[nodiscard]] std::uint64_t size() const noexcept { return 1ULL << (32U - prefix); }
    [[nodiscard]] bool contains(std::uint32_t other) const noexcept {
        return (std::uint64_t{other} - address) < size() && other >= address;
    }
    [[nodiscard]] bool contains(const Cidr& other) const noexcept { return other.prefix >= prefix && contains(other.address); }
    [[nodiscard]] bool overlaps(const Cidr& other) const noexcept { return contains(other.address) || other.contains(address); }
    [[nodiscard]] std::string str() const;
    friend bool operator==(const Cidr&, const Cidr&) = default;
};

/// "2001:DB8::1/32" -> "2001:db8::/32": lower case, shortened (RFC 5952), the bits behind the prefix cleared. nullopt if it is no block.
[[nodiscard]] std::optional<std::string> canonical_ipv6_cidr(std::string_view text);

}  // namespace amivirt
