"""The virtual network of `amivirt serve`, asked by boto3: every action's answer against botocore's model; two servers; a real instance in it."""

import signal
import threading
import unittest

from harness import TINY, Store, main, need
from serve_test import Checker, Server

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError:
    boto3 = None


@unittest.skipIf(boto3 is None, "python3-boto3 is not installed")
class VpcTest(unittest.TestCase):
    def setUp(self):
        self.store = Store()
        self.addCleanup(self.store.close)
        self.store.region = self.store.home / "regions/us-east-1"
        self.store.environment["AMIVIRT_REGION"] = "us-east-1"
        self.key = self.store.ok("account", "create", "--alias", "tester", "--id", "111122223333", "-o", "json").json["AccessKey"]
        self.servers = []
        self.checker = Checker()
        self.addCleanup(self.end)

    def end(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.stop(signal.SIGKILL)
        for instance in self.store.run("ps", "-o", "id", "--account", "tester").lines:
            self.store.run("terminate", "--account", "tester", instance)

    def serve(self):
        self.servers.append(Server(self.store))
        return self.servers[-1]

    def client(self, server):
        client = boto3.client("ec2", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id=self.key["AccessKeyId"],
                              aws_secret_access_key=self.key["SecretAccessKey"], config=botocore.config.Config(retries={"max_attempts": 0}))
        original = client._endpoint._do_get_response

        def noting(request, operation_model, context):
            result = original(request, operation_model, context)
            if result[0] is not None:
                self.checker.look(result[0][0], operation_model)
            return result

        client._endpoint._do_get_response = noting
        self.addCleanup(client.close)
        return client

    def refused(self, code, call, **parameters):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(**parameters)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)

    def test_every_action(self):
        ec2 = self.client(self.serve())
        default = ec2.describe_vpcs(Filters=[{"Name": "isDefault", "Values": ["true"]}])["Vpcs"][0]
        self.assertEqual(default["CidrBlock"], "172.31.0.0/16")
        subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [default["VpcId"]]}])["Subnets"]
        self.assertEqual([s["AvailabilityZone"] for s in subnets], ["us-east-1a", "us-east-1b", "us-east-1c"])
        for attribute in ("enableDnsSupport", "enableDnsHostnames", "enableNetworkAddressUsageMetrics"):
            ec2.describe_vpc_attribute(VpcId=default["VpcId"], Attribute=attribute)
        tags = lambda kind: [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": "<mine>"}]}]

        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags("vpc"))["Vpc"]["VpcId"]
        ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1b",
                                   TagSpecifications=tags("subnet"))["Subnet"]["SubnetId"]
        ec2.get_waiter("subnet_available").wait(SubnetIds=[subnet])
        ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})

        group = ec2.create_security_group(GroupName="web", Description="of a test", VpcId=vpc, TagSpecifications=tags("security-group"))["GroupId"]
        ec2.get_waiter("security_group_exists").wait(GroupIds=[group])
        ssh = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "all"}],
                "Ipv6Ranges": [{"CidrIpv6": "::/0"}], "UserIdGroupPairs": [{"GroupId": group}]}]
        rules = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=ssh, TagSpecifications=tags("security-group-rule"))
        rule = rules["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        self.refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=ssh)
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=ssh)
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=ssh)
        ec2.update_security_group_rule_descriptions_ingress(GroupId=group, IpPermissions=ssh)
        ec2.update_security_group_rule_descriptions_egress(
            GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "out"}]}])
        ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[
            {"SecurityGroupRuleId": rule, "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 23, "ToPort": 23, "CidrIpv4": "10.0.0.0/8"}}])
        self.assertEqual(ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule])["SecurityGroupRules"][0]["FromPort"], 23)
        ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])
        described = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        self.assertEqual(described["IpPermissions"][0]["UserIdGroupPairs"], [{"GroupId": group, "UserId": "111122223333"}])

        interface = ec2.create_network_interface(SubnetId=subnet, Groups=[group], Description="x", SecondaryPrivateIpAddressCount=1,
                                                 TagSpecifications=tags("network-interface"))["NetworkInterface"]["NetworkInterfaceId"]
        ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[interface])
        ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, SourceDestCheck={"Value": False})
        for attribute in ("description", "groupSet", "sourceDestCheck", "attachment"):
            ec2.describe_network_interface_attribute(NetworkInterfaceId=interface, Attribute=attribute)
        more = ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, SecondaryPrivateIpAddressCount=1)
        ec2.unassign_private_ip_addresses(NetworkInterfaceId=interface,
                                          PrivateIpAddresses=[a["PrivateIpAddress"] for a in more["AssignedPrivateIpAddresses"]])
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=group)

        gateway = ec2.create_internet_gateway(TagSpecifications=tags("internet-gateway"))["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        ec2.describe_internet_gateways(InternetGatewayIds=[gateway])
        address = ec2.allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip"))
        association = ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=interface)["AssociationId"]
        self.assertEqual(ec2.describe_addresses(PublicIps=[address["PublicIp"]])["Addresses"][0]["AssociationId"], association)
        self.assertEqual(ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]["Association"]["PublicIp"],
                         address["PublicIp"])
        ec2.disassociate_address(AssociationId=association)
        ec2.release_address(AllocationId=address["AllocationId"])

        table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tags("route-table"))["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=interface)
        association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
        main_table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}])
        association = ec2.replace_route_table_association(
            AssociationId=association, RouteTableId=main_table["RouteTables"][0]["RouteTableId"])["NewAssociationId"]
        ec2.disassociate_route_table(AssociationId=association)
        ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
        ec2.delete_route_table(RouteTableId=table)

        options = ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name", "Values": ["lab"]}],
                                          TagSpecifications=tags("dhcp-options"))["DhcpOptions"]["DhcpOptionsId"]
        ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=vpc)
        self.assertEqual(len(ec2.describe_dhcp_options()["DhcpOptions"]), 2)
        ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=vpc)
        ec2.delete_dhcp_options(DhcpOptionsId=options)

        acl = ec2.create_network_acl(VpcId=vpc, TagSpecifications=tags("network-acl"))["NetworkAcl"]["NetworkAclId"]
        entry = {"NetworkAclId": acl, "RuleNumber": 10, "Protocol": "6", "RuleAction": "allow", "Egress": False, "CidrBlock": "0.0.0.0/0"}
        ec2.create_network_acl_entry(**entry, PortRange={"From": 22, "To": 22})
        ec2.replace_network_acl_entry(**entry, PortRange={"From": 80, "To": 80})
        standard = ec2.describe_network_acls(Filters=[{"Name": "default", "Values": ["true"]}, {"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"][0]
        moved = ec2.replace_network_acl_association(AssociationId=standard["Associations"][0]["NetworkAclAssociationId"], NetworkAclId=acl)
        ec2.replace_network_acl_association(AssociationId=moved["NewAssociationId"], NetworkAclId=standard["NetworkAclId"])
        ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=10, Egress=False)
        ec2.delete_network_acl(NetworkAclId=acl)

        self.assertEqual(len(ec2.describe_tags(Filters=[{"Name": "value", "Values": ["<mine>"]}])["Tags"]), 5)
        self.refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
        ec2.delete_network_interface(NetworkInterfaceId=interface)
        ec2.delete_security_group(GroupId=group)
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        ec2.delete_internet_gateway(InternetGatewayId=gateway)
        ec2.delete_subnet(SubnetId=subnet)
        ec2.delete_vpc(VpcId=vpc)
        self.refused("DefaultVpcAlreadyExists", ec2.create_default_vpc)
        ec2.delete_subnet(SubnetId=subnets[2]["SubnetId"])
        ec2.create_default_subnet(AvailabilityZone="us-east-1c")
        self.assertEqual(len(list(ec2.get_paginator("describe_subnets").paginate(PaginationConfig={"PageSize": 5}).search("Subnets"))), 3)
        self.assertEqual(self.checker.wrong, [])
        self.assertGreater(len(self.checker.seen), 55, self.checker.seen)

    def test_two_servers_make_one_default_vpc(self):
        clients = [self.client(self.serve()) for _ in range(2)]
        seen = []
        threads = [threading.Thread(target=lambda c=c: seen.extend(v["VpcId"] for v in c.describe_vpcs()["Vpcs"])) for c in clients for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(seen), 8)
        self.assertEqual(len(set(seen)), 1)

    def test_instance(self):
        need(TINY, "the tiny image")
        server = self.serve()
        image = self.store.import_tiny("tiny", "--account", "tester")
        ec2 = self.client(server)
        group = ec2.create_security_group(GroupName="web", Description="of a test")["GroupId"]
        subnet = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1b"]}])["Subnets"][0]["SubnetId"]
        run = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano", NetworkInterfaces=[
            {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group], "AssociatePublicIpAddress": True}])["Instances"][0]
        self.assertEqual((run["SubnetId"], run["PrivateIpAddress"]), (subnet, "172.31.16.4"))
        waiter = ec2.get_waiter("instance_running")
        waiter.config.delay = 1
        waiter.wait(InstanceIds=[run["InstanceId"]])
        server.stop(signal.SIGKILL)
        ec2 = self.client(self.serve())
        filters = [{"Name": "network-interface.group-id", "Values": [group]}, {"Name": "availability-zone", "Values": ["us-east-1b"]}]
        found = ec2.describe_instances(Filters=filters)["Reservations"][0]["Instances"][0]
        self.assertEqual(found["NetworkInterfaces"][0]["MacAddress"],
                         self.store.rows("SELECT mac_address FROM instance")[0][0])
        self.assertEqual(found["SecurityGroups"], [{"GroupId": group, "GroupName": "web"}])
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
        ec2.terminate_instances(InstanceIds=[run["InstanceId"]])
        waiter = ec2.get_waiter("instance_terminated")
        waiter.config.delay = 1
        waiter.wait(InstanceIds=[run["InstanceId"]])
        ec2.delete_security_group(GroupId=group)
        self.assertEqual(ec2.describe_network_interfaces()["NetworkInterfaces"], [])
        self.assertEqual(self.checker.wrong, [])


if __name__ == "__main__":
    main()
