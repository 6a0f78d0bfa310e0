#include <gmock/gmock.h>

#include "amivirt/domain/guest_texts.hpp"

namespace amivirt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(GuestTexts, PasswdPassesOverWhatIsIllFormed) {
    const auto users = parse_passwd(
        "root:x:0:0:root:/root:/bin/bash\n"
        "# a comment\n"
        ":x:1:1:::\n"
        "short:x:5\n"
        "odd:x:-1:0::/:/bin/sh\n"
        "big:x:99999999999:0::/:/bin/sh\n"
        "web:x:1000:1000:Web,,,:/srv/web:/bin/sh");
    ASSERT_EQ(users.size(), 2U);
    EXPECT_EQ(users[0], (GuestUser{"root", "x", 0, 0, "/root", "/bin/bash"}));
    EXPECT_EQ(users[1], (GuestUser{"web", "x", 1000, 1000, "/srv/web", "/bin/sh"}));
    EXPECT_THAT(parse_passwd(""), IsEmpty());
}

TEST(GuestTexts, OpenPasswordsAreHashesAndEmptyFields) {
    const std::string shadow =
        "root:$y$j9T$abc$def:19000:0:99999:7:::\n"
        "guest::19000:0:99999:7:::\n"
        "daemon:*:19000:0:99999:7:::\n"
        "locked:!$y$j9T$abc$def:19000:0:99999:7:::\n"
        "old:abJnggxhB/yWI:19000:0:99999:7:::\n"
        "x:x:0:0\n"
        "half\n";
    const auto open = open_passwords(shadow);
    ASSERT_EQ(open.size(), 3U);
    EXPECT_EQ(open[0].user, "root");
    EXPECT_FALSE(open[0].empty);
    EXPECT_EQ(open[1].user, "guest");
    EXPECT_TRUE(open[1].empty);
    EXPECT_EQ(open[2].user, "old");
    EXPECT_EQ(lock_passwords(shadow),
              "root:!:19000:0:99999:7:::\n"
              "guest:!:19000:0:99999:7:::\n"
              "daemon:*:19000:0:99999:7:::\n"
              "locked:!$y$j9T$abc$def:19000:0:99999:7:::\n"
              "old:!:19000:0:99999:7:::\n"
              "x:x:0:0\n"
              "half\n");
    EXPECT_THAT(open_passwords(lock_passwords(shadow)), IsEmpty());
    EXPECT_EQ(lock_passwords(""), "");
    EXPECT_EQ(lock_passwords("\n\na::1"), "\n\na:!:1");
}

TEST(GuestTexts, DpkgTellsWhatIsInstalled) {
    const auto packages = parse_dpkg_status(
        "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\nDescription: a shell\n Version: 9 in a text\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n"
        "Package: half\nStatus: install ok half-installed\nVersion: 1\n\n"
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36\n\n"
        "Package: libc6\nStatus: install ok installed\nArchitecture: i386\nVersion: 2.36\n");
    EXPECT_THAT(packages, ElementsAre(Pair("bash", "5.2-1"), Pair("libc6:amd64", "2.36"), Pair("libc6:i386", "2.36")));
    EXPECT_THAT(parse_dpkg_status("no stanza"), IsEmpty());
}

TEST(GuestTexts, KeysAndLines) {
    EXPECT_TRUE(holds_private_key("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"));
    EXPECT_TRUE(holds_private_key("Bag Attributes\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    EXPECT_TRUE(holds_private_key("PuTTY-User-Key-File-3: ssh-ed25519\n"));
    EXPECT_FALSE(holds_private_key("-----BEGIN PUBLIC KEY-----\n"));
    EXPECT_FALSE(holds_private_key("ssh-ed25519 AAAA PRIVATE KEY"));
    EXPECT_EQ(meaningful_lines("# none\n\n  \nssh-ed25519 AAAA\n  # x\nb"), 2U);
    EXPECT_EQ(meaningful_lines(""), 0U);
}

}  // namespace
}  // namespace amivirt
