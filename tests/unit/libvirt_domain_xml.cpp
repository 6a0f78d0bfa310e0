// What of render_domain the golden files do not show: refusals, and templates that a user wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/libvirt/domain_xml.hpp"

namespace amivirt::libvirt {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* k_template = "<domain><os><type machine='q35'>hvm</type></os><devices/></domain>";

DomainSpec spec() {
    DomainSpec spec;
    spec.instance = *InstanceId::parse("i-0123456789abcdef0");
    spec.memory = MiB{512};
    spec.disks = {{{"/d/root.qcow2", "qcow2"}, "vol-0123456789abcdef0", {}, {}}};
    spec.mac_address = "52:54:00:12:34:56";
    spec.ports = {{"127.0.0.1", 22001, 22, "tcp"}};
    return spec;
}

std::string rendered(std::string_view text, const DomainSpec& what = spec(), const RenderOptions& options = {}) {
    const auto xml = render_domain(text, what, options);
    EXPECT_TRUE(xml) << xml.error().message;
    return xml.value_or("");
}

Error refused(std::string_view text, const DomainSpec& what = spec()) {
    const auto xml = render_domain(text, what, {});
    EXPECT_FALSE(xml) << *xml;
    return xml ? Error() : xml.error();
}

TEST(RenderDomain, RefusesATemplateThatIsNoDomain) {
    for (const char* const text : {"", "no xml", "<domain>", "<domain><os></domain>", "<domain attr=>"}) {
        const Error error = refused(text);
        EXPECT_EQ(error.code, Code::invalid_manifest) << text;
        EXPECT_THAT(error.message, HasSubstr("not well-formed")) << text;
    }
    EXPECT_THAT(refused("<domain><os></domain>").message, HasSubstr("at byte "));
    const Error other = refused("<network/>");
    EXPECT_EQ(other.code, Code::invalid_manifest);
    EXPECT_THAT(other.message, HasSubstr("<network>"));
}

TEST(RenderDomain, RefusesWhatQemuCannotForward) {
    const auto with = [](const PortForward& port) {
        DomainSpec what = spec();
        what.ports = {port};
        return what;
    };
    EXPECT_EQ(refused(k_template, with({"127.0.0.1", 1, 22, "sctp"})).code, Code::invalid_parameter_value);
    EXPECT_THAT(refused(k_template, with({"127.0.0.1", 1, 22, "sctp"})).message, HasSubstr("\"sctp\""));
    for (const char* const address : {"", "localhost", "::1", "127.0.0.1,restrict=on", "127.0.0.1 "}) {
        const Error error = refused(k_template, with({address, 1, 22, "tcp"}));
        EXPECT_EQ(error.code, Code::invalid_parameter_value) << address;
        EXPECT_THAT(error.message, HasSubstr("\"" + std::string(address) + "\""));
    }
}

TEST(RenderDomain, RefusesUefiWithoutFirmware) {
    DomainSpec what = spec();
    what.firmware = Firmware::uefi;
    const Error error = refused(k_template, what);
    EXPECT_EQ(error.code, Code::unsupported_operation);
    EXPECT_THAT(error.hint, HasSubstr("ovmf"));
}

TEST(RenderDomain, RefusesArm) {
    DomainSpec what = spec();
    what.architecture = Architecture::arm64;
    EXPECT_EQ(refused(k_template, what).code, Code::unsupported_operation);
}

TEST(RenderDomain, RefusesControlCharacters) {
    DomainSpec what = spec();
    what.disks[0].source.location = "/d/\x01.qcow2";
    EXPECT_EQ(refused(k_template, what).code, Code::invalid_parameter_value);
    what = spec();
    what.seed = std::string("/d/\0.img", 8);
    EXPECT_EQ(refused(k_template, what).code, Code::invalid_parameter_value);
    what = spec();
    what.region = "a\x1b[2J";
    EXPECT_EQ(refused(k_template, what).code, Code::invalid_parameter_value);
}

TEST(RenderDomain, KeepsWhatTheTemplateAdds) {
    const std::string xml = rendered(
        "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><metadata><mine xmlns='urn:mine'/></metadata>"
        "<cpu mode='custom'><model>Nehalem</model></cpu><os><type machine='q35'>hvm</type><bootmenu enable='yes'/></os>"
        "<devices><sound model='ich9'/></devices>"
        "<qemu:commandline><qemu:arg value='-fw_cfg'/><qemu:arg value='name=opt/x,string=y'/></qemu:commandline></domain>");
    EXPECT_THAT(xml, HasSubstr("urn:mine"));
    EXPECT_THAT(xml, HasSubstr("Nehalem"));
    EXPECT_THAT(xml, Not(HasSubstr("maximum")));
    EXPECT_THAT(xml, HasSubstr("bootmenu"));
    EXPECT_THAT(xml, HasSubstr("ich9"));
    EXPECT_THAT(xml, HasSubstr("opt/x"));
    EXPECT_THAT(xml, HasSubstr("amivirt0"));
}

TEST(RenderDomain, ReplacesWhatTheSpecDecides) {
    const std::string xml = rendered(
        "<domain type='kvm'><name>old</name><uuid>6f1d0f3e-0000-0000-0000-000000000000</uuid><memory unit='GiB'>64</memory>"
        "<currentMemory unit='GiB'>64</currentMemory><vcpu>99</vcpu>"
        "<os><type machine='q35'>hvm</type><loader>/old/loader</loader><nvram>/old/nvram</nvram></os>"
        "<devices><disk type='file'><source file='/old/disk1'/></disk><disk type='file'><source file='/old/disk2'/></disk>"
        "<serial type='pty'><log file='/old/log'/></serial></devices></domain>");
    EXPECT_THAT(xml, Not(HasSubstr("old")));
    EXPECT_THAT(xml, Not(HasSubstr("64</")));
    EXPECT_THAT(xml, Not(HasSubstr("99")));
    EXPECT_THAT(xml, HasSubstr("<domain type=\"qemu\""));
    EXPECT_THAT(xml, HasSubstr("<memory unit=\"MiB\">512</memory>"));
    EXPECT_THAT(xml, HasSubstr("<name>i-0123456789abcdef0</name>"));
}

TEST(RenderDomain, TheNetworkCardFitsTheMachine) {
    EXPECT_THAT(rendered("<domain><os><type machine='q35'>hvm</type></os></domain>"), HasSubstr("bus=pcie.0,addr=0x10"));
    EXPECT_THAT(rendered("<domain><os><type machine='pc-q35-7.2'>hvm</type></os></domain>"), HasSubstr("bus=pcie.0,addr=0x10"));
    EXPECT_THAT(rendered("<domain><os><type machine='pc'>hvm</type></os></domain>"), HasSubstr("bus=pci.0,addr=0x1f"));
    EXPECT_THAT(rendered("<domain><os><type machine='pc-i440fx-7.2'>hvm</type></os></domain>"), HasSubstr("bus=pci.0,addr=0x1f"));
}

TEST(RenderDomain, TheTestDriverGetsNoQemuOptions) {
    RenderOptions options;
    options.target = Target::test;
    const std::string xml = rendered(k_template, spec(), options);
    EXPECT_THAT(xml, HasSubstr("type=\"test\""));
    EXPECT_THAT(xml, Not(HasSubstr("qemu:")));
}

TEST(DomainUuid, IsTheInstancesAndWellFormed) {
    const std::string uuid = domain_uuid(*InstanceId::parse("i-0123456789abcdef0"));
    EXPECT_EQ(uuid, "01234567-89ab-8cde-8f00-616d69766972");
    EXPECT_NE(uuid, domain_uuid(*InstanceId::parse("i-0123456789abcdef1")));
    EXPECT_NE(uuid, domain_uuid(*InstanceId::parse("i-1123456789abcdef0")));
    EXPECT_EQ(domain_uuid({}).size(), 36U);
}

TEST(TargetName, CountsLikeTheKernel) {
    EXPECT_EQ(target_name(0), "vda");
    EXPECT_EQ(target_name(25), "vdz");
    EXPECT_EQ(target_name(26), "vdaa");
    EXPECT_EQ(target_name(27), "vdab");
    EXPECT_EQ(target_name(701), "vdzz");
    EXPECT_EQ(target_name(702), "vdaaa");
}

TEST(StoreOfMetadata, ReadsOursAndNothingElse) {
    EXPECT_EQ(store_of_metadata("<instance store=\"a&amp;b\"/>"), "a&b");
    EXPECT_EQ(store_of_metadata("<instance/>"), "");
    EXPECT_EQ(store_of_metadata("no xml"), "");
    EXPECT_EQ(store_of_metadata(""), "");
}

}  // namespace
}  // namespace amivirt::libvirt
