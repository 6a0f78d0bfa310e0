// The man pages.
#include "faces/cli/manual.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "faces/cli/command.hpp"

namespace amivirt::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(CliManual, HelpAsRoff) {
    EXPECT_EQ(cli::to_roff(""), "");
    EXPECT_EQ(cli::to_roff("One\ntwo.\n\nThree.\n"), "One\ntwo.\n.PP\nThree.\n");
    EXPECT_EQ(cli::to_roff("Thus:\n\n    a -b 'c'\n    d\\e\nand on\n"),
              "Thus:\n.PP\n.nf\n    a \\-b \\(aqc\\(aq\n    d\\ee\n.fi\nand on\n");
    EXPECT_EQ(cli::to_roff("  x"), ".nf\n  x\n.fi\n");
    EXPECT_EQ(cli::to_roff(".TH evil\n'so evil\n"), "\\&.TH evil\n\\(aqso evil\n") << "no line is a macro by chance";
    EXPECT_EQ(cli::to_roff("a\n\n  b\n\n  c\n\n# NEXT\nd\n"), "a\n.PP\n.nf\n  b\n.PP\n  c\n.fi\n.SH NEXT\nd\n");
}

TEST(CliManual, APageForEveryNameOfEveryCommand) {
    std::set<std::string> names;
    for (const cli::ManualPage& page : cli::manual()) {
        EXPECT_TRUE(names.insert(page.name).second) << page.name;
        EXPECT_THAT(page.text, ::testing::AnyOf(StartsWith(".TH \"AMIVIRT"), StartsWith(".so man1/amivirt-"))) << page.name;
    }
    EXPECT_TRUE(names.contains("amivirt"));
    for (const cli::Command* command : cli::all_commands()) {
        for (std::string path : command->paths) {
            std::replace(path.begin(), path.end(), ' ', '-');
            EXPECT_TRUE(names.contains("amivirt-" + path)) << path;
        }
    }
}

TEST(CliManual, WhatAPageTells) {
    for (const cli::ManualPage& page : cli::manual()) {
        if (page.name == "amivirt-run") {
            EXPECT_THAT(page.text, AllOf(HasSubstr("amivirt\\-run \\- Launch instances from an image\n"),
                                         HasSubstr("amivirt run [OPTIONS] IMAGE [\\-\\- COMMAND...]\n"),
                                         HasSubstr(".TP\n\\fB\\-n, \\-\\-count N\\fR\nhow many, 1 to 100: all of them or none\n"),
                                         HasSubstr("\\fBamivirt\\-ps\\fR(1)")));
        }
        if (page.name == "amivirt") {
            EXPECT_THAT(page.text, AllOf(HasSubstr(".SH EXIT STATUS\n"), HasSubstr(".SS Images\n"), HasSubstr("\\fBimage import\\fR\n"),
                                         HasSubstr("[AMIVIRT_HOME]"), HasSubstr("see amivirt\\-image\\-import(1)")));
        }
    }
}

TEST(CliManual, AFolderThatCannotBeMade) {
    const Result<void> written = cli::write_manual("/proc/no/such/folder");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Code::io_error);
    EXPECT_THAT(written.error().message, HasSubstr("/proc/no/such/folder"));
}

}  // namespace
}  // namespace amivirt::testing
