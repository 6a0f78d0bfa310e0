// Instances in the virtual network, and the rest of it: interfaces, addresses, routes, gateways, DHCP options, ACLs.
#include <regex>
#include <set>

#include "ec2_bench.hpp"

namespace amivirt::ec2 {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class Ec2Interfaces : public Ec2Api {
protected:
    std::string default_vpc() { return first("vpcId", ok("Action=DescribeVpcs&Filter.1.Name=is-default&Filter.1.Value.1=true")); }
    /// Of the zone.
    std::string subnet(const std::string& zone = "locala") {
        return first("subnetId", ok("Action=DescribeSubnets&Filter.1.Name=availability-zone&Filter.1.Value.1=" + zone));
    }
    std::string group(const std::string& name) {
        return first("groupId", ok("Action=CreateSecurityGroup&GroupDescription=d&GroupName=" + name));
    }
    std::string described(const std::string& id) { return ok("Action=DescribeInstances&InstanceId.1=" + id); }
    std::string launch_form(const std::string& more) {
        return "Action=RunInstances&InstanceType=t3.nano&MinCount=1&MaxCount=1&ImageId=" + image.id.str() + more;
    }
    std::string end(const std::string& id) {
        ok("Action=TerminateInstances&InstanceId.1=" + id);
        EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
        return described(id);
    }
};

TEST_F(Ec2Interfaces, InstanceIsInTheDefaultSubnet) {
    const auto launched = ok(launch_form(""));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    const auto id = first("instanceId", launched);
    EXPECT_THAT(launched, HasSubstr("<networkInterfaceSet><item>")) << "told at once";
    const auto body = described(id);
    EXPECT_EQ(first("vpcId", body), default_vpc());
    EXPECT_EQ(first("subnetId", body), subnet());
    EXPECT_EQ(first("privateIpAddress", body), "172.31.0.4");
    EXPECT_EQ(first("privateDnsName", body), "ip-172-31-0-4.local.compute.internal");
    EXPECT_EQ(first("sourceDestCheck", body), "true");
    EXPECT_EQ(first("groupName", std::string(body.substr(body.find("<groupSet><item>")))), "default");
    EXPECT_EQ(first("macAddress", body), rows(&CatalogSession::instances).front().mac_address);
    const auto interfaces = ok("Action=DescribeNetworkInterfaces&Filter.1.Name=attachment.instance-id&Filter.1.Value.1=" + id);
    EXPECT_EQ(first("status", std::string(interfaces.substr(interfaces.find("</attachment>")))), "in-use");
    EXPECT_EQ(first("availableIpAddressCount", ok("Action=DescribeSubnets&SubnetId.1=" + subnet())), "4090");
    EXPECT_EQ(code("Action=DeleteSubnet&SubnetId=" + subnet()), "DependencyViolation");
    EXPECT_THAT(end(id), HasSubstr("<networkInterfaceSet></networkInterfaceSet>"));
    EXPECT_THAT(ok("Action=DescribeNetworkInterfaces"), HasSubstr("<networkInterfaceSet></networkInterfaceSet>"));
}

TEST_F(Ec2Interfaces, InstancesOfTheCommandLineGetTheirs) {
    const auto id = launch("tiny", 2).front().id.str();
    EXPECT_EQ(first("privateIpAddress", described(id)), "172.31.0.4");
    EXPECT_THAT(every("instanceId", ok("Action=DescribeNetworkInterfaces")), SizeIs(2));
    EXPECT_EQ(first("privateIpAddress", described(id)), "172.31.0.4") << "the same one";
}

TEST_F(Ec2Interfaces, LaunchIntoASubnetAndGroups) {
    const auto web = group("web");
    const auto into = subnet("localb");
    const auto id = run("&SubnetId=" + into + "&SecurityGroupId.1=" + web + "&PrivateIpAddress=172.31.16.77");
    const auto body = described(id);
    EXPECT_EQ(first("subnetId", body), into);
    EXPECT_EQ(first("availabilityZone", body), "localb");
    EXPECT_EQ(first("privateIpAddress", body), "172.31.16.77");
    EXPECT_EQ(first("groupId", body), web);
    EXPECT_EQ(code("Action=DeleteSecurityGroup&GroupId=" + web), "DependencyViolation");
    EXPECT_EQ(code(launch_form("&SubnetId=" + into + "&PrivateIpAddress=172.31.16.77")), "InvalidIPAddress.InUse");
    const auto placed = run("&Placement.AvailabilityZone=localc&SecurityGroup.1=web");
    EXPECT_EQ(first("availabilityZone", described(placed)), "localc");
    const auto seed = files.seed(*InstanceId::parse(placed)).value();
    EXPECT_NE(seed.find("zone: localc\n"), std::string::npos) << "what the guest is told: " << seed;
    EXPECT_NE(seed.find("group: web\n"), std::string::npos) << seed;
    const auto found = [&](const std::string& filter, const std::string& value) {
        return every("instanceId", ok("Action=DescribeInstances&Filter.1.Name=" + filter + "&Filter.1.Value.1=" + value));
    };
    EXPECT_THAT(found("subnet-id", into), ElementsAre(id));
    EXPECT_THAT(found("private-ip-address", "172.31.16.*"), ElementsAre(id));
    EXPECT_THAT(found("network-interface.subnet-id", into), ElementsAre(id));
    EXPECT_THAT(found("network-interface.addresses.private-ip-address", "172.31.16.77"), ElementsAre(id));
    EXPECT_THAT(found("instance.group-id", web), SizeIs(2));
    EXPECT_THAT(found("vpc-id", "vpc-0"), IsEmpty());
    EXPECT_EQ(code("Action=DescribeInstances&Filter.1.Name=network-interface.colour&Filter.1.Value.1=x"), "InvalidParameterValue");
    ok("Action=ModifyInstanceAttribute&InstanceId=" + id + "&GroupId.1=" + group("db"));
    EXPECT_THAT(ok("Action=DescribeInstanceAttribute&Attribute=groupSet&InstanceId=" + id), HasSubstr("<groupName>db</groupName>"));
    EXPECT_EQ(code("Action=ModifyInstanceAttribute&InstanceId=" + id + "&GroupId.1=sg-0"), "InvalidGroup.NotFound");
}

TEST_F(Ec2Interfaces, LaunchWithInterfaces) {
    const auto web = group("web");
    const auto id =
        run("&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.AssociatePublicIpAddress=true&NetworkInterface.1.SubnetId=" + subnet() +
            "&NetworkInterface.1.SecurityGroupId.1=" + web + "&NetworkInterface.1.DeleteOnTermination=true");
    EXPECT_EQ(first("groupId", described(id)), web);
    const auto made = first("networkInterfaceId", ok("Action=CreateNetworkInterface&Description=mine&SubnetId=" + subnet("localc")));
    const auto second = run("&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.NetworkInterfaceId=" + made);
    EXPECT_EQ(first("networkInterfaceId", described(second)), made);
    EXPECT_EQ(first("availabilityZone", described(second)), "localc");
    EXPECT_EQ(code(launch_form("&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.NetworkInterfaceId=" + made)),
              "InvalidNetworkInterface.InUse");
    EXPECT_EQ(code("Action=DeleteNetworkInterface&NetworkInterfaceId=" + made), "InvalidNetworkInterface.InUse");
    end(second);
    EXPECT_EQ(first("status", ok("Action=DescribeNetworkInterfaces&NetworkInterfaceId.1=" + made)), "available") << "it was there before";
    ok("Action=DeleteNetworkInterface&NetworkInterfaceId=" + made);
}

TEST_F(Ec2Interfaces, BadLaunches) {
    const auto vpc = first("vpcId", ok("Action=CreateVpc&CidrBlock=10.0.0.0/16"));
    const auto foreign = first("subnetId", ok("Action=CreateSubnet&CidrBlock=10.0.0.0/28&VpcId=" + vpc));
    const auto web = group("web");
    EXPECT_EQ(code(launch_form("&SubnetId=subnet-0")), "InvalidSubnetID.NotFound");
    EXPECT_EQ(code(launch_form("&SecurityGroupId.1=sg-0")), "InvalidGroup.NotFound");
    EXPECT_EQ(code(launch_form("&SecurityGroup.1=nobody")), "InvalidGroup.NotFound");
    EXPECT_EQ(code(launch_form("&SecurityGroupId.1=" + web + "&SubnetId=" + foreign)), "InvalidParameter");
    EXPECT_EQ(code(launch_form("&SecurityGroup.1=web&SubnetId=" + foreign)), "InvalidParameterCombination");
    EXPECT_EQ(code(launch_form("&Placement.AvailabilityZone=localb&SubnetId=" + subnet())), "InvalidParameterValue");
    EXPECT_EQ(code(launch_form("&Placement.AvailabilityZone=locald")), "InvalidParameterValue");
    EXPECT_EQ(code(launch_form("&PrivateIpAddress=10.9.9.9")), "InvalidParameterValue");
    EXPECT_EQ(code(launch_form("&PrivateIpAddress=172.31.0.1")), "InvalidParameterValue");
    EXPECT_EQ(code(launch_form("&SubnetId=" + subnet() + "&NetworkInterface.1.DeviceIndex=0")), "InvalidParameterCombination");
    EXPECT_EQ(code(launch_form("&NetworkInterface.1.DeviceIndex=1")), "InvalidParameterValue");
    EXPECT_EQ(code(launch_form("&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.NetworkInterfaceId=eni-0")),
              "InvalidNetworkInterfaceID.NotFound");
    EXPECT_EQ(code(launch_form("&DryRun=true&SubnetId=subnet-0")), "InvalidSubnetID.NotFound");
    EXPECT_EQ(code(launch_form("&DryRun=true")), "DryRunOperation");
    EXPECT_EQ(code("Action=RunInstances&InstanceType=t3.nano&MinCount=20&MaxCount=20&SubnetId=" + foreign + "&ImageId=" + image.id.str()),
              "InsufficientFreeAddressesInSubnet");
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty()) << "nothing was launched";
}

