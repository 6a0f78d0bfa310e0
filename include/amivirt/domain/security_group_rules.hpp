// What EC2 accepts as a rule of a security group. All pure.
#pragma once

#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"
#include "amivirt/domain/virtual_network.hpp"

namespace amivirt {

/// The rule as it is kept: protocols by name where EC2 has one, blocks in their canonical form, no ports where the protocol is "all".
/// invalid_parameter_value naming what is wrong; invalid_permission_malformed without a source or with more than one.
[[nodiscard]] Result<SecurityGroupRule> normal_rule(SecurityGroupRule rule);
/// Do both let the same through? Ids, tags and descriptions do not count.
[[nodiscard]] bool same_rule(const SecurityGroupRule& one, const SecurityGroupRule& other) noexcept;
/// For messages (source: EC2): "peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW".
[[nodiscard]] std::string describe_rule(const SecurityGroupRule& rule);
/// Up to 255 characters of EC2's set; not "sg-...". `what`: "groupName" or "groupDescription".
[[nodiscard]] Result<void> check_group_text(std::string_view what, const std::string& text);
/// tcp, udp, icmp, icmpv6, -1 or a number of 0..255; "6", "17", "1", "58" and "all" are those. invalid_parameter_value.
[[nodiscard]] Result<std::string> normal_protocol(std::string_view text);

}  // namespace amivirt
