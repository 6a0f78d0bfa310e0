#include "faces/ec2/render_network.hpp"

#include <algorithm>
#include <vector>

namespace amivirt::ec2 {

void vpc(Xml& out, const Vpc& vpc) {
    out.text("vpcId", vpc.id);
    out.text("ownerId", vpc.owner);
    out.text("state", "available");
    out.text("cidrBlock", vpc.cidr);
    out.in("cidrBlockAssociationSet", [&] {
        out.in("item", [&] {
            out.text("associationId", vpc.cidr_association);
            out.text("cidrBlock", vpc.cidr);
            out.in("cidrBlockState", [&] { out.text("state", "associated"); });
        });
    });
    out.text("dhcpOptionsId", vpc.dhcp_options);
    out.text("instanceTenancy", vpc.tenancy);
    out.boolean("isDefault", vpc.is_default);
    out.tags(vpc.tags);
}

void subnet(Xml& out, const Subnet& subnet, const std::string& region) {
    out.text("subnetId", subnet.id);
    out.text("subnetArn", fmt::format("arn:aws:ec2:{}:{}:subnet/{}", region, subnet.owner, subnet.id));
    out.text("state", "available");
    out.text("ownerId", subnet.owner);
    out.text("vpcId", subnet.vpc);
    out.text("cidrBlock", subnet.cidr);
    out.list("ipv6CidrBlockAssociationSet", std::vector<int>{}, [](int) {});
    out.number("availableIpAddressCount", subnet.free_addresses);
    out.text("availabilityZone", subnet.zone);
    out.text("availabilityZoneId", subnet.zone);
    out.boolean("defaultForAz", subnet.default_for_zone);
    out.boolean("mapPublicIpOnLaunch", subnet.map_public_ip);
    out.boolean("mapCustomerOwnedIpOnLaunch", false);
    out.boolean("assignIpv6AddressOnCreation", false);
    out.boolean("enableDns64", false);
    out.boolean("ipv6Native", false);
    out.in("privateDnsNameOptionsOnLaunch", [&] {
        out.text("hostnameType", subnet.hostname_type);
        out.boolean("enableResourceNameDnsARecord", subnet.name_a_record);
        out.boolean("enableResourceNameDnsAAAARecord", subnet.name_aaaa_record);
    });
    out.tags(subnet.tags);
}

namespace {

/// Rules of one protocol and range stand in one permission (source: EC2 IpPermission).
void permissions(Xml& out, std::string_view name, const SecurityGroup& group, bool egress) {
    std::vector<std::vector<const SecurityGroupRule*>> together;
    for (const SecurityGroupRule& rule : group.rules) {
        if (rule.egress != egress) {
            continue;
        }
        const auto at = std::find_if(together.begin(), together.end(), [&](const auto& others) {
            const SecurityGroupRule& other = *others.front();
            return other.protocol == rule.protocol && other.from == rule.from && other.to == rule.to;
        });
        if (at == together.end()) {
            together.push_back({&rule});
        } else {
            at->push_back(&rule);
        }
    }
    out.list(name, together, [&](const std::vector<const SecurityGroupRule*>& rules) {
        const SecurityGroupRule& first = *rules.front();
        const bool icmp = first.protocol == "icmp" || first.protocol == "icmpv6";
        out.text("ipProtocol", first.protocol);
        if (icmp || first.from != -1) {
            out.number("fromPort", first.from);
            out.number("toPort", first.to);
        }
        const auto peers = [&](std::string_view list, std::string_view element, const std::string SecurityGroupRule::*of) {
            out.in(list, [&] {
                for (const SecurityGroupRule* rule : rules) {
                    if ((rule->*of).empty()) {
                        continue;
                    }
                    out.in("item", [&] {
                        if (element == "groupId") {
                            out.text("userId", rule->peer_owner);
                        }
                        out.text(element, rule->*of);
                        out.some("description", rule->description);
                    });
                }
            });
        };
        peers("groups", "groupId", &SecurityGroupRule::peer);
        peers("ipRanges", "cidrIp", &SecurityGroupRule::cidr);
        peers("ipv6Ranges", "cidrIpv6", &SecurityGroupRule::cidr6);
        peers("prefixListIds", "prefixListId", &SecurityGroupRule::prefix_list);
    });
}

}  // namespace

void security_group(Xml& out, const SecurityGroup& group) {
    out.text("ownerId", group.owner);
    out.text("groupId", group.id);
    out.text("groupName", group.name);
    out.text("groupDescription", group.description);
    out.text("vpcId", group.vpc);
    permissions(out, "ipPermissions", group, false);
    permissions(out, "ipPermissionsEgress", group, true);
    out.tags(group.tags);
}

void security_group_rules(Xml& out, std::string_view name, const std::vector<RuleOfGroup>& rules) {
    out.list(name, rules, [&](const RuleOfGroup& each) {
        const SecurityGroupRule& rule = each.rule;
        out.text("securityGroupRuleId", rule.id);
        out.text("groupId", each.group);
        out.text("groupOwnerId", each.owner);
        out.boolean("isEgress", rule.egress);
        out.text("ipProtocol", rule.protocol);
        out.number("fromPort", rule.from);
        out.number("toPort", rule.to);
        out.some("cidrIpv4", rule.cidr);
        out.some("cidrIpv6", rule.cidr6);
        out.some("prefixListId", rule.prefix_list);
        if (!rule.peer.empty()) {
            out.in("referencedGroupInfo", [&] {
                out.text("groupId", rule.peer);
                out.text("userId", rule.peer_owner);
                out.text("vpcId", each.vpc);
            });
        }
        out.some("description", rule.description);
        out.tags(rule.tags);
    });
}

void groups(Xml& out, std::string_view name, const std::vector<InterfaceView::Group>& groups) {
    out.list(name, groups, [&](const InterfaceView::Group& group) {
        out.text("groupId", group.id);
        out.text("groupName", group.name);
    });
}

void network_interface(Xml& out, const InterfaceView& view, InterfaceOf of, const std::string& public_ip) {
    const NetworkInterface& its = view.its;
    const bool itself = of == InterfaceOf::itself;
    const auto association = [&](const std::string& private_ip) {
        const bool elastic = !view.elastic.id.empty() && view.elastic.private_ip == private_ip;
        const std::string shown = elastic ? view.elastic.public_ip : private_ip == its.addresses.front() ? public_ip : std::string();
        if (shown.empty()) {
            return;
        }
        out.in("association", [&] {
            if (elastic && itself) {
                out.text("allocationId", view.elastic.id);
                out.text("associationId", view.elastic.association);
            }
            out.text("ipOwnerId", elastic ? its.owner : "amazon");
            out.text("publicDnsName", shown);
            out.text("publicIp", shown);
        });
    };
    association(its.addresses.front());
    if (!its.instance.empty()) {
        out.in("attachment", [&] {
            out.text("attachmentId", its.attachment);
            out.number("deviceIndex", its.device_index);
            out.text("status", "attached");
            out.time("attachTime", its.attached);
            out.boolean("deleteOnTermination", its.delete_on_termination);
            out.number("networkCardIndex", 0);
            if (itself) {
                out.text("instanceId", its.instance);
                out.text("instanceOwnerId", its.owner);
            }
        });
    }
    out.text("networkInterfaceId", its.id);
    out.text("subnetId", its.subnet);
    out.text("vpcId", its.vpc);
    if (itself) {
        out.text("availabilityZone", its.zone);
        out.boolean("requesterManaged", false);
    }
    out.text("description", its.description);
    out.text("ownerId", its.owner);
    out.text("status", its.instance.empty() ? "available" : "in-use");
    out.text("macAddress", its.mac);
    out.text("privateIpAddress", its.addresses.front());
    out.text("privateDnsName", view.private_dns);
    out.boolean("sourceDestCheck", its.source_dest_check);
    out.text("interfaceType", "interface");
    groups(out, "groupSet", view.groups);
    out.list("ipv6AddressesSet", std::vector<int>{}, [](int) {});
    out.list("privateIpAddressesSet", its.addresses, [&](const std::string& address) {
        out.text("privateIpAddress", address);
        out.boolean("primary", &address == &its.addresses.front());
        association(address);
    });
    if (itself) {
        out.tags(its.tags);
    }
}

void address(Xml& out, const AddressView& view, const std::string& region) {
    out.text("publicIp", view.its.public_ip);
    out.text("allocationId", view.its.id);
    out.text("domain", "vpc");
    out.text("publicIpv4Pool", "amazon");
    out.text("networkBorderGroup", region);
    if (!view.its.association.empty()) {
        out.text("associationId", view.its.association);
        out.text("networkInterfaceId", view.its.network_interface);
        out.some("networkInterfaceOwnerId", view.interface_owner);
        out.text("privateIpAddress", view.its.private_ip);
        out.some("instanceId", view.instance);
    }
    out.tags(view.its.tags);
}

void route_table(Xml& out, const RouteTable& table) {
    out.text("routeTableId", table.id);
    out.text("vpcId", table.vpc);
    out.text("ownerId", table.owner);
    out.list("routeSet", table.routes, [&](const Route& route) {
        out.some("destinationCidrBlock", route.cidr);
        out.some("destinationIpv6CidrBlock", route.cidr6);
        out.some("destinationPrefixListId", route.prefix_list);
        out.some("gatewayId", route.gateway);
        out.some("networkInterfaceId", route.network_interface);
        if (!route.instance.empty()) {
            out.text("instanceId", route.instance);
            out.text("instanceOwnerId", table.owner);
        }
        out.text("state", "active");
        out.text("origin", route.origin);
    });
    out.list("associationSet", table.associations, [&](const RouteTableAssociation& each) {
        out.text("routeTableAssociationId", each.id);
        out.text("routeTableId", table.id);
        out.some("subnetId", each.subnet);
        out.some("gatewayId", each.gateway);
        out.boolean("main", each.main);
        out.in("associationState", [&] { out.text("state", "associated"); });
    });
    out.list("propagatingVgwSet", std::vector<int>{}, [](int) {});
    out.tags(table.tags);
}

void internet_gateway(Xml& out, const InternetGateway& gateway) {
    out.text("internetGatewayId", gateway.id);
    out.text("ownerId", gateway.owner);
    out.in("attachmentSet", [&] {
        if (!gateway.vpc.empty()) {
            out.in("item", [&] {
                out.text("vpcId", gateway.vpc);
                out.text("state", "available");
            });
        }
    });
    out.tags(gateway.tags);
}

void dhcp_options(Xml& out, const DhcpOptions& options) {
    out.text("dhcpOptionsId", options.id);
    out.text("ownerId", options.owner);
    out.list("dhcpConfigurationSet", options.options, [&](const auto& option) {
        out.text("key", option.first);
        out.list("valueSet", option.second, [&](const std::string& value) { out.text("value", value); });
    });
    out.tags(options.tags);
}

void network_acl(Xml& out, const NetworkAcl& acl) {
    out.text("networkAclId", acl.id);
    out.text("vpcId", acl.vpc);
    out.text("ownerId", acl.owner);
    out.boolean("default", acl.is_default);
    out.list("entrySet", acl.entries, [&](const AclEntry& entry) {
        out.number("ruleNumber", entry.number);
        out.text("protocol", entry.protocol);
        out.text("ruleAction", entry.allow ? "allow" : "deny");
        out.boolean("egress", entry.egress);
        out.some("cidrBlock", entry.cidr);
        out.some("ipv6CidrBlock", entry.cidr6);
        if (entry.protocol == "1" || entry.protocol == "58") {
            out.in("icmpTypeCode", [&] {
                out.number("code", entry.icmp_code);
                out.number("type", entry.icmp_type);
            });
        }
        if (entry.from != -1) {
            out.in("portRange", [&] {
                out.number("from", entry.from);
                out.number("to", entry.to);
            });
        }
    });
    out.list("associationSet", acl.associations, [&](const AclAssociation& each) {
        out.text("networkAclAssociationId", each.id);
        out.text("networkAclId", acl.id);
        out.text("subnetId", each.subnet);
    });
    out.tags(acl.tags);
}

}  // namespace amivirt::ec2