TEST_F(Ec2Interfaces, ARepeatedLaunchIsTheSame) {
    const auto web = group("web");
    const std::string form = launch_form("&ClientToken=once&SecurityGroupId.1=" + web + "&PrivateIpAddress=172.31.0.9");
    const auto id = first("instanceId", ok(form));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    EXPECT_EQ(first("instanceId", ok(form)), id);
    EXPECT_EQ(code(launch_form("&ClientToken=once&SecurityGroupId.1=" + web)), "IdempotentParameterMismatch");
    EXPECT_THAT(every("networkInterfaceId", ok("Action=DescribeNetworkInterfaces")), SizeIs(1));
}

TEST_F(Ec2Interfaces, InterfacesAreAttachedAndDetached) {
    const auto id = run();
    const auto made =
        first("networkInterfaceId",
              ok("Action=CreateNetworkInterface&SubnetId=" + subnet() +
                 "&PrivateIpAddress=172.31.0.50&SecondaryPrivateIpAddressCount=1&"
                 "TagSpecification.1.ResourceType=network-interface&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v"));
    EXPECT_EQ(code("Action=CreateNetworkInterface&SubnetId=" + subnet() + "&PrivateIpAddress=172.31.0.50"), "InvalidIPAddress.InUse");
    const std::string attach = "Action=AttachNetworkInterface&InstanceId=" + id + "&NetworkInterfaceId=" + made + "&DeviceIndex=";
    EXPECT_EQ(code(attach + "0"), "InvalidParameterValue");
    const auto attachment = first("attachmentId", ok(attach + "1"));
    EXPECT_EQ(code(attach + "2"), "InvalidNetworkInterface.InUse");
    EXPECT_THAT(every("deviceIndex", described(id)), ElementsAre("0", "1"));
    ok("Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId=" + made + "&SourceDestCheck.Value=false");
    ok("Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId=" + made + "&Description.Value=new");
    ok("Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId=" + made + "&SecurityGroupId.1=" + group("web"));
    EXPECT_EQ(code("Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId=" + made), "InvalidParameterCombination");
    EXPECT_EQ(first("value", ok("Action=DescribeNetworkInterfaceAttribute&Attribute=sourceDestCheck&NetworkInterfaceId=" + made)), "false");
    EXPECT_EQ(first("value", ok("Action=DescribeNetworkInterfaceAttribute&Attribute=description&NetworkInterfaceId=" + made)), "new");
    const auto added =
        first("privateIpAddress", ok("Action=AssignPrivateIpAddresses&SecondaryPrivateIpAddressCount=1&NetworkInterfaceId=" + made));
    ok("Action=UnassignPrivateIpAddresses&PrivateIpAddress.1=" + added + "&NetworkInterfaceId=" + made);
    EXPECT_EQ(code("Action=UnassignPrivateIpAddresses&PrivateIpAddress.1=172.31.0.50&NetworkInterfaceId=" + made), "InvalidParameterValue");
    EXPECT_EQ(first("value", ok("Action=DescribeNetworkInterfaces&NetworkInterfaceId.1=" + made)), "v");
    ok("Action=DetachNetworkInterface&AttachmentId=" + attachment);
    EXPECT_EQ(code("Action=DetachNetworkInterface&AttachmentId=" + attachment), "InvalidAttachmentID.NotFound");
    EXPECT_EQ(code("Action=DetachNetworkInterface&AttachmentId=" + first("attachmentId", described(id))), "OperationNotPermitted");
    ok("Action=DeleteNetworkInterface&NetworkInterfaceId=" + made);
    EXPECT_EQ(code("Action=DescribeNetworkInterfaces&NetworkInterfaceId.1=" + made), "InvalidNetworkInterfaceID.NotFound");
}

