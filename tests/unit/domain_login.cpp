#include "amivirt/domain/login.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "amivirt/domain/cloud_init.hpp"

namespace amivirt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string k_ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHm1yPOGoYhtgxw5XwYjkmL0gLcYHM0mTdLw2mQvXo5C";
const std::string k_rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDLrKoXNBmhS9JNxKqCbrDAGZNvG0cmGZDmXWJ7cdYxEjXn";
const std::string k_begin = "-----BEGIN SSH HOST KEY KEYS-----\r\n";
const std::string k_end = "-----END SSH HOST KEY KEYS-----\r\n";

TEST(LoginUser, ImageThenDistributionThenRoot) {
    Image image;
    EXPECT_EQ(login_user_of(image), "root");
    image.distribution = "debian";
    EXPECT_EQ(login_user_of(image), "debian");
    image.distribution = "rhel";
    EXPECT_EQ(login_user_of(image), "ec2-user");
    image.distribution = "nobody-knows-it";
    EXPECT_EQ(login_user_of(image), "root");
    image.default_user = "admin";
    EXPECT_EQ(login_user_of(image), "admin");
}

TEST(HostKeyOnConsole, TheStrongestOfTheLastWholeBlock) {
    EXPECT_EQ(host_key_on_console(""), "");
    EXPECT_EQ(host_key_on_console(k_ed25519), "");
    EXPECT_EQ(host_key_on_console("[ 1.0] booting\r\n" + k_begin + k_rsa + " root@a\r\n" + k_ed25519 + " root@a\r\n" + k_end + "login: "),
              k_ed25519);
    EXPECT_EQ(host_key_on_console(k_begin + k_rsa + " root@a\r\n" + k_end), k_rsa);
    EXPECT_EQ(host_key_on_console(k_begin + k_ed25519 + "\r\n" + k_end + k_begin + k_rsa + "\r\n" + k_end), k_rsa);
    EXPECT_EQ(host_key_on_console(k_begin + k_ed25519 + "\r\n" + k_end + k_begin + k_rsa), k_ed25519)
        << "the second is still being printed";
    EXPECT_EQ(host_key_on_console("<14>cloud-init: " + k_begin + "<14>cloud-init: " + k_ed25519 + "\r\n" + k_end), k_ed25519);
}

TEST(HostKeyOnConsole, IllFormedIsPassedOver) {
    EXPECT_EQ(host_key_on_console(k_end + k_begin), "");
    EXPECT_EQ(host_key_on_console(k_begin + k_end), "");
    EXPECT_EQ(host_key_on_console(k_begin + "ssh-ed25519 AAAA\r\n" + k_end), "") << "too short";
    EXPECT_EQ(host_key_on_console(k_begin + "ssh-ed25519 " + std::string(80, '!') + "\r\n" + k_end), "");
    EXPECT_EQ(host_key_on_console(k_begin + "ssh-ed25519\r\n" + k_ed25519 + "\r\n" + k_end), k_ed25519);
}

TEST(WithoutComment, LeavesTypeAndKey) {
    EXPECT_EQ(without_comment(k_ed25519 + " root@a b"), k_ed25519);
    EXPECT_EQ(without_comment(k_ed25519), k_ed25519);
    EXPECT_EQ(without_comment(""), "");
}

TEST(CloudInitOnConsole, FinishedWithoutFaults) {
    const std::string console =
        "[    0.000000] Linux\r\n[   31.2] cloud-init[412]: Cloud-init v. 22.4.2 running 'init' at Wed\r\n"
        "[   58.1] cloud-init[519]: Cloud-init v. 22.4.2 finished at Wed, 25 Nov 2026 18:00:00 +0000. Datasource DataSourceNoCloud.  Up "
        "58.00 seconds\r\n";
    const auto report = cloud_init_on_console(console);
    EXPECT_TRUE(report.finished);
    EXPECT_THAT(report.faults, IsEmpty());
    EXPECT_EQ(report.tail.size(), 2U);
    EXPECT_FALSE(cloud_init_on_console(console.substr(0, console.find("finished"))).finished);
    EXPECT_FALSE(cloud_init_on_console("").finished);
}

TEST(CloudInitOnConsole, WhatFailed) {
    const std::string finished = "[   58.1] cloud-init[519]: Cloud-init v. 22.4.2 finished at Wed. Up 58.00 seconds\r\n";
    const std::string failed =
        "[   57.0] cloud-init[519]: 2026-11-25 18:00:00,000 - cc_scripts_user.py[WARNING]: Failed to run module scripts-user (scripts in "
        "/var/lib/cloud/instance/scripts)\r\n";
    const auto report = cloud_init_on_console(failed + finished);
    EXPECT_TRUE(report.finished);
    EXPECT_THAT(report.faults, ElementsAre(HasSubstr("Failed to run module scripts-user")));
    EXPECT_THAT(cloud_init_on_console("util.py[WARNING]: Failed loading yaml blob. Invalid format at line 2\r\n" + finished).faults.size(),
                1U);
    EXPECT_THAT(cloud_init_on_console(finished + failed).faults, IsEmpty()) << "of a later boot";
    EXPECT_THAT(cloud_init_on_console("tiny: user-data ended with status 3\r\n").faults,
                ElementsAre("tiny: user-data ended with status 3"));
    EXPECT_TRUE(cloud_init_on_console("tiny: user-data ended with status 0\r\n").finished);
    EXPECT_THAT(cloud_init_on_console("tiny: x is ready\r\nmkfs: no such disk\r\ntiny: user-data ended with status 3\r\n").tail,
                ElementsAre("tiny: x is ready", "mkfs: no such disk", "tiny: user-data ended with status 3"));
}

