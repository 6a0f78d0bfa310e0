#include <gtest/gtest.h>

#include "adapters/libvirt/machine_log.hpp"
#include "adapters/libvirt/networks.hpp"

namespace amivirt::libvirt {
namespace {

constexpr const char* k_run =
    "2026-11-25 18:08:54.115+0000: starting up libvirt version: 9.0.0, package: 9.0.0-4 (Debian), qemu version: 7.2.22\n"
    "LC_ALL=C \\\n"
    "/usr/bin/qemu-system-x86_64 \\\n"
    "-name guest=i-0123456789abcdef0,debug-threads=on \\\n"
    "-msg timestamp=on\n"
    "2026-11-25 18:08:54.115+0000: Domain id=120 is tainted: custom-argv\n"
    "char device redirected to /dev/pts/2 (label charserial0)\n";

TEST(MachineLog, OnlyQemusOwnWords) {
    EXPECT_EQ(qemus_words(k_run), "");
    EXPECT_EQ(qemus_words(std::string(k_run) +
                          "2026-11-25T18:09:02.761998Z qemu-system-x86_64: terminating on signal 15 from pid 9881 (libvirtd)\n"
                          "KVM internal error. Suberror: 1\n"
                          "2026-11-25 18:09:02.965+0000: shutting down, reason=destroyed\n"),
              "KVM internal error. Suberror: 1\n");
}

TEST(MachineLog, OnlyTheLastRun) {
    const std::string earlier = std::string(k_run) + "qemu: something that is mended since\n";
    EXPECT_EQ(qemus_words(earlier + k_run + "qemu: this time\n"), "qemu: this time\n");
    EXPECT_EQ(qemus_words(earlier + k_run), "");
}

TEST(MachineLog, WhatIsCutOrEmpty) {
    EXPECT_EQ(qemus_words(""), "");
    EXPECT_EQ(qemus_words("qemu: half a li"), "qemu: half a li\n");
    EXPECT_EQ(qemus_words("2026-11-25 18:08:54.115+0000: starting up libvirt version: 9.0.0\nLC_ALL=C \\\n-name"), "");
}

TEST(Neighbours, AreThoseOfThisCardThatAreComplete) {
    const char* table =
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "10.79.0.51       0x1         0x2         52:54:00:27:92:FB     *        br9\n"
        "10.79.0.52       0x1         0x0         52:54:00:27:92:fb     *        br9\n"
        "10.79.0.53       0x1         0x2         52:54:00:27:92:fc     *        br9\n"
        "10.79.0.54\n"
        "10.79.0.55       0x1         0x6         52:54:00:27:92:fb     *        br9";
    EXPECT_EQ(libvirt::neighbours_in(table, "52:54:00:27:92:fb"), (std::vector<std::string>{"10.79.0.51", "10.79.0.55"}));
    EXPECT_TRUE(libvirt::neighbours_in("", "52:54:00:27:92:fb").empty());
}

TEST(AgentsAddresses, OfTheCardThatIsOurs) {
    const std::string answer = R"({"return":[
        {"name":"lo","ip-addresses":[{"ip-address-type":"ipv4","ip-address":"127.0.0.1","prefix":8}],"hardware-address":"00:00:00:00:00:00"},
        {"name":"eth0","hardware-address":"52:54:00:AB:cd:ef","ip-addresses":[
            {"ip-address-type":"ipv6","ip-address":"fe80::1","prefix":64},
            {"ip-address-type":"ipv4","ip-address":"10.0.0.5","prefix":24}]},
        {"name":"docker0","hardware-address":"02:42:00:00:00:01","ip-addresses":[{"ip-address-type":"ipv4","ip-address":"172.17.0.1"}]}]})";
    EXPECT_EQ(addresses_in(answer, "52:54:00:ab:cd:ef"), std::vector<std::string>{"10.0.0.5"});
    EXPECT_TRUE(addresses_in(answer, "52:54:00:ab:cd:ee").empty());
}

TEST(AgentsAddresses, WhatAGuestMadeUpIsNone) {
    constexpr const char* k_mac = "52:54:00:ab:cd:ef";
    for (const char* const answer :
         {"", "null", "[]", "{\"return\":7}", "{\"return\":{}}", "{\"return\":[7,null,[]]}", "{\"return\":[{\"hardware-address\":7}]}",
          R"({"return":[{"hardware-address":"52:54:00:ab:cd:ef"}]})",
          R"({"return":[{"hardware-address":"52:54:00:ab:cd:ef","ip-addresses":7}]})",
          R"({"return":[{"hardware-address":"52:54:00:ab:cd:ef","ip-addresses":[{"ip-address-type":"ipv4","ip-address":"1.2.3.4; rm"}]}]})",
          R"({"return":[{"hardware-address":"52:54:00:ab:cd:ef","ip-addresses":[{"ip-address-type":"ipv4"}, 7]}]})", "{\"return\":["}) {
        EXPECT_TRUE(addresses_in(answer, k_mac).empty()) << answer;
    }
}

}  // namespace
}  // namespace amivirt::libvirt
