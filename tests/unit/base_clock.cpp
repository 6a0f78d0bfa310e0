#include "amivirt/base/clock.hpp"

#include <gtest/gtest.h>

#include <random>

namespace amivirt {
namespace {

using namespace std::chrono_literals;

TimePoint at(int year, unsigned month, unsigned day, Duration rest) {
    return TimePoint(std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day))) + rest;
}

TEST(Iso8601, WritesMilliseconds) {
    EXPECT_EQ(to_iso8601(at(2026, 11, 22, 5h + 30min)), "2026-11-22T05:30:00.000Z");
    EXPECT_EQ(to_iso8601(at(2024, 2, 29, 23h + 59min + 59s + 7ms)), "2024-02-29T23:59:59.007Z");
    EXPECT_EQ(to_iso8601(TimePoint{}), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(to_iso8601(TimePoint(-1ms)), "1969-12-31T23:59:59.999Z");
}

TEST(Iso8601, ReadsWithAndWithoutFraction) {
    EXPECT_EQ(*parse_iso8601("2026-11-22T05:30:00.250Z"), at(2026, 11, 22, 5h + 30min + 250ms));
    EXPECT_EQ(*parse_iso8601("2026-11-22T05:30:01Z"), at(2026, 11, 22, 5h + 30min + 1s));
}

TEST(Iso8601, ReadsBackWhatItWrites) {
    std::mt19937_64 random(20261123);
    for (int i = 0; i < 2000; ++i) {
        const TimePoint time(Duration(static_cast<std::int64_t>(random() % 253402300800000)));  // to the end of 9999
        const auto parsed = parse_iso8601(to_iso8601(time));
        ASSERT_TRUE(parsed) << to_iso8601(time);
        EXPECT_EQ(*parsed, time);
    }
}

TEST(Iso8601, RefusesIllForms) {
    for (const std::string bad : {"",
                                  "now",
                                  "2026-11-22",
                                  "2026-11-22T05:30:00",
                                  "2026-11-22 05:30:00Z",
                                  "2026-11-22T05:30:00.0Z",
                                  "2026-11-22T05:30:00.0000Z",
                                  "2026-11-22T05:30:00.Z",
                                  "2026-11-22T24:00:00Z",
                                  "2026-11-22T05:60:00Z",
                                  "2026-11-22T05:30:60Z",
                                  "2026-13-01T00:00:00Z",
                                  "2026-00-01T00:00:00Z",
                                  "2026-02-30T00:00:00Z",
                                  "2025-02-29T00:00:00Z",
                                  "2026-11-00T00:00:00Z",
                                  "26-11-22T05:30:00Z",
                                  "2026-11-22T05:30:00.000+01:00",
                                  "2026-11-22T05:30:00.000Zx",
                                  "-026-11-22T05:30:00Z"}) {
        const auto parsed = parse_iso8601(bad);
        ASSERT_FALSE(parsed) << bad;
        EXPECT_EQ(parsed.error().code, Code::invalid_parameter_value);
        EXPECT_NE(parsed.error().message.find("\"" + bad + "\""), std::string::npos);
    }
}

TEST(ParseDuration, TakesEveryUnit) {
    EXPECT_EQ(*parse_duration("90"), 90s);
    EXPECT_EQ(*parse_duration("90s"), 90s);
    EXPECT_EQ(*parse_duration("5m"), 5min);
    EXPECT_EQ(*parse_duration("2h"), 2h);
    EXPECT_EQ(*parse_duration("1d"), 24h);
    EXPECT_EQ(*parse_duration("250ms"), 250ms);
    EXPECT_EQ(*parse_duration("0"), 0ms);
}

TEST(ParseDuration, RefusesIllFormsAndOverflow) {
    for (const std::string bad : {"", "s", "-1s", "+1s", "1.5h", "1 s", " 1s", "1s ", "1S", "1w", "1min", "1h30m", "9223372036854775808",
                                  "9223372036854775807s", "99999999999999999999d", "forever"}) {
        const auto parsed = parse_duration(bad);
        ASSERT_FALSE(parsed) << bad;
        EXPECT_EQ(parsed.error().code, Code::invalid_parameter_value);
        EXPECT_NE(parsed.error().message.find("\"" + bad + "\""), std::string::npos);
    }
}

}  // namespace
}  // namespace amivirt
