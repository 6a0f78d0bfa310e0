#include "amivirt/base/size.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>

namespace amivirt {

namespace {

constexpr std::string_view k_units = "KMGTPE";  // each 1024 times the one before
constexpr std::uint64_t k_step = 1024;
constexpr std::uint64_t k_max = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t k_max_fraction_digits = 9;

__extension__ using Wide = unsigned __int128;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
char to_upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

Error bad_size(std::string_view text) {
    return {Code::invalid_parameter_value,
            fmt::format("Invalid size \"{}\" (expecting a number with an optional unit, such as 512, 64K, 20GiB or 1.5T)", text)};
}

/// "", "B", "K", "KB", "KiB", ... in either case -> the power of 1024; -1 if it is no unit.
int unit_power(std::string_view unit) noexcept {
    if (unit.empty()) {
        return 0;
    }
    const char first = to_upper(unit.front());
    unit.remove_prefix(1);
    if (first == 'B') {
        return unit.empty() ? 0 : -1;
    }
    const std::size_t at = k_units.find(first);
    if (at == std::string_view::npos) {
        return -1;
    }
    const bool known = unit.empty() || (unit.size() == 1 && to_upper(unit[0]) == 'B') ||
                       (unit.size() == 2 && to_upper(unit[0]) == 'I' && to_upper(unit[1]) == 'B');
    return known ? static_cast<int>(at) + 1 : -1;
}

}  // namespace

std::string human(Bytes size) {
    if (size.count < k_step) {
        return fmt::format("{} B", size.count);
    }
    // In tenths, rounded half up, so that 1023.96 KiB becomes "1.0 MiB" and never "1024.0 KiB".
    Wide unit = k_step;
    std::size_t at = 0;
    const auto tenths = [&] { return static_cast<std::uint64_t>((static_cast<Wide>(size.count) * 10 + unit / 2) / unit); };
    while (tenths() >= k_step * 10 && at + 1 < k_units.size()) {
        unit *= k_step;
        ++at;
    }
    return fmt::format("{}.{} {}iB", tenths() / 10, tenths() % 10, k_units[at]);
}

Result<Bytes> parse_bytes(std::string_view text) {
    std::string_view rest = text;
    std::uint64_t whole = 0;
    std::size_t digits = 0;
    while (!rest.empty() && is_digit(rest.front())) {
        const Wide next = static_cast<Wide>(whole) * 10 + static_cast<unsigned>(rest.front() - '0');
        if (next > k_max) {
            return bad_size(text);
        }
        whole = static_cast<std::uint64_t>(next);
        ++digits;
        rest.remove_prefix(1);
    }
    if (digits == 0) {
        return bad_size(text);
    }
    std::uint64_t fraction = 0;
    std::uint64_t scale = 1;
    bool has_fraction = false;
    if (!rest.empty() && rest.front() == '.') {
        rest.remove_prefix(1);
        std::size_t fraction_digits = 0;
        while (!rest.empty() && is_digit(rest.front())) {
            if (++fraction_digits > k_max_fraction_digits) {
                return bad_size(text);
            }
            fraction = fraction * 10 + static_cast<unsigned>(rest.front() - '0');
            scale *= 10;
            rest.remove_prefix(1);
        }
        if (fraction_digits == 0) {
            return bad_size(text);
        }
        has_fraction = true;
    }
    if (rest.starts_with(' ') && rest.size() > 1) {
        rest.remove_prefix(1);
    }
    const int power = unit_power(rest);
    if (power < 0 || (power == 0 && has_fraction)) {
        return bad_size(text);
    }
    Wide unit = 1;
    for (int i = 0; i < power; ++i) {
        unit *= k_step;
    }
    const Wide count = whole * unit + fraction * unit / scale;
    if (count > k_max) {
        return bad_size(text);
    }
    return Bytes{static_cast<std::uint64_t>(count)};
}

}  // namespace amivirt
