// /etc/os-release of a stranger's disk.
#include <gtest/gtest.h>

#include "adapters/guestfs/os_release.hpp"

namespace amivirt::guestfs {
namespace {

TEST(OsRelease, ReadsNameAndId) {
    const auto words = parse_os_release("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\nHOME_URL=x");
    EXPECT_EQ(words.pretty_name, "Debian GNU/Linux 12 (bookworm)");
    EXPECT_EQ(words.id, "debian");
    EXPECT_EQ(words.version_id, "12");
}

TEST(OsRelease, UnderstandsQuotes) {
    EXPECT_EQ(parse_os_release("PRETTY_NAME='a \\ b'").pretty_name, "a \\ b");
    EXPECT_EQ(parse_os_release("PRETTY_NAME=\"a \\\"b\\\" \\$c\"").pretty_name, "a \"b\" $c");
    EXPECT_EQ(parse_os_release("PRETTY_NAME=\"never closed\nID=x\n").pretty_name, "never closed");
    EXPECT_EQ(parse_os_release("ID=\"opensuse-leap\"\r\n").id, "opensuse-leap");
    EXPECT_EQ(parse_os_release("PRETTY_NAME=").pretty_name, "");
    EXPECT_EQ(parse_os_release("PRETTY_NAME=\"\\").pretty_name, "\\");
}

TEST(OsRelease, TrustsNothing) {
    EXPECT_EQ(parse_os_release("").id, "");
    EXPECT_EQ(parse_os_release("\n=\n# ID=no\nIDX=no\n").id, "");
    EXPECT_EQ(parse_os_release("ID=../../etc\n").id, "");
    EXPECT_EQ(parse_os_release("ID=" + std::string(65, 'a')).id, "");
    EXPECT_EQ(parse_os_release("VERSION_ID=\"1 2\"\n").version_id, "");
    const std::string name = parse_os_release("PRETTY_NAME=\"\x1b[2Jx" + std::string(5000, 'y') + "\"").pretty_name;
    EXPECT_EQ(name.find('\x1b'), std::string::npos);
    EXPECT_LT(name.size(), 300U);
}

}  // namespace
}  // namespace amivirt::guestfs
