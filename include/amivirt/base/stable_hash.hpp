// A hash that is the same in every build and on every machine, which std::hash is not.
#pragma once

#include <cstdint>
#include <string_view>

namespace amivirt {

/// FNV-1a, 64 bits: tells edited texts apart, and resists nobody who wants two to look alike.
[[nodiscard]] constexpr std::uint64_t stable_hash(std::string_view text) noexcept {
    std::uint64_t hash = 14695981039346656037ULL;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
    return hash;
}

}  // namespace amivirt
