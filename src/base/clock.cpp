#include "amivirt/base/clock.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <limits>

namespace amivirt {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Takes exactly `digits` digits off the front; -1 if they are not there.
int take_number(std::string_view& text, std::size_t digits) noexcept {
    if (text.size() < digits) {
        return -1;
    }
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        if (!is_digit(text[i])) {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(digits);
    return value;
}

bool take_char(std::string_view& text, char wanted) noexcept {
    if (!text.starts_with(wanted)) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

struct Unit {
    std::string_view name;
    std::int64_t milliseconds;
};
constexpr std::array k_units = {
    Unit{"", 1000}, Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60LL * 1000}, Unit{"h", 3600LL * 1000}, Unit{"d", 24LL * 3600 * 1000},
};

}  // namespace

std::string to_iso8601(TimePoint time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss<Duration> clock(time - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       clock.subseconds().count());
}

Result<TimePoint> parse_iso8601(std::string_view text) {
    const Error bad(Code::invalid_parameter_value, fmt::format("Invalid time \"{}\" (expecting the form 2026-11-22T05:30:00.000Z)", text));
    std::string_view rest = text;
    const int year = take_number(rest, 4);
    if (year < 0 || !take_char(rest, '-')) {
        return bad;
    }
    const int month = take_number(rest, 2);
    if (month < 0 || !take_char(rest, '-')) {
        return bad;
    }
    const int day = take_number(rest, 2);
    if (day < 0 || !take_char(rest, 'T')) {
        return bad;
    }
    const int hour = take_number(rest, 2);
    if (hour < 0 || hour > 23 || !take_char(rest, ':')) {
        return bad;
    }
    const int minute = take_number(rest, 2);
    if (minute < 0 || minute > 59 || !take_char(rest, ':')) {
        return bad;
    }
    const int second = take_number(rest, 2);
    if (second < 0 || second > 59) {
        return bad;
    }
    int millisecond = 0;
    if (take_char(rest, '.')) {
        millisecond = take_number(rest, 3);
    }
    if (millisecond < 0 || rest != "Z") {
        return bad;
    }
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) {
        return bad;
    }
    return TimePoint(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second) +
           std::chrono::milliseconds(millisecond);
}

Result<Duration> parse_duration(std::string_view text) {
    const Error bad(
        Code::invalid_parameter_value,
        fmt::format("Invalid duration \"{}\" (expecting a number with an optional unit, such as 90, 90s, 5m, 2h, 1d or 250ms)", text));
    std::string_view rest = text;
    std::int64_t count = 0;
    while (!rest.empty() && is_digit(rest.front())) {
        if (__builtin_mul_overflow(count, 10, &count) || __builtin_add_overflow(count, rest.front() - '0', &count)) {
            return bad;
        }
        rest.remove_prefix(1);
    }
    if (rest.size() == text.size()) {
        return bad;
    }
    for (const Unit& unit : k_units) {
        if (unit.name == rest) {
            if (__builtin_mul_overflow(count, unit.milliseconds, &count)) {
                return bad;
            }
            return Duration(count);
        }
    }
    return bad;
}

}  // namespace amivirt
