// The virtual network as EC2 has it: kept, consistent, and not enforced on packets. Ids are EC2's ("vpc-", "subnet-", ...) and 17 hex
// digits.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/domain/tag.hpp"

namespace amivirt {

struct Vpc {
    std::string id;
    std::string owner;
    std::string cidr;
    std::string cidr_association;  ///< "vpc-cidr-assoc-..."
    std::string dhcp_options;      ///< id, or "default": none
    std::string tenancy = "default";
    bool is_default = false;
    bool dns_support = true;
    bool dns_hostnames = false;
    bool address_usage_metrics = false;
    Tags tags;
};

struct Subnet {
    std::string id;
    std::string owner;
    std::string vpc;
    std::string cidr;
    std::string zone;
    bool default_for_zone = false;
    bool map_public_ip = false;
    std::string hostname_type = "ip-name";  ///< ip-name | resource-name
    bool name_a_record = false;
    bool name_aaaa_record = false;
    Tags tags;
    std::uint64_t free_addresses = 0;  ///< told by a describe; not kept
};

/// One rule: a protocol, its ports, and one source (ingress) or destination (egress).
struct SecurityGroupRule {
    std::string id;  ///< "sgr-..."
    bool egress = false;
    std::string protocol;  ///< tcp | udp | icmp | icmpv6 | -1 (all) | a number
    int from = -1;         ///< port, or type of ICMP; -1: all
    int to = -1;           ///< port, or code of ICMP; -1: all
    // One of these:
    std::string cidr;
    std::string cidr6;
    std::string prefix_list;
    std::string peer;  ///< id of a security group
    std::string peer_owner;
    std::string description;
    Tags tags;
};

struct SecurityGroup {
    std::string id;
    std::string owner;
    std::string vpc;
    std::string name;
    std::string description;
    std::vector<SecurityGroupRule> rules;
    Tags tags;
};

struct NetworkInterface {
    std::string id;
    std::string owner;
    std::string vpc;
    std::string subnet;
    std::string zone;
    std::string description;
    std::string mac;
    std::vector<std::string> addresses;  ///< private ones, the primary first
    std::vector<std::string> groups;
    bool source_dest_check = true;
    bool public_ip = false;  ///< gets a public address at the launch
    // Its attachment; instance is "" where it has none:
    std::string instance;
    std::string attachment;  ///< "eni-attach-..."
    unsigned device_index = 0;
    bool delete_on_termination = false;
    TimePoint attached{};
    Tags tags;
};

/// An elastic address.
struct ElasticAddress {
    std::string id;  ///< "eipalloc-..."
    std::string owner;
    std::string public_ip;
    // Where it is associated; "" where it is not:
    std::string association;  ///< "eipassoc-..."
    std::string network_interface;
    std::string private_ip;
    Tags tags;
};

struct Route {
    std::string cidr;  ///< destination: IPv4, IPv6 or prefix list, one of them
    std::string cidr6;
    std::string prefix_list;
    std::string gateway;  ///< target: "local", "igw-..."; or an interface or instance
    std::string network_interface;
    std::string instance;
    std::string origin = "CreateRoute";  ///< or CreateRouteTable
};

struct RouteTableAssociation {
    std::string id;  ///< "rtbassoc-..."
    std::string subnet;
    std::string gateway;
    bool main = false;
};

struct RouteTable {
    std::string id;
    std::string owner;
    std::string vpc;
    std::vector<Route> routes;
    std::vector<RouteTableAssociation> associations;
    Tags tags;
};

struct InternetGateway {
    std::string id;
    std::string owner;
    std::string vpc;  ///< "": attached to none
    Tags tags;
};

struct DhcpOptions {
    std::string id;
    std::string owner;
    std::map<std::string, std::vector<std::string>> options;
    Tags tags;
};

struct AclEntry {
    unsigned number = 0;
    std::string protocol;  ///< a number; "-1": all
    bool allow = false;
    bool egress = false;
    std::string cidr;
    std::string cidr6;
    int icmp_type = -1;
    int icmp_code = -1;
    int from = -1;  ///< ports; -1: all
    int to = -1;
};

struct AclAssociation {
    std::string id;  ///< "aclassoc-..."
    std::string subnet;
};

struct NetworkAcl {
    std::string id;
    std::string owner;
    std::string vpc;
    bool is_default = false;
    std::vector<AclEntry> entries;
    std::vector<AclAssociation> associations;
    Tags tags;
};

/// EC2's private name: "ip-172-31-0-5.ec2.internal", outside of us-east-1 "ip-172-31-0-5.eu-west-1.compute.internal".
[[nodiscard]] std::string private_dns_name(const std::string& address, const std::string& region);

/// "locala", "localb", "localc": the zones of a region. All are this host.
[[nodiscard]] std::vector<std::string> zones_of(const std::string& region);

}  // namespace amivirt