TEST_F(Ec2Interfaces, ElasticAddresses) {
    const auto id = run();
    const auto one = ok("Action=AllocateAddress&Domain=vpc&TagSpecification.1.ResourceType=elastic-ip&TagSpecification.1.Tag.1.Key=k");
    const auto allocation = first("allocationId", one);
    const auto ip = first("publicIp", one);
    EXPECT_THAT(ip, ::testing::StartsWith("127."));
    EXPECT_THAT(ip, Not(::testing::StartsWith("127.0.")));
    const auto association = first("associationId", ok("Action=AssociateAddress&InstanceId=" + id + "&AllocationId=" + allocation));
    EXPECT_EQ(first("associationId", ok("Action=AssociateAddress&InstanceId=" + id + "&AllocationId=" + allocation)), association);
    const auto body = ok("Action=DescribeAddresses&Filter.1.Name=instance-id&Filter.1.Value.1=" + id);
    EXPECT_EQ(first("publicIp", body), ip);
    EXPECT_EQ(first("privateIpAddress", body), "172.31.0.4");
    EXPECT_EQ(first("publicIp", ok("Action=DescribeNetworkInterfaces")), ip);
    EXPECT_EQ(first("ipAddress", described(id)), ip) << "it leads there, before the instance's own";
    EXPECT_EQ(code("Action=ReleaseAddress&AllocationId=" + allocation), "InvalidIPAddress.InUse");
    const auto second = first("allocationId", ok("Action=AllocateAddress"));
    EXPECT_EQ(code("Action=AssociateAddress&AllowReassociation=false&InstanceId=" + id + "&AllocationId=" + second),
              "Resource.AlreadyAssociated");
    ok("Action=AssociateAddress&InstanceId=" + id + "&AllocationId=" + second);
    EXPECT_THAT(ok("Action=DescribeAddresses&AllocationId.1=" + allocation), Not(HasSubstr("associationId")));
    EXPECT_EQ(code("Action=DisassociateAddress&AssociationId=" + association), "InvalidAssociationID.NotFound");
    EXPECT_NE(first("ipAddress", described(id)), ip);
    end(id);
    EXPECT_THAT(ok("Action=DescribeAddresses&AllocationId.1=" + second), Not(HasSubstr("associationId"))) << "it went with the instance";
    ok("Action=ReleaseAddress&AllocationId=" + second);
    ok("Action=ReleaseAddress&PublicIp=" + ip);
    EXPECT_EQ(code("Action=ReleaseAddress&PublicIp=" + ip), "InvalidAddress.NotFound");
    EXPECT_EQ(code("Action=DescribeAddresses&AllocationId.1=" + second), "InvalidAllocationID.NotFound");
}

