// Text for people.
#include "faces/cli/text.hpp"

#include <gtest/gtest.h>

namespace amivirt::cli {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(CliText, ControlCharactersCannotReachATerminal) {
    EXPECT_EQ(printable("web\x1b[31m\r\x7f"), "web\\x1b[31m\\x0d\\x7f");
    EXPECT_EQ(printable("a\xc2\x9b"
                        "31m"),
              "a\\x9b31m");
    EXPECT_EQ(printable("two\nlines"), "two\nlines");
    EXPECT_EQ(printable_line("two\nlines"), "two\\x0alines");
}

TEST(CliText, OrdinaryCharactersStay) {
    EXPECT_EQ(printable("Zürich – 東京"), "Zürich – 東京");
    EXPECT_EQ(width("Zürich"), 6U);
    EXPECT_EQ(width(""), 0U);
}

TEST(CliText, AgeInTheUnitThatSaysMost) {
    const TimePoint now{Duration{1795325400000}};
    EXPECT_EQ(age(now, now), "now");
    EXPECT_EQ(age(now + hours(1), now), "now");  // a clock set back
    EXPECT_EQ(age(now - seconds(1), now), "1 s");
    EXPECT_EQ(age(now - seconds(119), now), "119 s");
    EXPECT_EQ(age(now - minutes(2), now), "2 min");
    EXPECT_EQ(age(now - minutes(119), now), "119 min");
    EXPECT_EQ(age(now - hours(47), now), "47 h");
    EXPECT_EQ(age(now - hours(48), now), "2 d");
}

TEST(CliText, ConsoleFilterDropsEscapeSequences) {
    ConsoleFilter filter;
    EXPECT_EQ(filter("\x1b"
                     "c\x1b[?7l\x1b[2J\x1b[0mSeaBIOS\r\n"),
              "SeaBIOS\r\n");
    EXPECT_EQ(filter("\x1b]0;title\x07"
                     "after\tit\n"),
              "after\tit\n");
    EXPECT_EQ(filter("\x1b]0;title\x1b\\after\n"), "after\n");
    EXPECT_EQ(filter("\x1b(Bplain\x08\x07\n"), "plain\n");
    EXPECT_EQ(filter("grün\n"), "grün\n");
}

TEST(CliText, ConsoleFilterKeepsItsStateBetweenChunks) {
    ConsoleFilter filter;
    EXPECT_EQ(filter("a\x1b"), "a");
    EXPECT_EQ(filter("[3"), "");
    EXPECT_EQ(filter("1mb"), "b");
}

TEST(CliText, ConsoleFilterDoesNotSwallowTheLogAfterACutSequence) {
    ConsoleFilter filter;
    EXPECT_EQ(filter("\x1b]never ended\nnext boot\n"), "\nnext boot\n");
    EXPECT_EQ(filter("\x1b[12\nnext boot\n"), "\nnext boot\n");
}

}  // namespace
}  // namespace amivirt::cli
