// Public addresses: given out, listened for, given back.
#include "amivirt/services/public_addresses.hpp"
#include "fakes/fake_port_forwarder.hpp"
#include "services_bench.hpp"

namespace amivirt {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class PublicAddressesTest : public testing::Bench {
protected:
    PublicAddressesTest() { types.add({"m1.small", 1, MiB{1740}, 1, GiB{160}}); }

    Sync<fakes::FakeHostPorts> host_ports;
    fakes::FakePortForwarder forwarder{host_ports};
    PublicAddresses addresses{{catalog, liveness, forwarder, clock, log}};
    Image image = import("tiny");

    std::map<InstanceId, std::string> look(PublicAddresses& server) {
        const auto all = rows(&CatalogSession::instances);
        std::vector<const Instance*> seen;
        std::transform(all.begin(), all.end(), std::back_inserter(seen), [](const Instance& each) { return &each; });
        auto told = server.of(seen);
        EXPECT_TRUE(told) << describe(told.error());
        return told.value_or(std::map<InstanceId, std::string>());
    }
    std::map<InstanceId, std::string> look() { return look(addresses); }
    std::vector<LoopbackAddress> given() {
        std::vector<LoopbackAddress> all;
        EXPECT_TRUE(catalog.read([&](CatalogSession& session) -> Result<void> {
            all = AMIVIRT_TRY(loopback_addresses(session));
            return {};
        }));
        return all;
    }
    Instance row(const InstanceId& id) {
        for (auto& each : rows(&CatalogSession::instances)) {
            if (each.id == id) {
                return each;
            }
        }
        ADD_FAILURE() << id.str();
        return {};
    }
    std::uint16_t ssh_port(const InstanceId& id) { return ssh_forward(row(id))->host_port; }
    std::size_t warnings() const {
        const auto lines = log.lines();
        return static_cast<std::size_t>(
            std::count_if(lines.begin(), lines.end(), [](const auto& line) { return line.level == LogLevel::warning; }));
    }
};

TEST_F(PublicAddressesTest, OneForEachRunningInstance) {
    EXPECT_THAT(look(), IsEmpty());
    EXPECT_THAT(liveness.locks(), IsEmpty()) << "nothing is held for nothing";
    const auto launched = launch("tiny", 3);
    const auto told = look();
    ASSERT_THAT(told, SizeIs(3));
    std::set<std::string> different;
    for (const auto& [id, address] : told) {
        different.insert(address);
        EXPECT_THAT(address, StartsWith("127."));
        EXPECT_THAT(address, Not(StartsWith("127.0.")));
        EXPECT_THAT(forwarder.open_ones(), Contains(TcpForward{address, 22, "127.0.0.1", ssh_port(id)}));
    }
    EXPECT_THAT(different, SizeIs(3));
    EXPECT_THAT(forwarder.open_ones(), SizeIs(3));
    EXPECT_EQ(look(), told);
    addresses.close();
    EXPECT_THAT(forwarder.open_ones(), IsEmpty());
    EXPECT_THAT(liveness.locks(), IsEmpty());
    // Another server, or the same one started again: the same addresses.
    PublicAddresses next{{catalog, liveness, forwarder, clock, log}};
    ASSERT_TRUE(next.tidy());
    EXPECT_THAT(forwarder.open_ones(), SizeIs(3));
    EXPECT_EQ(look(next), told);
    EXPECT_EQ(warnings(), 0U);
}

TEST_F(PublicAddressesTest, ComeAndGoWithTheInstance) {
    const auto id = launch("tiny").front().id;
    const auto address = look().at(id);
    ASSERT_TRUE(instances.stop(me, id.str(), Duration(0), Force::yes));
    EXPECT_THAT(look(), IsEmpty());
    EXPECT_THAT(forwarder.open_ones(), IsEmpty());
    ASSERT_TRUE(instances.start(me, id.str(), AcceleratorRequest::automatic, progress));
    EXPECT_EQ(look().at(id), address);
    ASSERT_TRUE(instances.terminate(me, id.str()));
    EXPECT_THAT(look(), IsEmpty());
    EXPECT_THAT(forwarder.open_ones(), IsEmpty());
    EXPECT_THAT(given(), IsEmpty());
}

TEST_F(PublicAddressesTest, TidyNoticesWhatOthersDid) {
    const auto id = launch("tiny").front().id;
    ASSERT_TRUE(addresses.tidy());
    ASSERT_THAT(forwarder.open_ones(), SizeIs(1));
    ASSERT_TRUE(instances.terminate(me, id.str()));
    ASSERT_TRUE(addresses.tidy());
    EXPECT_THAT(forwarder.open_ones(), IsEmpty());
    EXPECT_THAT(given(), IsEmpty());
}

TEST_F(PublicAddressesTest, OtherPortsUnderTheirOwnNumbers) {
    RunRequest request;
    request.image = "tiny";
    request.type = "t3.nano";
    request.ports = {{"127.0.0.1", 0, 80, "tcp"}, {"127.0.0.1", 0, 53, "udp"}};
    const auto launched = instances.run(me, request, progress);
    ASSERT_TRUE(launched) << describe(launched.error());
    const auto address = look().at(launched->front().id);
    ASSERT_THAT(forwarder.open_ones(), SizeIs(2));
    EXPECT_EQ(forwarder.open_ones().back().port, 80);
    // A forward that changed is followed.
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
        auto instance = *AMIVIRT_TRY(session.instances().find(launched->front().id));
        for (auto& port : instance.ports) {
            port.host_port = static_cast<std::uint16_t>(port.host_port + 1000);
        }
        return session.instances().update(instance);
    }));
    EXPECT_EQ(look().at(launched->front().id), address);
    EXPECT_THAT(forwarder.open_ones(), Contains(TcpForward{address, 22, "127.0.0.1", ssh_port(launched->front().id)}));
    EXPECT_THAT(forwarder.open_ones(), SizeIs(2));
}

