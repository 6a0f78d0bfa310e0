#include "amivirt/domain/security_group_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "amivirt/domain/cidr.hpp"

namespace amivirt {

namespace {

constexpr std::size_t k_longest_text = 255;
constexpr std::string_view k_marks = " ._-:/()#,@[]+=&;{}!$*";  // source: EC2's names and descriptions of security groups
constexpr int k_highest_port = 65535;
constexpr int k_highest_icmp = 255;

Error bad_value(std::string message) { return {Code::invalid_parameter_value, std::move(message)}; }

bool of_ec2s_set(std::string_view text) {
    return text.size() <= k_longest_text && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      k_marks.find(c) != std::string_view::npos;
           });
}

Result<void> check_range(const SecurityGroupRule& rule) {
    if (rule.protocol == "tcp" || rule.protocol == "udp") {
        for (const int port : {rule.from, rule.to}) {
            if (port < -1 || port > k_highest_port) {
                return bad_value(fmt::format("Invalid value '{}' for port: TCP/UDP port out of range", port));
            }
        }
        if ((rule.from == -1) != (rule.to == -1) || (rule.from == -1 && rule.to == -1)) {
            return bad_value("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.");
        }
        if (rule.from > rule.to) {
            return bad_value(fmt::format("Invalid TCP/UDP port range ({}:{})", rule.from, rule.to));
        }
    } else if (rule.protocol == "icmp" || rule.protocol == "icmpv6") {
        if (rule.from < -1 || rule.from > k_highest_icmp) {
            return bad_value(fmt::format("ICMP type ({}) out of range", rule.from));
        }
        if (rule.to < -1 || rule.to > k_highest_icmp || (rule.from == -1 && rule.to != -1)) {
            return bad_value(fmt::format("ICMP code ({}) out of range", rule.to));
        }
    }
    return {};
}

}  // namespace

Result<std::string> normal_protocol(std::string_view text) {
    struct Name {
        std::string_view said;
        std::string_view kept;
    };
    static constexpr std::array k_names{Name{"tcp", "tcp"}, Name{"udp", "udp"}, Name{"icmp", "icmp"}, Name{"icmpv6", "icmpv6"},
                                        Name{"6", "tcp"},   Name{"17", "udp"},  Name{"1", "icmp"},    Name{"58", "icmpv6"},
                                        Name{"-1", "-1"},   Name{"all", "-1"}};
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    for (const Name& name : k_names) {
        if (name.said == lower) {
            return std::string(name.kept);
        }
    }
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number > 255) {
        return bad_value(fmt::format("Invalid value '{}' for IP protocol. Unknown protocol.", text));
    }
    return fmt::to_string(number);
}

Result<SecurityGroupRule> normal_rule(SecurityGroupRule rule) {
    rule.protocol = AMIVIRT_TRY(normal_protocol(rule.protocol));
    AMIVIRT_TRY(check_range(rule));
    if (rule.protocol != "tcp" && rule.protocol != "udp" && rule.protocol != "icmp" && rule.protocol != "icmpv6") {
        rule.from = -1;  // EC2 keeps ports for these protocols alone
        rule.to = -1;
    }
    const int peers =
        (rule.cidr.empty() ? 0 : 1) + (rule.cidr6.empty() ? 0 : 1) + (rule.prefix_list.empty() ? 0 : 1) + (rule.peer.empty() ? 0 : 1);
    if (peers != 1) {
        return Error(Code::invalid_permission_malformed,
                     peers == 0 ? "A rule must name a source or destination: a CIDR block, a security group or a prefix list"
                                : "A rule names one source or destination, not several");
    }
    if (!rule.cidr.empty()) {
        const auto block = Cidr::parse(rule.cidr);
        if (!block) {
            return bad_value(fmt::format("CIDR block {} is malformed", rule.cidr));
        }
        rule.cidr = block->str();
    }
    if (!rule.cidr6.empty()) {
        auto block = canonical_ipv6_cidr(rule.cidr6);
        if (!block) {
            return bad_value(fmt::format("CIDR block {} is malformed", rule.cidr6));
        }
        rule.cidr6 = std::move(*block);
    }
    if (!of_ec2s_set(rule.description)) {
        return bad_value(fmt::format(
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: a-zA-Z0-9{}",
            k_marks));
    }
    return rule;
}

bool same_rule(const SecurityGroupRule& one, const SecurityGroupRule& other) noexcept {
    return one.egress == other.egress && one.protocol == other.protocol && one.from == other.from && one.to == other.to &&
           one.cidr == other.cidr && one.cidr6 == other.cidr6 && one.prefix_list == other.prefix_list && one.peer == other.peer;
}

std::string describe_rule(const SecurityGroupRule& rule) {
    const std::string& peer = !rule.cidr.empty()    ? rule.cidr
                              : !rule.cidr6.empty() ? rule.cidr6
                              : !rule.peer.empty()  ? rule.peer
                                                    : rule.prefix_list;
    if (rule.protocol == "-1") {
        return fmt::format("peer: {}, ALL, ALLOW", peer);
    }
    std::string protocol = rule.protocol;
    std::transform(protocol.begin(), protocol.end(), protocol.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    const bool icmp = rule.protocol == "icmp" || rule.protocol == "icmpv6";
    return fmt::format("peer: {}, {}, {}: {}, {}: {}, ALLOW", peer, protocol, icmp ? "type" : "from port", rule.from,
                       icmp ? "code" : "to port", rule.to);
}

Result<void> check_group_text(std::string_view what, const std::string& text) {
    if (text.empty()) {
        return Error(Code::missing_parameter, fmt::format("The request must contain the parameter {}", what));
    }
    if (!of_ec2s_set(text)) {
        return bad_value(fmt::format("Value ({}) for parameter {} is invalid. It has at most 255 characters of a-z, A-Z, 0-9 and{}", text,
                                     what, k_marks));
    }
    if (what == "GroupName" && text.starts_with("sg-")) {
        return bad_value(fmt::format("Value ({}) for parameter {} is invalid. Group names may not be in the format sg-*.", text, what));
    }
    return {};
}

}  // namespace amivirt
