// EC2's elements of the virtual network. All pure.
#pragma once

#include <string>

#include "amivirt/domain/virtual_network_filter.hpp"
#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

void vpc(Xml& out, const Vpc& vpc);
void subnet(Xml& out, const Subnet& subnet, const std::string& region);
void security_group(Xml& out, const SecurityGroup& group);
/// DescribeNetworkInterfaces and DescribeInstances differ in a few elements. `public_ip`: the instance's, where no elastic one leads to it.
enum class InterfaceOf { itself, instance };
void network_interface(Xml& out, const InterfaceView& view, InterfaceOf of, const std::string& public_ip = {});
void groups(Xml& out, std::string_view name, const std::vector<InterfaceView::Group>& groups);
void address(Xml& out, const AddressView& view, const std::string& region);
void route_table(Xml& out, const RouteTable& table);
void internet_gateway(Xml& out, const InternetGateway& gateway);
void dhcp_options(Xml& out, const DhcpOptions& options);
void network_acl(Xml& out, const NetworkAcl& acl);
void security_group_rules(Xml& out, std::string_view name, const std::vector<RuleOfGroup>& rules);

}  // namespace amivirt::ec2