TEST_F(PublicAddressesTest, TwoServersOfOneStore) {
    const auto id = launch("tiny").front().id;
    const auto address = look().at(id);
    fakes::FakePortForwarder second_forwarder{host_ports};
    PublicAddresses second{{catalog, liveness, second_forwarder, clock, log}};
    EXPECT_EQ(look(second).at(id), address);
    EXPECT_THAT(second_forwarder.open_ones(), IsEmpty());
    ASSERT_TRUE(second.tidy());
    EXPECT_THAT(second_forwarder.open_ones(), IsEmpty());
    addresses.close();
    EXPECT_EQ(look(second).at(id), address);
    EXPECT_THAT(second_forwarder.open_ones(), SizeIs(1));
    EXPECT_EQ(warnings(), 0U);
}

TEST_F(PublicAddressesTest, AnAddressThatAnotherStoreHasIsLeftToIt) {
    const auto id = launch("tiny").front().id;
    const auto address = look().at(id);
    addresses.close();
    host_ports.lock()->taken.emplace(address, 22);
    const auto instead = look().at(id);
    EXPECT_NE(instead, address);
    EXPECT_THAT(forwarder.open_ones(), Contains(TcpForward{instead, 22, "127.0.0.1", ssh_port(id)}));
    EXPECT_THAT(given(), SizeIs(1));
}

TEST_F(PublicAddressesTest, WithoutPort22AnotherOne) {
    for (const bool denied : {true, false}) {
        addresses.close();
        PublicAddresses server{{catalog, liveness, forwarder, clock, log}};
        *host_ports.lock() = denied ? fakes::FakeHostPorts{{}, {}, 1024} : fakes::FakeHostPorts{{}, {22}, 0};
        launch("tiny", 2);
        const auto before = warnings();
        const auto told = look(server);
        EXPECT_EQ(told.size(), rows(&CatalogSession::instances).size());
        for (const auto& [id, address] : told) {
            EXPECT_THAT(forwarder.open_ones(), Contains(TcpForward{address, 2222, "127.0.0.1", ssh_port(id)}));
        }
        EXPECT_EQ(look(server), told);
        EXPECT_EQ(warnings(), before + 1) << "said once";
        server.close();
    }
}

TEST_F(PublicAddressesTest, NoneIsToldThatDoesNotAnswer) {
    *host_ports.lock() = fakes::FakeHostPorts{{}, {}, 9999};
    const auto id = launch("tiny").front().id;
    EXPECT_THAT(look(), IsEmpty());
    EXPECT_THAT(look(), IsEmpty());
    EXPECT_THAT(forwarder.open_ones(), IsEmpty());
    EXPECT_EQ(warnings(), 2U);
    fakes::FakePortForwarder second_forwarder{host_ports};
    PublicAddresses second{{catalog, liveness, second_forwarder, clock, log}};
    EXPECT_THAT(look(second), IsEmpty());
    EXPECT_EQ(given().front().holder, id.str());
}

TEST_F(PublicAddressesTest, AnElasticOneGoesFirst) {
    const auto id = launch("tiny").front().id;
    const auto own = look().at(id);
    std::string elastic;
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
        elastic = AMIVIRT_TRY(claim_loopback_address(session, catalog.store_id(), "eipalloc-1", me.str(), clock.now())).address;
        EXPECT_FALSE(lead_loopback_address(session, "127.9.9.9", id.str()));
        return lead_loopback_address(session, elastic, id.str());
    }));
    ASSERT_TRUE(addresses.tidy());
    EXPECT_EQ(look().at(id), elastic);
    EXPECT_THAT(forwarder.open_ones(), SizeIs(2));
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return lead_loopback_address(session, elastic, ""); }));
    ASSERT_TRUE(addresses.tidy());
    EXPECT_EQ(look().at(id), own);
    ASSERT_TRUE(instances.terminate(me, id.str()));
    ASSERT_TRUE(addresses.tidy());
    ASSERT_THAT(given(), SizeIs(1)) << "it stays until it is released";
    EXPECT_EQ(given().front().holder, "eipalloc-1");
}

TEST_F(PublicAddressesTest, ClaimsNoneTwice) {
    std::set<std::string> different;
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
        for (int i = 0; i < 500; ++i) {
            const auto claimed =
                AMIVIRT_TRY(claim_loopback_address(session, catalog.store_id(), fmt::format("eipalloc-{}", i), me.str(), clock.now()));
            different.insert(claimed.address);
        }
        AMIVIRT_TRY(release_loopback_address(session, *different.begin()));
        return release_loopback_address(session, *different.begin());
    }));
    EXPECT_EQ(different.size(), 500U);
    EXPECT_THAT(different, Each(StartsWith("127.")));
    EXPECT_THAT(given(), SizeIs(499));
}

}  // namespace
}  // namespace amivirt
