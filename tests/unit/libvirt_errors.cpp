// A libvirt that is not there, a template that is not there, and what doctor says of either.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "adapters/libvirt/hypervisor.hpp"

namespace amivirt {
namespace {

using testing::HasSubstr;

class LibvirtErrors : public testing::Test {
protected:
    LibvirtErrors() {
        std::filesystem::create_directories(folder_);
        std::ofstream(folder_ + "/node.xml") << "<node/>";
        spec_.instance = *InstanceId::parse("i-0123456789abcdef0");
        spec_.memory = MiB{64};
    }
    ~LibvirtErrors() override { std::filesystem::remove_all(folder_); }
    [[nodiscard]] std::string test_uri() const { return "test://" + folder_ + "/node.xml"; }
    [[nodiscard]] std::string dead_uri() const { return "qemu+unix:///system?socket=" + folder_ + "/socket"; }

    NullLog log_;
    DomainSpec spec_;
    std::string folder_ = testing::TempDir() + "amivirt-libvirt-" + std::to_string(getpid());
};

TEST_F(LibvirtErrors, UnreachableNamesTheUriAndTheCommandThatHelps) {
    const auto domains = make_libvirt_hypervisor({dead_uri(), AMIVIRT_DOMAIN_TEMPLATE, log_})->observe();
    ASSERT_FALSE(domains);
    EXPECT_EQ(domains.error().code, Code::hypervisor_unavailable);
    EXPECT_THAT(domains.error().message, HasSubstr("\"" + dead_uri() + "\""));
    EXPECT_THAT(domains.error().message, HasSubstr("No such file"));
    EXPECT_THAT(domains.error().hint, HasSubstr("amivirt doctor"));
}

TEST_F(LibvirtErrors, NonsenseUri) {
    for (const char* const uri : {"nonsense", "nonsense:///", "test:///nowhere/node.xml"}) {
        const auto domains = make_libvirt_hypervisor({uri, AMIVIRT_DOMAIN_TEMPLATE, log_})->observe();
        ASSERT_FALSE(domains) << uri;
        EXPECT_EQ(domains.error().code, Code::hypervisor_unavailable) << uri;
        EXPECT_THAT(domains.error().message, HasSubstr(uri));
    }
}

TEST_F(LibvirtErrors, ConnectsOnceTheDaemonIsThere) {
    const auto hypervisor = make_libvirt_hypervisor({"test://" + folder_ + "/later.xml", AMIVIRT_DOMAIN_TEMPLATE, log_});
    ASSERT_FALSE(hypervisor->observe());
    std::ofstream(folder_ + "/later.xml") << "<node/>";
    EXPECT_TRUE(hypervisor->observe());
}

TEST_F(LibvirtErrors, TheTemplateIsMissing) {
    const auto hypervisor = make_libvirt_hypervisor({test_uri(), folder_ + "/absent.xml", log_});
    const auto started = hypervisor->start(spec_, Begin::running);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::io_error);
    EXPECT_THAT(started.error().message, HasSubstr("\"" + folder_ + "/absent.xml\""));
    EXPECT_THAT(started.error().message, HasSubstr("No such file"));
    EXPECT_EQ(hypervisor->observe()->size(), 0U);
}

TEST_F(LibvirtErrors, TheTemplateIsBroken) {
    std::ofstream(folder_ + "/broken.xml") << "<domain><os>";
    const auto hypervisor = make_libvirt_hypervisor({test_uri(), folder_ + "/broken.xml", log_});
    const auto started = hypervisor->start(spec_, Begin::running);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::invalid_manifest);
    ASSERT_EQ(started.error().context.size(), 1U);
    EXPECT_THAT(started.error().context.front(), HasSubstr("broken.xml"));
    EXPECT_EQ(hypervisor->observe()->size(), 0U);
}

TEST_F(LibvirtErrors, LibvirtRefusesTheDefinition) {
    std::ofstream(folder_ + "/strange.xml") << "<domain><os><type>hvm</type></os><clock offset='sideways'/></domain>";
    const auto hypervisor = make_libvirt_hypervisor({test_uri(), folder_ + "/strange.xml", log_});
    const auto started = hypervisor->start(spec_, Begin::running);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::hypervisor_failed);
    EXPECT_THAT(started.error().message, HasSubstr("i-0123456789abcdef0"));
    EXPECT_THAT(started.error().message, HasSubstr("sideways"));
    EXPECT_EQ(hypervisor->observe()->size(), 0U);
}

const Finding* find(const std::vector<Finding>& findings, const std::string& subject) {
    const auto found = std::find_if(findings.begin(), findings.end(), [&](const Finding& finding) { return finding.subject == subject; });
    return found == findings.end() ? nullptr : &*found;
}

TEST_F(LibvirtErrors, HealthOfALibvirtThatIsDown) {
    const auto findings = make_libvirt_health({dead_uri(), AMIVIRT_DOMAIN_TEMPLATE, log_, folder_})->check();
    const Finding* const libvirt = find(findings, "libvirt");
    ASSERT_NE(libvirt, nullptr);
    EXPECT_EQ(libvirt->health, Health::fault);
    EXPECT_THAT(libvirt->detail, HasSubstr(dead_uri()));
    EXPECT_NE(libvirt->remedy, "");
    EXPECT_NE(find(findings, "UEFI firmware"), nullptr) << "the rest is still looked at";
}

TEST_F(LibvirtErrors, HealthOfTheTestDriver) {
    const auto findings = make_libvirt_health({test_uri(), AMIVIRT_DOMAIN_TEMPLATE, log_, folder_})->check();
    const Finding* const libvirt = find(findings, "libvirt");
    ASSERT_NE(libvirt, nullptr);
    EXPECT_EQ(libvirt->health, Health::ok);
    EXPECT_THAT(libvirt->detail, HasSubstr(test_uri()));
    EXPECT_EQ(libvirt->remedy, "");
}

}  // namespace
}  // namespace amivirt