TEST_F(Ec2Interfaces, AttributesOfElasticAddresses) {
    const std::string ask = "Action=DescribeAddressesAttribute&Attribute=domain-name";
    EXPECT_EQ(first("nextToken", ok(ask)), "");
    const auto one = ok("Action=AllocateAddress");
    const auto allocation = first("allocationId", one);
    const auto other = first("allocationId", ok("Action=AllocateAddress"));
    const auto body = ok(ask + "&AllocationId.1=" + allocation);
    EXPECT_THAT(body, HasSubstr("<addressSet><item><publicIp>" + first("publicIp", one) + "</publicIp><allocationId>" + allocation +
                                "</allocationId></item></addressSet>"));
    const auto page = ok(ask + "&MaxResults=1");
    const auto token = first("nextToken", page);
    ASSERT_NE(token, "");
    const auto rest = ok(ask + "&MaxResults=1&NextToken=" + std::regex_replace(token, std::regex("="), "%3D"));
    EXPECT_THAT((std::vector{first("allocationId", page), first("allocationId", rest)}),
                ::testing::UnorderedElementsAre(allocation, other));
    EXPECT_EQ(first("nextToken", rest), "");
    EXPECT_EQ(code(ask + "&MaxResults=0"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=DescribeAddressesAttribute&Attribute=colour"), "InvalidParameterValue");
    EXPECT_EQ(code(ask + "&DryRun=true"), "DryRunOperation");
    EXPECT_EQ(code(ask + "&AllocationId.1=eipalloc-0123456789abcdef0"), "InvalidAllocationID.NotFound");
}

TEST_F(Ec2Interfaces, RoutesAndGateways) {
    const auto vpc = first("vpcId", ok("Action=CreateVpc&CidrBlock=10.0.0.0/16"));
    const auto its = first("subnetId", ok("Action=CreateSubnet&CidrBlock=10.0.0.0/24&VpcId=" + vpc));
    const auto main =
        ok("Action=DescribeRouteTables&Filter.1.Name=association.main&Filter.1.Value.1=true&Filter.2.Name=vpc-id&Filter.2.Value.1=" + vpc);
    EXPECT_EQ(first("gatewayId", main), "local");
    const auto gateway = first("internetGatewayId", ok("Action=CreateInternetGateway"));
    const auto table = first("routeTableId", ok("Action=CreateRouteTable&VpcId=" + vpc));
    const std::string route = "&RouteTableId=" + table + "&DestinationCidrBlock=0.0.0.0/0&GatewayId=" + gateway;
    EXPECT_EQ(code("Action=CreateRoute" + route), "InvalidParameterValue") << "not attached to this network";
    ok("Action=AttachInternetGateway&InternetGatewayId=" + gateway + "&VpcId=" + vpc);
    EXPECT_EQ(code("Action=AttachInternetGateway&InternetGatewayId=" + gateway + "&VpcId=" + vpc), "Resource.AlreadyAssociated");
    ok("Action=CreateRoute" + route);
    EXPECT_EQ(code("Action=CreateRoute" + route), "RouteAlreadyExists");
    ok("Action=ReplaceRoute" + route);
    EXPECT_EQ(code("Action=CreateRoute&DestinationCidrBlock=1.0.0.0/8&NatGatewayId=nat-0&RouteTableId=" + table), "UnsupportedOperation");
    EXPECT_EQ(code("Action=CreateRoute&GatewayId=igw-0&RouteTableId=" + table), "MissingParameter");
    EXPECT_EQ(code("Action=DeleteRoute&DestinationCidrBlock=10.0.0.0/16&RouteTableId=" + table), "InvalidParameterValue");
    const auto association = first("associationId", ok("Action=AssociateRouteTable&SubnetId=" + its + "&RouteTableId=" + table));
    EXPECT_EQ(code("Action=AssociateRouteTable&SubnetId=" + its + "&RouteTableId=" + first("routeTableId", main)),
              "Resource.AlreadyAssociated");
    EXPECT_EQ(code("Action=DeleteRouteTable&RouteTableId=" + table), "DependencyViolation");
    const auto moved = first("newAssociationId", ok("Action=ReplaceRouteTableAssociation&AssociationId=" + association +
                                                    "&RouteTableId=" + first("routeTableId", main)));
    ok("Action=DisassociateRouteTable&AssociationId=" + moved);
    EXPECT_EQ(code("Action=DisassociateRouteTable&AssociationId=" + moved), "InvalidAssociationID.NotFound");
    EXPECT_EQ(code("Action=DisassociateRouteTable&AssociationId=" + first("routeTableAssociationId", main)), "InvalidParameterValue");
    ok("Action=DeleteRoute&DestinationCidrBlock=0.0.0.0/0&RouteTableId=" + table);
    EXPECT_EQ(code("Action=DeleteRoute&DestinationCidrBlock=0.0.0.0/0&RouteTableId=" + table), "InvalidRoute.NotFound");
    ok("Action=DeleteRouteTable&RouteTableId=" + table);
    EXPECT_EQ(code("Action=DeleteInternetGateway&InternetGatewayId=" + gateway), "DependencyViolation");
    EXPECT_EQ(code("Action=DetachInternetGateway&InternetGatewayId=" + gateway + "&VpcId=" + default_vpc()), "Gateway.NotAttached");
    EXPECT_EQ(first("vpcId", ok("Action=DescribeInternetGateways&InternetGatewayId.1=" + gateway)), vpc);
    ok("Action=DetachInternetGateway&InternetGatewayId=" + gateway + "&VpcId=" + vpc);
    ok("Action=DeleteInternetGateway&InternetGatewayId=" + gateway);
    EXPECT_EQ(code("Action=DescribeInternetGateways&InternetGatewayId.1=" + gateway), "InvalidInternetGatewayID.NotFound");
}

TEST_F(Ec2Interfaces, DhcpOptionsOfAVpc) {
    const auto vpc = default_vpc();
    EXPECT_THAT(ok("Action=DescribeDhcpOptions"), HasSubstr("<key>domain-name-servers</key><valueSet><item><value>AmazonProvidedDNS"));
    const auto made =
        first("dhcpOptionsId", ok("Action=CreateDhcpOptions&DhcpConfiguration.1.Key=domain-name&DhcpConfiguration.1.Value.1=lab"));
    EXPECT_EQ(code("Action=CreateDhcpOptions&DhcpConfiguration.1.Key=colour&DhcpConfiguration.1.Value.1=red"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=CreateDhcpOptions"), "MissingParameter");
    ok("Action=AssociateDhcpOptions&DhcpOptionsId=" + made + "&VpcId=" + vpc);
    EXPECT_EQ(first("dhcpOptionsId", ok("Action=DescribeVpcs&VpcId.1=" + vpc)), made);
    EXPECT_EQ(code("Action=DeleteDhcpOptions&DhcpOptionsId=" + made), "DependencyViolation");
    ok("Action=AssociateDhcpOptions&DhcpOptionsId=default&VpcId=" + vpc);
    ok("Action=DeleteDhcpOptions&DhcpOptionsId=" + made);
    EXPECT_EQ(code("Action=AssociateDhcpOptions&DhcpOptionsId=" + made + "&VpcId=" + vpc), "InvalidDhcpOptionID.NotFound");
}

TEST_F(Ec2Interfaces, NetworkAcls) {
    const auto vpc = default_vpc();
    const auto standard = ok("Action=DescribeNetworkAcls&Filter.1.Name=default&Filter.1.Value.1=true");
    EXPECT_THAT(every("ruleNumber", standard), ElementsAre("100", "32767", "100", "32767"));
    EXPECT_THAT(every("subnetId", standard), SizeIs(3));
    const auto acl = first("networkAclId", ok("Action=CreateNetworkAcl&VpcId=" + vpc));
    const std::string entry = "&NetworkAclId=" + acl + "&Egress=false&RuleNumber=10&Protocol=6&RuleAction=allow&CidrBlock=0.0.0.0/0";
    EXPECT_EQ(code("Action=CreateNetworkAclEntry" + entry), "InvalidParameterValue") << "no ports";
    ok("Action=CreateNetworkAclEntry" + entry + "&PortRange.From=22&PortRange.To=22");
    EXPECT_EQ(code("Action=CreateNetworkAclEntry" + entry + "&PortRange.From=22&PortRange.To=22"), "NetworkAclEntryAlreadyExists");
    ok("Action=ReplaceNetworkAclEntry" + entry + "&PortRange.From=80&PortRange.To=81");
    EXPECT_THAT(ok("Action=DescribeNetworkAcls&NetworkAclId.1=" + acl), HasSubstr("<portRange><from>80</from><to>81</to></portRange>"));
    const auto moved = first("newAssociationId", ok("Action=ReplaceNetworkAclAssociation&NetworkAclId=" + acl +
                                                    "&AssociationId=" + first("networkAclAssociationId", standard)));
    EXPECT_EQ(code("Action=DeleteNetworkAcl&NetworkAclId=" + acl), "DependencyViolation");
    ok("Action=ReplaceNetworkAclAssociation&AssociationId=" + moved + "&NetworkAclId=" + first("networkAclId", standard));
    ok("Action=DeleteNetworkAclEntry&Egress=false&RuleNumber=10&NetworkAclId=" + acl);
    EXPECT_EQ(code("Action=DeleteNetworkAclEntry&Egress=false&RuleNumber=10&NetworkAclId=" + acl), "InvalidNetworkAclEntry.NotFound");
    ok("Action=DeleteNetworkAcl&NetworkAclId=" + acl);
    EXPECT_EQ(code("Action=DeleteNetworkAcl&NetworkAclId=" + first("networkAclId", standard)), "InvalidParameterValue");
}

TEST_F(Ec2Interfaces, ZonesOfVolumes) {
    const auto here = run();
    const auto there = run("&Placement.AvailabilityZone=localb");
    const auto volume = first("volumeId", ok("Action=CreateVolume&Size=1&AvailabilityZone=localb"));
    EXPECT_EQ(first("availabilityZone", ok("Action=DescribeVolumes&VolumeId.1=" + volume)), "localb");
    EXPECT_EQ(code("Action=AttachVolume&Device=/dev/sdf&VolumeId=" + volume + "&InstanceId=" + here), "InvalidVolume.ZoneMismatch");
    ok("Action=AttachVolume&Device=/dev/sdf&VolumeId=" + volume + "&InstanceId=" + there);
    EXPECT_THAT(every("availabilityZone", ok("Action=DescribeVolumes&Filter.1.Name=attachment.instance-id&Filter.1.Value.1=" + there)),
                ElementsAre("localb", "localb"));
    const auto in_zone = [&](const std::string& pattern) {
        const auto found = every("volumeId", ok("Action=DescribeVolumes&Filter.1.Name=availability-zone&Filter.1.Value.1=" + pattern));
        return std::set<std::string>(found.begin(), found.end());  // an attachment says it once more
    };
    EXPECT_THAT(in_zone("localb"), Contains(volume));
    EXPECT_THAT(in_zone("locala"), AllOf(Not(IsEmpty()), Not(Contains(volume))));
    EXPECT_EQ(in_zone("local?").size(), rows(&CatalogSession::volumes).size());
    EXPECT_THAT(in_zone("localc"), IsEmpty());
    EXPECT_EQ(code("Action=CreateVolume&Size=1&AvailabilityZone=locald"), "InvalidParameterValue");
}

TEST_F(Ec2Interfaces, TheDefaultVpcCanGoAndComeBack) {
    const auto vpc = default_vpc();
    EXPECT_EQ(code("Action=DeleteVpc&VpcId=" + vpc), "DependencyViolation");
    for (const auto& each : every("subnetId", ok("Action=DescribeSubnets"))) {
        ok("Action=DeleteSubnet&SubnetId=" + each);
    }
    const auto gateway = first("internetGatewayId", ok("Action=DescribeInternetGateways"));
    ok("Action=DetachInternetGateway&InternetGatewayId=" + gateway + "&VpcId=" + vpc);
    ok("Action=DeleteInternetGateway&InternetGatewayId=" + gateway);
    ok("Action=DeleteVpc&VpcId=" + vpc);
    EXPECT_THAT(ok("Action=DescribeVpcs"), HasSubstr("<vpcSet></vpcSet>")) << "it is not made again by itself";
    EXPECT_EQ(code(launch_form("")), "VPCIdNotSpecified");
    const auto id = launch("tiny").front().id.str();
    EXPECT_THAT(described(id), HasSubstr("<networkInterfaceSet></networkInterfaceSet>"));
    ok("Action=CreateDefaultVpc");
    EXPECT_THAT(described(id), Not(HasSubstr("<networkInterfaceSet></networkInterfaceSet>")));
    EXPECT_EQ(code("Action=CreateDefaultSubnet&AvailabilityZone=locala"), "DefaultSubnetAlreadyExistsInAvailabilityZone");
}

}  // namespace
}  // namespace amivirt::ec2
