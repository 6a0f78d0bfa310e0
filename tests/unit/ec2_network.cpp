// The virtual network by the API, on the fake catalog.
#include "ec2_bench.hpp"

namespace amivirt::ec2 {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class Ec2Network : public Ec2Api {
protected:
    std::string default_vpc() { return first("vpcId", ok("Action=DescribeVpcs&Filter.1.Name=is-default&Filter.1.Value.1=true")); }
    std::string group(const std::string& name = "web", const std::string& more = "") {
        return first("groupId", ok("Action=CreateSecurityGroup&GroupDescription=d&GroupName=" + name + more));
    }
    static std::string ssh_from(const std::string& cidr) {
        return "&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=" +
               cidr;
    }
    std::string message(const std::string& form) { return first("Message", post(form).body); }
};

TEST_F(Ec2Network, HasADefaultVpcFromTheFirstLookOn) {
    const auto body = ok("Action=DescribeVpcs");
    EXPECT_EQ(every("cidrBlock", body).front(), "172.31.0.0/16");
    EXPECT_EQ(first("isDefault", body), "true");
    EXPECT_THAT(every("vpcId", ok("Action=DescribeVpcs")), SizeIs(1)) << "made once";
    const auto vpc = first("vpcId", body);
    const auto subnets =
        ok("Action=DescribeSubnets&Filter.1.Name=vpc-id&Filter.1.Value.1=" + vpc + "&Filter.2.Name=default-for-az&Filter.2.Value.1=true");
    EXPECT_THAT(every("cidrBlock", subnets), ElementsAre("172.31.0.0/20", "172.31.16.0/20", "172.31.32.0/20"));
    EXPECT_THAT(every("availabilityZone", subnets), ElementsAre("locala", "localb", "localc"));
    EXPECT_THAT(every("mapPublicIpOnLaunch", subnets), ElementsAre("true", "true", "true"));
    EXPECT_EQ(first("availableIpAddressCount", subnets), "4091");
    const auto groups = ok("Action=DescribeSecurityGroups");
    EXPECT_THAT(every("groupName", groups), ElementsAre("default"));
    EXPECT_THAT(groups, HasSubstr("<ipPermissions><item><ipProtocol>-1</ipProtocol><groups><item><userId>" + me.str()));
    EXPECT_THAT(groups, HasSubstr("<cidrIp>0.0.0.0/0</cidrIp>"));
    EXPECT_EQ(first("value", ok("Action=DescribeVpcAttribute&Attribute=enableDnsHostnames&VpcId=" + vpc)), "true");
    EXPECT_THAT(ok("Action=DescribeAccountAttributes&AttributeName.1=default-vpc"), HasSubstr("<attributeValue>" + vpc));
    EXPECT_THAT(every("zoneName", ok("Action=DescribeAvailabilityZones")), ElementsAre("locala", "localb", "localc"));
}

TEST_F(Ec2Network, FiltersIdsAndPages) {
    const auto vpc = default_vpc();
    EXPECT_THAT(every("vpcId", ok("Action=DescribeVpcs&Filter.1.Name=cidr&Filter.1.Value.1=172.*")), ElementsAre(vpc));
    EXPECT_THAT(ok("Action=DescribeVpcs&Filter.1.Name=cidr&Filter.1.Value.1=10.*"), HasSubstr("<vpcSet></vpcSet>"));
    EXPECT_EQ(code("Action=DescribeVpcs&Filter.1.Name=colour&Filter.1.Value.1=red"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=DescribeVpcs&VpcId.1=vpc-0123"), "InvalidVpcID.NotFound");
    EXPECT_EQ(code("Action=DescribeVpcs&VpcId.1=subnet-0123"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=DescribeSubnets&SubnetId.1=subnet-0123"), "InvalidSubnetID.NotFound");
    EXPECT_EQ(code("Action=DescribeSecurityGroups&GroupId.1=sg-0123"), "InvalidGroup.NotFound");
    EXPECT_EQ(code("Action=DescribeSecurityGroups&GroupId.1=web"), "InvalidGroupId.Malformed");
    EXPECT_EQ(code("Action=DescribeSecurityGroups&GroupName.1=web"), "InvalidGroup.NotFound");
    EXPECT_EQ(code("Action=DescribeSubnets&MaxResults=4"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=DescribeVpcs&DryRun=true"), "DryRunOperation");
    std::vector<std::string> made;
    for (int i = 0; i < 6; ++i) {
        made.push_back(group("g" + std::to_string(i)));
    }
    const auto page = ok("Action=DescribeSecurityGroups&MaxResults=5");
    EXPECT_THAT(every("groupName", page), ElementsAre("default", "g0", "g1", "g2", "g3"));
    const auto rest = ok("Action=DescribeSecurityGroups&NextToken=" + std::regex_replace(first("nextToken", page), std::regex("="), "%3D"));
    EXPECT_THAT(every("groupName", rest), ElementsAre("g4", "g5"));
}

TEST_F(Ec2Network, AccountsHaveNetworksOfTheirOwn) {
    authenticate = true;
    const auto mine = accounts.create("mine", me);
    const auto theirs = accounts.create("other", other);
    ASSERT_TRUE(mine && theirs);
    const std::string form = "Action=DescribeVpcs&Version=2016-11-15";
    const auto first_vpc = first("vpcId", api().handle(signed_form(form, mine->key)).body);
    const auto second_vpc = first("vpcId", api().handle(signed_form(form, theirs->key)).body);
    EXPECT_NE(first_vpc, second_vpc);
    EXPECT_EQ(first("Code", api().handle(signed_form(form + "&VpcId.1=" + first_vpc, theirs->key)).body), "InvalidVpcID.NotFound");
}

TEST_F(Ec2Network, SecurityGroupAndItsRules) {
    const auto id =
        group("web", "&TagSpecification.1.ResourceType=security-group&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v");
    EXPECT_EQ(first("value", ok("Action=DescribeSecurityGroups&GroupName.1=web")), "v");
    EXPECT_EQ(code("Action=CreateSecurityGroup&GroupDescription=d&GroupName=web"), "InvalidGroup.Duplicate");
    EXPECT_EQ(code("Action=CreateSecurityGroup&GroupDescription=d&GroupName=default"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=CreateSecurityGroup&GroupDescription=d&GroupName=sg-x"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=CreateSecurityGroup&GroupDescription=%3Cd%3E&GroupName=x"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=CreateSecurityGroup&GroupDescription=d&GroupName=x&VpcId=vpc-0"), "InvalidVpcID.NotFound");
    EXPECT_EQ(code("Action=CreateSecurityGroup&GroupName=x"), "MissingParameter");

    const auto added = ok("Action=AuthorizeSecurityGroupIngress&GroupId=" + id + ssh_from("10.1.2.3/8"));
    EXPECT_THAT(added, HasSubstr("<return>true</return>"));
    EXPECT_EQ(first("cidrIpv4", added), "10.0.0.0/8") << "in its canonical form";
    EXPECT_EQ(code("Action=AuthorizeSecurityGroupIngress&GroupId=" + id + ssh_from("10.0.0.0/8")), "InvalidPermission.Duplicate");
    EXPECT_THAT(message("Action=AuthorizeSecurityGroupIngress&GroupId=" + id + ssh_from("10.0.0.0/8")),
                HasSubstr("peer: 10.0.0.0/8, TCP, from port: 22, to port: 22, ALLOW"));
    // The old flat form, by name.
    ok("Action=AuthorizeSecurityGroupIngress&GroupName=web&IpProtocol=tcp&FromPort=80&ToPort=81&CidrIp=0.0.0.0/0");
    ok("Action=AuthorizeSecurityGroupIngress&GroupId=" + id +
       "&IpPermissions.1.IpProtocol=icmp&IpPermissions.1.FromPort=-1&IpPermissions.1.ToPort=-1&"
       "IpPermissions.1.Groups.1.GroupName=web&IpPermissions.2.IpProtocol=17&IpPermissions.2.FromPort=53&IpPermissions.2.ToPort=53&"
       "IpPermissions.2.Ipv6Ranges.1.CidrIpv6=%3A%3A/0&IpPermissions.2.Ipv6Ranges.1.Description=all");
    const auto body = ok("Action=DescribeSecurityGroups&Filter.1.Name=ip-permission.to-port&Filter.1.Value.1=81");
    EXPECT_THAT(every("groupId", body), Contains(id));
    EXPECT_THAT(body, HasSubstr("<ipProtocol>udp</ipProtocol><fromPort>53</fromPort>"));
    EXPECT_THAT(body, HasSubstr("<cidrIpv6>::/0</cidrIpv6><description>all</description>"));
    EXPECT_THAT(body, HasSubstr("<ipProtocol>icmp</ipProtocol><fromPort>-1</fromPort>"));
    // By id of a rule, and by what it lets through.
    const auto rules = ok("Action=DescribeSecurityGroupRules&Filter.1.Name=group-id&Filter.1.Value.1=" + id);
    EXPECT_THAT(every("securityGroupRuleId", rules), SizeIs(5));
    const auto rule = first("securityGroupRuleId", added);
    ok("Action=UpdateSecurityGroupRuleDescriptionsIngress&GroupId=" + id + ssh_from("10.0.0.0/8") +
       "&IpPermissions.1.IpRanges.1.Description=new");
    EXPECT_EQ(first("description", ok("Action=DescribeSecurityGroupRules&SecurityGroupRuleId.1=" + rule)), "new");
    ok("Action=ModifySecurityGroupRules&GroupId=" + id + "&SecurityGroupRule.1.SecurityGroupRuleId=" + rule +
       "&SecurityGroupRule.1.SecurityGroupRule.IpProtocol=tcp&SecurityGroupRule.1.SecurityGroupRule.FromPort=2222&"
       "SecurityGroupRule.1.SecurityGroupRule.ToPort=2222&SecurityGroupRule.1.SecurityGroupRule.CidrIpv4=10.0.0.0/8");
    EXPECT_EQ(first("fromPort", ok("Action=DescribeSecurityGroupRules&SecurityGroupRuleId.1=" + rule)), "2222");
    EXPECT_EQ(code("Action=RevokeSecurityGroupIngress&GroupId=" + id + ssh_from("10.0.0.0/8")), "InvalidPermission.NotFound");
    ok("Action=RevokeSecurityGroupIngress&GroupId=" + id + "&SecurityGroupRuleId.1=" + rule);
    EXPECT_EQ(code("Action=RevokeSecurityGroupIngress&GroupId=" + id + "&SecurityGroupRuleId.1=" + rule),
              "InvalidSecurityGroupRuleId.NotFound");
    ok("Action=RevokeSecurityGroupIngress&GroupName=web&IpProtocol=tcp&FromPort=80&ToPort=81&CidrIp=0.0.0.0/0");
    ok("Action=RevokeSecurityGroupEgress&GroupId=" + id + "&IpPermissions.1.IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0");
    ok("Action=AuthorizeSecurityGroupEgress&GroupId=" + id + ssh_from("10.0.0.0/8"));
    EXPECT_THAT(ok("Action=DeleteSecurityGroup&GroupName=web"), HasSubstr("<return>true</return>"));
    EXPECT_EQ(code("Action=DeleteSecurityGroup&GroupId=" + id), "InvalidGroup.NotFound");
}

TEST_F(Ec2Network, BadRules) {
    const std::string to = "Action=AuthorizeSecurityGroupIngress&GroupId=" + group();
    EXPECT_EQ(code(to), "MissingParameter");
    EXPECT_EQ(code(to + ssh_from("10.0.0.0/33")), "InvalidParameterValue");
    EXPECT_EQ(code(to + ssh_from("10.0.0.0")), "InvalidParameterValue");
    EXPECT_EQ(code(to + "&IpProtocol=tcpp&CidrIp=0.0.0.0/0"), "InvalidParameterValue");
    EXPECT_EQ(code(to + "&IpProtocol=tcp&CidrIp=0.0.0.0/0"), "InvalidParameterValue");
    EXPECT_EQ(code(to + "&IpProtocol=tcp&FromPort=2&ToPort=1&CidrIp=0.0.0.0/0"), "InvalidParameterValue");
    EXPECT_EQ(code(to + "&IpProtocol=tcp&FromPort=1&ToPort=65536&CidrIp=0.0.0.0/0"), "InvalidParameterValue");
    EXPECT_EQ(code(to + "&IpProtocol=tcp&FromPort=x&ToPort=1&CidrIp=0.0.0.0/0"), "InvalidParameterValue");
    EXPECT_EQ(code(to + "&IpProtocol=tcp&FromPort=1&ToPort=1"), "InvalidPermission.Malformed");
    EXPECT_EQ(code(to + "&IpProtocol=tcp&FromPort=1&ToPort=1&SourceSecurityGroupName=nobody"), "InvalidGroup.NotFound");
    EXPECT_EQ(code(to + "&IpProtocol=tcp&FromPort=1&ToPort=1&CidrIp=0.0.0.0/0" + ssh_from("0.0.0.0/0")), "InvalidParameterCombination");
    EXPECT_EQ(code("Action=AuthorizeSecurityGroupIngress" + ssh_from("0.0.0.0/0")), "MissingParameter");
    EXPECT_EQ(code(to + "&Colour=red" + ssh_from("0.0.0.0/0")), "UnknownParameter");
    // All or none.
    EXPECT_EQ(code(to + ssh_from("10.0.0.0/8") + "&IpPermissions.1.IpRanges.2.CidrIp=10.0.0.0/8"), "InvalidPermission.Duplicate");
    std::string many;
    for (int i = 1; i <= 61; ++i) {
        many += fmt::format("&IpPermissions.1.IpRanges.{0}.CidrIp=10.0.{0}.0/24", i);
    }
    EXPECT_EQ(code(to + "&IpPermissions.1.IpProtocol=-1" + many), "RulesPerSecurityGroupLimitExceeded");
    EXPECT_THAT(ok("Action=DescribeSecurityGroups&GroupName.1=web"), HasSubstr("<ipPermissions></ipPermissions>"));
}

TEST_F(Ec2Network, GroupsInUseStay) {
    const auto web = group();
    const auto db = group("db");
    ok("Action=AuthorizeSecurityGroupIngress&GroupId=" + db +
       "&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=1&IpPermissions.1.ToPort=2&IpPermissions.1.Groups.1.GroupId=" + web);
    EXPECT_EQ(code("Action=DeleteSecurityGroup&GroupId=" + web), "DependencyViolation");
    ok("Action=DeleteSecurityGroup&GroupId=" + db);
    ok("Action=DeleteSecurityGroup&GroupId=" + web);
    EXPECT_EQ(code("Action=DeleteSecurityGroup&GroupName=default"), "CannotDelete");
}

TEST_F(Ec2Network, VpcsAndSubnets) {
    const auto vpc = first("vpcId", ok("Action=CreateVpc&CidrBlock=10.0.0.5/16&TagSpecification.1.ResourceType=vpc&"
                                       "TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=mine"));
    EXPECT_EQ(first("cidrBlock", ok("Action=DescribeVpcs&Filter.1.Name=tag:Name&Filter.1.Value.1=mi?e")), "10.0.0.0/16");
    EXPECT_EQ(code("Action=CreateVpc&CidrBlock=10.0.0.0/8"), "InvalidVpc.Range");
    EXPECT_EQ(code("Action=CreateVpc&CidrBlock=10.0.0"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=CreateVpc&CidrBlock=10.0.0.0/16&AmazonProvidedIpv6CidrBlock=true"), "UnsupportedOperation");
    EXPECT_EQ(code("Action=CreateDefaultVpc"), "DefaultVpcAlreadyExists");
    EXPECT_THAT(every("groupName", ok("Action=DescribeSecurityGroups&Filter.1.Name=vpc-id&Filter.1.Value.1=" + vpc)),
                ElementsAre("default"));
    const std::string in = "Action=CreateSubnet&VpcId=" + vpc + "&CidrBlock=";
    const auto subnet = first("subnetId", ok(in + "10.0.1.0/24&AvailabilityZone=localb"));
    EXPECT_EQ(code(in + "10.0.1.128/25"), "InvalidSubnet.Conflict");
    EXPECT_EQ(code(in + "10.1.0.0/24"), "InvalidSubnet.Range");
    EXPECT_EQ(code(in + "10.0.0.0/29"), "InvalidSubnet.Range");
    EXPECT_EQ(code(in + "10.0.2.0/24&AvailabilityZone=locald"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=CreateSubnet&VpcId=vpc-0&CidrBlock=10.0.2.0/24"), "InvalidVpcID.NotFound");
    ok("Action=ModifySubnetAttribute&MapPublicIpOnLaunch.Value=true&SubnetId=" + subnet);
    const auto described = ok("Action=DescribeSubnets&SubnetId.1=" + subnet);
    EXPECT_EQ(first("mapPublicIpOnLaunch", described), "true");
    EXPECT_EQ(first("availabilityZone", described), "localb");
    EXPECT_EQ(first("defaultForAz", described), "false");
    ok("Action=ModifyVpcAttribute&EnableDnsHostnames.Value=true&VpcId=" + vpc);
    EXPECT_EQ(first("value", ok("Action=DescribeVpcAttribute&Attribute=enableDnsHostnames&VpcId=" + vpc)), "true");
    EXPECT_EQ(code("Action=DescribeVpcAttribute&Attribute=colour&VpcId=" + vpc), "InvalidParameterValue");
    EXPECT_EQ(code("Action=DeleteVpc&VpcId=" + vpc), "DependencyViolation");
    ok("Action=DeleteSubnet&SubnetId=" + subnet);
    ok("Action=DeleteVpc&VpcId=" + vpc);
    EXPECT_EQ(code("Action=DeleteVpc&VpcId=" + vpc), "InvalidVpcID.NotFound");
    EXPECT_THAT(ok("Action=DescribeSecurityGroups&Filter.1.Name=vpc-id&Filter.1.Value.1=" + vpc), Not(HasSubstr("<item>")));
}

TEST_F(Ec2Network, TagsOfItsRecords) {
    const auto vpc = default_vpc();
    ok("Action=CreateTags&ResourceId.1=" + vpc + "&Tag.1.Key=Name&Tag.1.Value=main");
    EXPECT_EQ(first("value", ok("Action=DescribeVpcs&VpcId.1=" + vpc)), "main");
    const auto body = ok("Action=DescribeTags&Filter.1.Name=resource-type&Filter.1.Value.1=vpc");
    EXPECT_THAT(body, HasSubstr("<resourceId>" + vpc + "</resourceId><resourceType>vpc</resourceType>"));
    ok("Action=DeleteTags&ResourceId.1=" + vpc);
    EXPECT_THAT(ok("Action=DescribeVpcs&VpcId.1=" + vpc), Not(HasSubstr("tagSet")));
    EXPECT_EQ(code("Action=CreateTags&ResourceId.1=vpc-0123&Tag.1.Key=k"), "InvalidVpcID.NotFound");
}

}  // namespace
}  // namespace amivirt::ec2
