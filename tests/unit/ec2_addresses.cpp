// Public addresses in the API.
#include "ec2_bench.hpp"

namespace amivirt::ec2 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

TEST_F(Ec2Api, TellsWhereAnInstanceIsReached) {
    const auto id = run();
    const auto body = ok("Action=DescribeInstances&InstanceId.1=" + id);
    const auto address = first("ipAddress", body);
    EXPECT_THAT(address, StartsWith("127."));
    EXPECT_NE(address, "127.0.0.1");
    EXPECT_EQ(first("dnsName", body), address);
    ASSERT_THAT(forwarder.open_ones(), SizeIs(1));
    EXPECT_EQ(forwarder.open_ones().front().address, address);
    const auto another = run();
    const auto found = [&](const std::string& filter, const std::string& value) {
        return every("instanceId", ok("Action=DescribeInstances&Filter.1.Name=" + filter + "&Filter.1.Value.1=" + value));
    };
    EXPECT_THAT(found("ip-address", address), ElementsAre(id));
    EXPECT_THAT(found("dns-name", address), ElementsAre(id));
    EXPECT_THAT(found("ip-address", "127.*"), ElementsAre(id, another));
    EXPECT_THAT(found("ip-address", "10.*"), IsEmpty());
    EXPECT_THAT(every("instanceId", ok("Action=DescribeInstances&Filter.1.Name=ip-address")), IsEmpty());
    ok("Action=TerminateInstances&InstanceId.1=" + id);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    EXPECT_THAT(every("ipAddress", ok("Action=DescribeInstances&InstanceId.1=" + id)), IsEmpty());
    EXPECT_THAT(forwarder.open_ones(), SizeIs(1));
    api().leave();
    EXPECT_THAT(forwarder.open_ones(), IsEmpty());
}

TEST_F(Ec2Api, WithoutAnAddressItIsThisHosts) {
    *host_ports.lock() = fakes::FakeHostPorts{{}, {22, 2222}, 0};
    const auto body = ok("Action=DescribeInstances&InstanceId.1=" + run());
    EXPECT_EQ(first("ipAddress", body), "127.0.0.1");
    EXPECT_EQ(first("dnsName", body), "127.0.0.1");
}

TEST_F(Ec2Api, AnElasticAddressLeadsToItsInstance) {
    const auto id = run();
    const auto own = first("ipAddress", ok("Action=DescribeInstances"));
    const auto given = ok("Action=AllocateAddress");
    const auto elastic = first("publicIp", given);
    EXPECT_THAT(elastic, StartsWith("127."));
    EXPECT_NE(elastic, own);
    const auto listens = [&] {
        std::vector<std::string> all;
        for (const auto& each : forwarder.open_ones()) {
            all.push_back(each.address);
        }
        return all;
    };
    EXPECT_THAT(listens(), ElementsAre(own));
    const auto association = first("associationId", ok("Action=AssociateAddress&InstanceId=" + id + "&PublicIp=" + elastic));
    EXPECT_THAT(listens(), UnorderedElementsAre(own, elastic));
    EXPECT_EQ(first("ipAddress", ok("Action=DescribeInstances")), elastic);
    ok("Action=DisassociateAddress&AssociationId=" + association);
    EXPECT_THAT(listens(), ElementsAre(own));
    EXPECT_EQ(first("ipAddress", ok("Action=DescribeInstances")), own);
    ok("Action=AssociateAddress&InstanceId=" + id + "&PublicIp=" + elastic);
    ok("Action=TerminateInstances&InstanceId.1=" + id);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    ok("Action=DescribeAddresses");
    api().tidy();
    EXPECT_THAT(listens(), IsEmpty());
    ok("Action=ReleaseAddress&PublicIp=" + elastic);
    EXPECT_NE(first("publicIp", ok("Action=AllocateAddress")), "");
}

}  // namespace
}  // namespace amivirt::ec2
