// The domain XML of some instances, as a whole; and what libvirt says to it.
#include <gtest/gtest.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "adapters/libvirt/connection.hpp"
#include "adapters/libvirt/domain_xml.hpp"
#include "adapters/libvirt/handles.hpp"
#include "adapters/libvirt/secrets.hpp"

namespace amivirt::libvirt {
namespace {

struct Case {
    std::string name;
    DomainSpec spec;
    RenderOptions options;
};

void PrintTo(const Case& shown, std::ostream* out) { *out << shown.name; }

std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file) << path;
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string domain_template() { return read(AMIVIRT_DOMAIN_TEMPLATE); }

DomainSpec plain() {
    DomainSpec spec;
    spec.instance = *InstanceId::parse("i-0123456789abcdef0");
    spec.store_id = "00112233445566778899aabbccddeeff";
    spec.region = "local";
    spec.image = *ImageId::parse("ami-0123456789abcdef0");
    spec.vcpus = 1;
    spec.memory = MiB{512};
    spec.disks = {{{"/var/lib/amivirt/regions/local/disks/layer-00000000000000001.qcow2", "qcow2"}, "vol-0123456789abcdef0", {}, {}}};
    spec.seed = "/var/lib/amivirt/regions/local/instances/i-0123456789abcdef0/seed.img";
    spec.console_log = "/var/lib/amivirt/regions/local/instances/i-0123456789abcdef0/console.log";
    spec.nvram = "/var/lib/amivirt/regions/local/instances/i-0123456789abcdef0/nvram.fd";
    spec.mac_address = "52:54:00:12:34:56";
    spec.ports = {{"127.0.0.1", 22001, 22, "tcp"}};
    return spec;
}

RenderOptions on_debian() {
    RenderOptions options;
    options.ovmf = {"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"};
    return options;
}

std::vector<Case> cases() {
    std::vector<Case> all;
    all.push_back({"bios", plain(), on_debian()});

    all.push_back({"uefi", plain(), on_debian()});
    all.back().spec.firmware = Firmware::uefi;
    all.back().spec.vcpus = 2;
    all.back().spec.memory = MiB{4096};

    all.push_back({"kvm", plain(), on_debian()});
    all.back().spec.accelerator = Accelerator::kvm;

    all.push_back({"layers", plain(), on_debian()});
    const std::string disks = "/var/lib/amivirt/regions/local/disks/";
    all.back().options.chains = {{Encrypted::no,
                                  {{{disks + "layer-00000000000000002.qcow2", "qcow2"}, Relabel::no, Encrypted::no},
                                   {{disks + "layer-00000000000000003.raw", "raw"}, Relabel::yes, Encrypted::no}}}};

    all.push_back({"encrypted", plain(), on_debian()});
    all.back().spec.store_id = "fedcba9876543210fedcba9876543210";
    all.back().options.chains = {{Encrypted::yes,
                                  {{{disks + "layer-00000000000000002.qcow2", "qcow2"}, Relabel::no, Encrypted::yes},
                                   {{disks + "layer-00000000000000003.qcow2", "qcow2"}, Relabel::no, Encrypted::no}}}};

    all.push_back({"session", plain(), on_debian()});
    all.back().options.agent_socket = "/run/user/1000/amivirt/i-0123456789abcdef0.agent";

    all.push_back({"ephemeral", plain(), on_debian()});
    all.back().spec.disks.push_back({{"/var/lib/amivirt/regions/local/instances/i-0123456789abcdef0/ephemeral0.img", "raw"}, "", {}, {}});

    all.push_back({"disks", plain(), on_debian()});
    all.back().spec.disks.push_back({{disks + "layer-00000000000000004.qcow2", "qcow2"}, "vol-0123456789abcdef1", 3000, 125});
    all.back().spec.disks.push_back({{disks + "layer-00000000000000005.qcow2", "qcow2"}, "vol-0123456789abcdef2", 100, {}});
    all.back().spec.disks.push_back({{disks + "layer-00000000000000006.qcow2", "qcow2"}, "", {}, 250});

    all.push_back({"forwards", plain(), on_debian()});
    all.back().spec.ports = {{"127.0.0.1", 22001, 22, "tcp"}, {"127.0.0.1", 8080, 80, "tcp"}, {"0.0.0.0", 5353, 53, "udp"}};

    all.push_back({"no-forwards", plain(), on_debian()});
    all.back().spec.ports.clear();

    all.push_back({"network", plain(), on_debian()});
    all.back().spec.ports.clear();
    all.back().spec.network = {NetworkChoice::Kind::network, "default"};

    all.push_back({"bridge", plain(), on_debian()});
    all.back().spec.ports.clear();
    all.back().spec.network = {NetworkChoice::Kind::bridge, "br0"};

    all.push_back({"hostile", plain(), on_debian()});
    const std::string hostile = "/tmp/a,b=<c attr=\"x\">&amp;'d' ]]> --> e/";
    all.back().spec.region = "<region>&\"'\t";
    all.back().spec.store_id = "\"/><evil/>";
    all.back().spec.disks = {{{hostile + "root.qcow2", "qcow2"}, "vol-0123456789abcdef0", {}, {}}};
    all.back().spec.seed = hostile + "seed.img";
    all.back().spec.console_log = hostile + "console.log";
    all.back().spec.nvram = hostile + "nvram.fd";
    all.back().spec.firmware = Firmware::uefi;
    all.back().spec.mac_address = "52:54:00:12:34:56,romfile=/etc/passwd";
    return all;
}

class DomainXmlGolden : public testing::TestWithParam<Case> {
protected:
    static std::string rendered(Target target = Target::qemu) {
        RenderOptions options = GetParam().options;
        options.target = target;
        const auto xml = render_domain(domain_template(), GetParam().spec, options);
        EXPECT_TRUE(xml) << xml.error().message;
        return xml.value_or("");
    }
};

TEST_P(DomainXmlGolden, IsAsKept) {
    const std::string path = std::string(AMIVIRT_GOLDEN_FOLDER) + "/" + GetParam().name + ".xml";
    if (std::getenv("AMIVIRT_UPDATE_GOLDEN") != nullptr) {
        std::ofstream(path, std::ios::binary) << rendered();
        GTEST_SKIP() << "wrote " << path;
    }
    EXPECT_EQ(rendered(), read(path)) << "if the change is meant: AMIVIRT_UPDATE_GOLDEN=1";
}

TEST_P(DomainXmlGolden, TestDriverAcceptsIt) {
    initialize();
    const std::filesystem::path node = std::filesystem::temp_directory_path() / ("amivirt-node-" + std::to_string(getpid()) + ".xml");
    std::ofstream(node) << "<node/>";
    const auto connection = open_connection("test://" + node.string(), Access::read_write);
    std::filesystem::remove(node);
    ASSERT_TRUE(connection) << connection.error().message;
    const DomainPtr domain(virDomainDefineXML(connection->handle.get(), rendered(Target::test).c_str()));
    ASSERT_TRUE(domain) << last_failure().message;
    EXPECT_STREQ(virDomainGetName(domain.get()), GetParam().spec.instance.str().c_str());
    const CString metadata(virDomainGetMetadata(domain.get(), VIR_DOMAIN_METADATA_ELEMENT, k_metadata_namespace.data(), 0));
    ASSERT_TRUE(metadata);
    EXPECT_EQ(store_of_metadata(metadata.get()), GetParam().spec.store_id);
}

TEST_P(DomainXmlGolden, SchemaAcceptsIt) {
    if (std::system("command -v virt-xml-validate xmllint >/dev/null") != 0) {
        GTEST_SKIP() << "virt-xml-validate (libvirt-clients) or xmllint (libxml2-utils) is not installed";
    }
    if (GetParam().name == "hostile") {
        GTEST_SKIP() << "the schema has narrower ideas of a path than a file system";
    }
    const std::string path = std::string(AMIVIRT_GOLDEN_FOLDER) + "/" + GetParam().name + ".xml";
    EXPECT_EQ(std::system(("virt-xml-validate '" + path + "' domain >/dev/null").c_str()), 0);
}

/// Translates to QEMU's command line: the QEMU driver reads it, checks it against this QEMU and gives every device its place.
TEST_P(DomainXmlGolden, QemuDriverUnderstandsIt) {
    if (GetParam().spec.accelerator == Accelerator::kvm) {
        GTEST_SKIP() << "a host without KVM refuses it";
    }
    if (GetParam().spec.network.kind != NetworkChoice::Kind::user && geteuid() != 0) {
        GTEST_SKIP() << "libvirt makes the interface for it, which only root may";
    }
    const auto connection = open_connection(geteuid() == 0 ? "qemu:///system" : "qemu:///session", Access::read_write);
    if (!connection) {
        GTEST_SKIP() << connection.error().message;
    }
    LentKey lent_key;
    if (GetParam().name == "encrypted") {
        const std::string key = testing::TempDir() + "amivirt-key-" + std::to_string(getpid());
        std::ofstream(key) << std::string(64, '0');
        const auto lent = lent_key.lend(*connection, secret_uuid(GetParam().spec.store_id), key);
        std::filesystem::remove(key);
        ASSERT_TRUE(lent) << lent.error().message;
        ASSERT_FALSE(*lent) << (*lent)->message;
    }
    const CString line(virConnectDomainXMLToNative(connection->handle.get(), "qemu-argv", rendered().c_str(), 0));
    ASSERT_TRUE(line) << last_failure().message;
    const std::string text = line.get();
    EXPECT_NE(text.find("guest=i-0123456789abcdef0"), std::string::npos) << text;
    const bool is_user = GetParam().spec.network.kind == NetworkChoice::Kind::user;
    EXPECT_EQ(text.find("user,id=amivirt0") != std::string::npos, is_user) << text;
    EXPECT_NE(text.find("52:54:00:12:34:56"), std::string::npos) << text;
    EXPECT_EQ(text.find("<evil"), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(Instances, DomainXmlGolden, testing::ValuesIn(cases()), [](const auto& chosen) {
    std::string name = chosen.param.name;
    std::erase(name, '-');
    return name;
});

}  // namespace
}  // namespace amivirt::libvirt
