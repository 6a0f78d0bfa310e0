// Disks of running machines, in libvirt's XML.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/libvirt/agent_socket.hpp"
#include "adapters/libvirt/disk_xml.hpp"
#include "adapters/libvirt/domains.hpp"

namespace amivirt::libvirt {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* k_running =
    "<domain type='qemu' id='7'>"
    "<metadata><amivirt:instance xmlns:amivirt='https://amivirt.dev/domain/1' store='00112233445566778899aabbccddeeff'/></metadata>"
    "<devices>"
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/d/root.qcow2' index='3'/>"
    "<target dev='vda' bus='virtio'/><serial>vol0123456789abcdef0</serial><alias name='virtio-disk0'/></disk>"
    "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/d/seed.img'/>"
    "<target dev='vdb' bus='virtio'/><readonly/><alias name='virtio-disk1'/></disk>"
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/d/data.qcow2'/>"
    "<target dev='vdd' bus='virtio'/><serial>vol0123456789abcdef1</serial><alias name='virtio-disk3'/></disk>"
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>"
    "</devices></domain>";

TEST(ReadMachine, WhatRuns) {
    const Machine machine = read_machine(k_running);
    EXPECT_TRUE(machine.running);
    EXPECT_TRUE(machine.agent);
    EXPECT_EQ(machine.store_id, "00112233445566778899aabbccddeeff");
    ASSERT_EQ(machine.disks.size(), 3U);
    EXPECT_EQ(machine.disks[1].serial, "");
    EXPECT_EQ(machine.disks[1].source.format, "raw");
    const MachineDisk* const data = machine.find("vol0123456789abcdef1");
    ASSERT_NE(data, nullptr);
    EXPECT_EQ(data->target, "vdd");
    EXPECT_EQ(data->alias, "virtio-disk3");
    EXPECT_EQ(data->source.location, "/d/data.qcow2");
    EXPECT_EQ(machine.find("vol0123456789abcdef1-and-more"), data) << "the guest sees 20 characters";
    EXPECT_EQ(machine.find("vol"), nullptr);
    EXPECT_EQ(machine.find(""), nullptr) << "not the seed";
    EXPECT_EQ(machine.free_target(), "vdc");
}

TEST(ReadMachine, WhatDoesNot) {
    EXPECT_FALSE(read_machine("<domain type='qemu'><devices/></domain>").running);
    EXPECT_FALSE(read_machine("<domain type='qemu' id='7'><devices><channel type='unix'><target type='virtio' "
                              "name='org.qemu.guest_agent.0' state='disconnected'/></channel></devices></domain>")
                     .agent);
    EXPECT_FALSE(read_machine("<domain type='qemu' id='7'><devices><channel type='unix'><target type='virtio' name='other.0' "
                              "state='connected'/></channel></devices></domain>")
                     .agent);
    EXPECT_FALSE(read_machine("no XML").running);
    EXPECT_EQ(Machine().free_target(), "vda");
}

TEST(RenderSnapshot, OnlyTheDisksThatWereNamed) {
    const std::string secret = secret_uuid("00112233445566778899aabbccddeeff");
    const std::string xml = render_snapshot(read_machine(k_running), {{"vdd", {"/d/a&b.qcow2", "qcow2"}, Encrypted::yes}}, secret);
    EXPECT_EQ(xml,
              "<domainsnapshot>\n"
              "  <disks>\n"
              "    <disk name=\"vda\" snapshot=\"no\" />\n"
              "    <disk name=\"vdb\" snapshot=\"no\" />\n"
              "    <disk name=\"vdd\" snapshot=\"external\" type=\"file\">\n"
              "      <driver type=\"qcow2\" />\n"
              "      <source file=\"/d/a&amp;b.qcow2\">\n"
              "        <encryption format=\"luks\" engine=\"qemu\">\n"
              "          <secret type=\"passphrase\" uuid=\"00112233-4455-6677-8899-aabbccddeeff\" />\n"
              "        </encryption>\n"
              "      </source>\n"
              "    </disk>\n"
              "  </disks>\n"
              "</domainsnapshot>\n");
}

TEST(RenderDisk, LimitsSerialAndChain) {
    DomainDisk disk{{"/d/top.qcow2", "qcow2"}, "vol0123456789abcdef0-too-long", 3000, 125};
    const std::string xml =
        render_disk("vdc", disk, {Encrypted::no, {{{"/d/base.qcow2", "qcow2"}, Relabel::no, Encrypted::yes}}}, "the-uuid");
    EXPECT_THAT(xml, HasSubstr("<total_iops_sec>3000</total_iops_sec>"));
    EXPECT_THAT(xml, HasSubstr("<total_bytes_sec>131072000</total_bytes_sec>"));
    EXPECT_THAT(xml, HasSubstr("<serial>vol0123456789abcdef0</serial>"));
    EXPECT_THAT(xml, HasSubstr("<target dev=\"vdc\" bus=\"virtio\" />"));
    EXPECT_THAT(xml, HasSubstr("relabel=\"no\""));
    EXPECT_EQ(xml.find("<encryption"), xml.rfind("<encryption")) << "of the layer that is, only";
    EXPECT_GT(xml.find("<encryption"), xml.find("<backingStore"));
    EXPECT_THAT(xml, Not(HasSubstr("<boot")));
}

TEST(SecretUuid, IsTheStores) {
    EXPECT_EQ(secret_uuid("00112233445566778899aabbccddeeff"), "00112233-4455-6677-8899-aabbccddeeff");
    EXPECT_EQ(secret_uuid(""), "");
    EXPECT_EQ(secret_uuid("00112233445566778899aabbccddeef"), "");
    EXPECT_EQ(secret_uuid("00112233445566778899AABBCCDDEEF\""), "");
}

TEST(OutOfSlots, InLibvirtsAndQemusWords) {
    EXPECT_TRUE(out_of_slots({0, 0, "internal error: No more available PCI slots"}));
    EXPECT_TRUE(out_of_slots({0, 0,
                              "internal error: unable to execute QEMU command 'device_add': PCI: slot 31 function 0 not available for "
                              "virtio-blk-pci, in use by virtio-net-pci,id=amivirt0-card"}));
    EXPECT_FALSE(out_of_slots({0, 0, "internal error: not available"}));
}

TEST(AgentSocket, FitsWhateverTheFolder) {
    const InstanceId instance = *InstanceId::parse("i-0123456789abcdef0");
    const char* const before = std::getenv("XDG_RUNTIME_DIR");
    const std::string kept = before == nullptr ? "" : before;
    for (const std::string& runtime : {std::string("/nowhere"), "/" + std::string(120, 'x'), std::string("relative"), std::string()}) {
        setenv("XDG_RUNTIME_DIR", runtime.c_str(), 1);
        const std::string path = own_agent_socket(instance);
        EXPECT_THAT(path, testing::AnyOf("", testing::MatchesRegex("/tmp/amivirt-[0-9]+/i-0123456789abcdef0\\.agent"))) << runtime;
    }
    setenv("XDG_RUNTIME_DIR", testing::TempDir().c_str(), 1);
    EXPECT_THAT(own_agent_socket(instance), testing::StartsWith(testing::TempDir()));
    before == nullptr ? unsetenv("XDG_RUNTIME_DIR") : setenv("XDG_RUNTIME_DIR", kept.c_str(), 1);
}

}  // namespace
}  // namespace amivirt::libvirt
