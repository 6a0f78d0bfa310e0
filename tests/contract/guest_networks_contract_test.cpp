// What include/amivirt/ports/guest_networks.hpp promises, of the fake and of libvirt's test driver. Addresses that real guests got are in
// tests/e2e/network_test.py.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "adapters/libvirt/hypervisor.hpp"
#include "fakes/fake_guest_networks.hpp"
#include "temporary_folder.hpp"

namespace amivirt::contract {
namespace {

using Kind = NetworkChoice::Kind;
using testing::HasSubstr;

const NetworkChoice k_active{Kind::network, "default"};
const NetworkChoice k_unknown{Kind::network, "defualt"};

/// The network "default" is active.
class Site {
public:
    virtual ~Site() = default;
    virtual GuestNetworks& networks() = 0;
    virtual GuestNetworks& unreachable() = 0;
    virtual void stop_default() = 0;
};

class FakeSite final : public Site {
public:
    FakeSite() {
        unreachable_.script().fail_always("check", Error(Code::hypervisor_unavailable, "cannot reach it"));
        unreachable_.script().fail_always("addresses", Error(Code::hypervisor_unavailable, "cannot reach it"));
    }
    GuestNetworks& networks() override { return networks_; }
    GuestNetworks& unreachable() override { return unreachable_; }
    void stop_default() override { networks_.set_active("network:default", false); }

private:
    fakes::FakeGuestNetworks networks_;
    fakes::FakeGuestNetworks unreachable_;
};

class TestDriverSite final : public Site {
public:
    TestDriverSite() : unreachable_(make_libvirt({"qemu+unix:///system?socket=" + folder_ / "no-socket", AMIVIRT_DOMAIN_TEMPLATE, log_})) {
        open("default");
    }
    GuestNetworks& networks() override { return *libvirt_.networks; }
    GuestNetworks& unreachable() override { return *unreachable_.networks; }
    /// The test driver's networks are all active: this node has another one.
    void stop_default() override { open("other"); }

private:
    void open(const std::string& network) {
        const std::string node = folder_ / (network + ".xml");
        std::ofstream(node) << fmt::format("<node><network><name>{}</name><bridge name='virbr7'/></network></node>", network);
        libvirt_ = make_libvirt({"test://" + node, AMIVIRT_DOMAIN_TEMPLATE, log_});
    }
    TemporaryFolder folder_;
    NullLog log_;
    Libvirt libvirt_;
    Libvirt unreachable_;
};

struct Maker {
    std::string name;
    std::function<std::unique_ptr<Site>()> make;
};
void PrintTo(const Maker& maker, std::ostream* out) { *out << maker.name; }

class GuestNetworksContract : public testing::TestWithParam<Maker> {
protected:
    GuestNetworks& networks() { return site_->networks(); }
    std::unique_ptr<Site> site_ = GetParam().make();
    const InstanceId instance_ = *InstanceId::parse("i-00000000000000001");
};

TEST_P(GuestNetworksContract, WhatIsThereCanBeUsed) {
    EXPECT_TRUE(networks().check({}));
    const auto there = networks().check(k_active);
    EXPECT_TRUE(there) << there.error().message;
}

TEST_P(GuestNetworksContract, WhatIsNotThereIsNamedAndSoIsWhatThereIs) {
    const auto checked = networks().check(k_unknown);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Code::resource_not_found);
    EXPECT_THAT(checked.error().message, HasSubstr("defualt"));
    EXPECT_FALSE(networks().check({Kind::bridge, "no-such-bridge"}));
}

TEST_P(GuestNetworksContract, WhatWentIsAnError) {
    site_->stop_default();
    EXPECT_FALSE(networks().check(k_active));
}

TEST_P(GuestNetworksContract, WhoHasNoDomainHasNoAddress) {
    const auto addresses = networks().addresses(instance_, "52:54:00:00:00:01");
    ASSERT_TRUE(addresses) << addresses.error().message;
    EXPECT_TRUE(addresses->empty());
}

TEST_P(GuestNetworksContract, WhoCannotBeAskedSaysSo) {
    const auto checked = site_->unreachable().check(k_active);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Code::hypervisor_unavailable);
    const auto addresses = site_->unreachable().addresses(instance_, "52:54:00:00:00:01");
    ASSERT_FALSE(addresses);
    EXPECT_EQ(addresses.error().code, Code::hypervisor_unavailable);
}

TEST(LibvirtNetworks, SuggestsTheNearest) {
    TemporaryFolder folder;
    std::ofstream(folder / "node.xml") << "<node><network><name>default</name></network></node>";
    NullLog log;
    const auto libvirt = make_libvirt({"test://" + folder / "node.xml", AMIVIRT_DOMAIN_TEMPLATE, log});
    const auto checked = libvirt.networks->check(k_unknown);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().message, "network \"defualt\" not found: there is default");
    EXPECT_EQ(checked.error().hint, "did you mean \"default\"?");
}

INSTANTIATE_TEST_SUITE_P(All, GuestNetworksContract,
                         testing::Values(Maker{"Fake", [] { return std::make_unique<FakeSite>(); }},
                                         Maker{"TestDriver", [] { return std::make_unique<TestDriverSite>(); }}),
                         [](const auto& chosen) { return chosen.param.name; });

}  // namespace
}  // namespace amivirt::contract
