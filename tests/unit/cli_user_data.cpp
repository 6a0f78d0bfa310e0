#include "faces/cli/user_data.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace amivirt::cli {
namespace {

using ::testing::HasSubstr;

TEST(CliUserDataWarning, NoneForWhatCloudInitTakes) {
    for (const char* good : {"", "#!/bin/sh\nexit 1\n", "#cloud-config\n", "#cloud-config\n{}\n", "#cloud-config\npackages: [nginx]\n"}) {
        EXPECT_EQ(user_data_warning(good), "") << good;
    }
}

TEST(CliUserDataWarning, NamesThePlace) {
    EXPECT_THAT(user_data_warning("#cloud-config\npackages: [nginx\nruncmd:\n"), HasSubstr("no YAML"));
    EXPECT_THAT(user_data_warning("#cloud-config\na: b: c\n"), HasSubstr("line 2, column "));
    EXPECT_THAT(user_data_warning("#cloud-config\n- a\n"), HasSubstr("no mapping"));
    EXPECT_THAT(user_data_warning("echo hello\n"), HasSubstr("neither as a script"));
    EXPECT_THAT(user_data_warning("\xff\xfe"), HasSubstr("neither UTF-8"));
}

}  // namespace
}  // namespace amivirt::cli