TEST(CloudInitOnConsole, NothingThatSteersATerminal) {
    const auto report = cloud_init_on_console("\x1b[31mcloud-init[1]: \x07hello\x1b[0m\r\nCloud-init v. 1 finished at X\n");
    ASSERT_EQ(report.tail.size(), 2U);
    EXPECT_EQ(report.tail[0], "cloud-init[1]: hello");
}

TEST(UserDataDoubts, WhatCloudInitKnows) {
    for (const char* good :
         {"", "#!/bin/sh\ntrue\n", "#cloud-config\npackages: []\n", "\x1f\x8b\x08 and so on", "#include\nhttp://x/\n",
          "Content-Type: multipart/mixed; boundary=\"x\"\nMIME-Version: 1.0\n\n--x\n", "## template: jinja\n#cloud-config\n{}\n",
          "From nobody\nMime-Version: 1.0\nContent-Type: multipart/mixed\n\n"}) {
        EXPECT_EQ(doubt_about(good), "") << good;
    }
    EXPECT_THAT(doubt_about("packages: [nginx]\n"), HasSubstr("begin with \"packages: [nginx]\""));
    EXPECT_THAT(doubt_about("\xff\xfe#!/bin/sh\n"), HasSubstr("neither UTF-8 text nor gzip"));
    EXPECT_TRUE(is_cloud_config({"", "#cloud-config\r\na: 1\n"}));
    EXPECT_TRUE(is_cloud_config({"text/cloud-config", "a: 1\n"}));
    EXPECT_FALSE(is_cloud_config({"text/x-shellscript", "#cloud-config\n"}));
    EXPECT_FALSE(is_cloud_config({"", "#cloud-config-archive\n"}));
    EXPECT_FALSE(is_cloud_config({"", "#!/bin/sh\n"}));
}

constexpr const char* k_mime =
    "Content-Type: multipart/mixed;\r\n boundary=\"==x==\"\r\nMIME-Version: 1.0\r\n\r\npreamble\r\n"
    "--==x==\r\nContent-Type: Text/Cloud-Config; charset=\"us-ascii\"\r\n\r\na: 1\r\n"
    "--==x==\nContent-Type: text/x-shellscript\nContent-Transfer-Encoding: base64\n\nIyEvYmluL3No\nCg==\n"
    "--==x==\nContent-Transfer-Encoding: quoted-printable\n\n#!/bin/sh=0Aecho a=3D=\n1\n"
    "--==x==--\nepilogue\n";

TEST(UserDataParts, OfMimeAreDecoded) {
    const auto parts = user_data_parts(k_mime);
    ASSERT_EQ(parts.size(), 3U);
    EXPECT_EQ(parts[0].type, "text/cloud-config");
    EXPECT_EQ(parts[0].text, "a: 1\r\n");
    EXPECT_EQ(parts[1].type, "text/x-shellscript");
    EXPECT_EQ(parts[1].text, "#!/bin/sh\n");
    EXPECT_EQ(parts[2].type, "");
    EXPECT_EQ(parts[2].text, "#!/bin/sh\necho a=1\n");
    EXPECT_EQ(doubt_about(k_mime), "");
    EXPECT_EQ(user_data_parts("#!/bin/sh\n").size(), 1U);
}

TEST(UserDataParts, WhatIsBrokenIsPassedOver) {
    const std::string whole = k_mime;
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        EXPECT_LE(user_data_parts(whole.substr(0, size)).size(), 4U) << "the last may be of a boundary that is cut";
    }
    EXPECT_TRUE(user_data_parts("Content-Type: multipart/mixed\n\n--\n--\n").empty()) << "no boundary";
    std::string nested;
    for (int i = 0; i < 50; ++i) {
        nested += "Content-Type: multipart/mixed; boundary=x" + std::to_string(i) + "_\n\n--x" + std::to_string(i) + "_\n";
    }
    EXPECT_TRUE(user_data_parts(nested).empty());
}

TEST(UserDataDoubts, PartsOfMime) {
    const auto with = [](const std::string& header, const std::string& text) {
        return "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/cloud-config\n\n{}\n--x\n" + header + "\n\n" + text +
               "\n--x--\n";
    };
    EXPECT_THAT(doubt_about(with("Content-Type: text/html", "<p>")), HasSubstr("part 2 of the user data is of type \"text/html\""));
    EXPECT_THAT(doubt_about(with("Content-Type: text/plain", "hello")), HasSubstr("part 2 of the user data begin with \"hello\""));
    EXPECT_EQ(doubt_about(with("Content-Type: text/plain", "#!/bin/sh")), "");
}

}  // namespace
}  // namespace amivirt
