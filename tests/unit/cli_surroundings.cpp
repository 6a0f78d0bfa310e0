// What only real processes and pipes can show.
#include "faces/cli/surroundings.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <iostream>

namespace amivirt::cli {
namespace {

TEST(ReaderGone, IsSeenWithoutAWrite) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    const int before = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    std::cout.flush();
    ASSERT_EQ(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    const Surroundings around = process_surroundings();
    const bool at_first = around.reader_gone();
    close(ends[0]);
    const bool then = around.reader_gone();
    dup2(before, STDOUT_FILENO);
    close(before);
    close(ends[1]);
    EXPECT_FALSE(at_first);
    EXPECT_TRUE(then);
}

}  // namespace
}  // namespace amivirt::cli
