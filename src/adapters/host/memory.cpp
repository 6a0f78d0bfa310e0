#include "adapters/host/memory.hpp"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>

namespace amivirt::host {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
    const std::size_t begin = text.find_first_of("0123456789");
    std::uint64_t value = 0;
    if (begin == std::string_view::npos || std::from_chars(text.data() + begin, text.data() + text.size(), value).ec != std::errc{}) {
        return {};
    }
    return value;
}

/// The value after `key` at the start of a line.
std::optional<std::uint64_t> keyed(const std::string& path, std::string_view key) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (std::string_view(line).starts_with(key)) {
            return number(std::string_view(line).substr(key.size()));
        }
    }
    return {};
}

std::optional<std::uint64_t> first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    return std::getline(file, line) ? number(line) : std::nullopt;  // "max" holds no number: no limit
}

}  // namespace

Result<Bytes> memory_available(const std::string& root) {
    const std::optional<std::uint64_t> kib = keyed(root + "/proc/meminfo", "MemAvailable:");
    if (!kib) {
        return Error(Code::io_error, fmt::format("\"{}/proc/meminfo\" does not say how much memory is available", root));
    }
    std::uint64_t least = *kib << 10U;

    std::string group;
    std::ifstream groups(root + "/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        if (line.starts_with("0::/")) {
            group = line.substr(3);
        }
    }
    // A limit may sit at any level above us.
    while (!group.empty()) {
        const std::string folder = fmt::format("{}/sys/fs/cgroup{}/", root, group);
        const std::optional<std::uint64_t> limit = first_line(folder + "memory.max");
        const std::optional<std::uint64_t> used = first_line(folder + "memory.current");
        if (limit && used) {
            // Cached file pages count as used, and go when somebody needs the memory.
            const std::uint64_t cached = keyed(folder + "memory.stat", "inactive_file ").value_or(0);
            const std::uint64_t held = *used > cached ? *used - cached : 0;
            least = std::min(least, *limit > held ? *limit - held : 0);
        }
        if (group == "/") {
            break;
        }
        group.resize(group.rfind('/'));
        if (group.empty()) {
            group = "/";
        }
    }
    return Bytes{least};
}

void share_heaps() noexcept {
    static_cast<void>(::mallopt(M_ARENA_MAX, 2));
    static_cast<void>(::mallopt(M_TRIM_THRESHOLD, 1024 * 1024));
}

}  // namespace amivirt::host
