#include "amivirt/base/size.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace amivirt {
namespace {

constexpr std::uint64_t k_max = std::numeric_limits<std::uint64_t>::max();

TEST(Human, ShowsOneDecimalFromKibUp) {
    EXPECT_EQ(human({0}), "0 B");
    EXPECT_EQ(human({512}), "512 B");
    EXPECT_EQ(human({1023}), "1023 B");
    EXPECT_EQ(human({1024}), "1.0 KiB");
    EXPECT_EQ(human({1536}), "1.5 KiB");
    EXPECT_EQ(human({20342374}), "19.4 MiB");
    EXPECT_EQ(human(GiB{8}.bytes()), "8.0 GiB");
    EXPECT_EQ(human({100ULL << 40U}), "100.0 TiB");
    EXPECT_EQ(human({k_max}), "16.0 EiB");
}

TEST(Human, NeverRoundsUpToTheNextUnitsThousand) {
    EXPECT_EQ(human({(1ULL << 20U) - 1}), "1.0 MiB");
    EXPECT_EQ(human({(1ULL << 30U) - 1}), "1.0 GiB");
    EXPECT_EQ(human({1023ULL << 10U}), "1023.0 KiB");
    EXPECT_EQ(human({(1023ULL << 10U) + 972}), "1023.9 KiB");
}

TEST(ParseBytes, TakesEveryUnitInEitherCase) {
    const std::vector<std::pair<std::string_view, std::uint64_t>> good{
        {"0", 0},
        {"512", 512},
        {"512B", 512},
        {"64K", 64ULL << 10U},
        {"64k", 64ULL << 10U},
        {"64KB", 64ULL << 10U},
        {"64kib", 64ULL << 10U},
        {"7M", 7ULL << 20U},
        {"20GiB", 20ULL << 30U},
        {"20 GiB", 20ULL << 30U},
        {"1.5 TiB", 3ULL << 39U},
        {"0.25G", 1ULL << 28U},
        {"2P", 2ULL << 50U},
        {"15E", 15ULL << 60U},
        {"1.000000001K", 1024},
        {"18446744073709551615", k_max},
    };
    for (const auto& [text, count] : good) {
        const auto parsed = parse_bytes(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->count, count) << text;
    }
}

TEST(ParseBytes, RefusesWhatIsNoSizeOrTooLarge) {
    for (const std::string bad : {"",
                                  " ",
                                  "G",
                                  "GiB",
                                  "-1",
                                  "+1",
                                  "1.",
                                  ".5G",
                                  "1.5",
                                  "1.5B",
                                  "1,5G",
                                  "1..5G",
                                  "1 ",
                                  " 1",
                                  "1  G",
                                  "1 G ",
                                  "1X",
                                  "1Gi",
                                  "1iB",
                                  "1BB",
                                  "1GiBs",
                                  "0x10",
                                  "1e3",
                                  "16E",
                                  "18446744073709551616",
                                  "99999999999999999999G",
                                  "1.0000000001K",
                                  "1G\n"}) {
        const auto parsed = parse_bytes(bad);
        ASSERT_FALSE(parsed) << bad << " gave " << parsed->count;
        EXPECT_EQ(parsed.error().code, Code::invalid_parameter_value);
        EXPECT_NE(parsed.error().message.find("\"" + bad + "\""), std::string::npos);
    }
}

TEST(ParseBytes, ReadsBackWhatHumanWritesToWithinItsRounding) {
    std::mt19937_64 random(20261123);
    for (int i = 0; i < 2000; ++i) {
        const std::uint64_t count = random() >> (1 + random() % 60);
        const auto parsed = parse_bytes(human({count}));
        ASSERT_TRUE(parsed) << human({count});
        const std::uint64_t difference = parsed->count > count ? parsed->count - count : count - parsed->count;
        EXPECT_LE(difference, count / 19) << human({count});  // half of the 0.1 in "1.0"
    }
}

TEST(GiB, HoldsABytesCountRoundedUp) {
    EXPECT_EQ(GiB::holding({0}).count, 1U);
    EXPECT_EQ(GiB::holding({1}).count, 1U);
    EXPECT_EQ(GiB::holding(GiB{1}.bytes()).count, 1U);
    EXPECT_EQ(GiB::holding(GiB{1}.bytes() + Bytes{1}).count, 2U);
    EXPECT_EQ(GiB::holding(GiB{20}.bytes()).count, 20U);
    EXPECT_EQ(MiB{3}.bytes().count, 3U * 1024 * 1024);
}

}  // namespace
}  // namespace amivirt
