#include "fake_disk.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace amivirt::fakes {

std::string fake_sha256(std::string_view content) {
    std::string digest;
    for (std::uint64_t part = 1; part <= 4; ++part) {
        std::uint64_t hash = 14695981039346656037ULL * part;  // FNV-1a, four times with another start
        for (const char byte : content) {
            hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
        }
        digest += fmt::format("{:016x}", hash);
    }
    return digest;
}

}  // namespace amivirt::fakes
