#include <charconv>

#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/render_network.hpp"

namespace amivirt::ec2 {

namespace {

/// A port, or what ICMP has for it: -1 is all.
int port_in(const Parameters& from, std::string_view name) {
    const auto text = from.text(name);
    if (!text) {
        return -1;
    }
    int number = -1;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size()) {
        from.fault({Code::invalid_parameter_value,
                    fmt::format("Value ({}) for parameter {} is invalid. Expected a whole number.", printable(*text), from.full(name))});
    }
    return number;
}

/// Each peer of a permission is a rule.
void take_permission(const Parameters& from, std::vector<SecurityGroupRule>& rules) {
    SecurityGroupRule rule;
    rule.protocol = from.required("IpProtocol");
    rule.from = port_in(from, "FromPort");
    rule.to = port_in(from, "ToPort");
    const std::size_t before = rules.size();
    const auto add = [&](const Parameters& peer, std::string SecurityGroupRule::*where, std::string value) {
        rules.push_back(rule);
        rules.back().*where = std::move(value);
        rules.back().description = peer.text("Description").value_or("");
    };
    for (const Parameters& range : from.list("IpRanges")) {
        add(range, &SecurityGroupRule::cidr, range.required("CidrIp"));
    }
    for (const Parameters& range : from.list("Ipv6Ranges")) {
        add(range, &SecurityGroupRule::cidr6, range.required("CidrIpv6"));
    }
    for (const Parameters& prefixes : from.list("PrefixListIds")) {
        add(prefixes, &SecurityGroupRule::prefix_list, prefixes.required("PrefixListId"));
    }
    for (const Parameters& group : from.list("Groups")) {
        for (const std::string_view name : {"UserId", "VpcId", "PeeringStatus"}) {
            group.accept(name);
        }
        group.refuse("VpcPeeringConnectionId", "there is no peering here");
        const auto name = group.text("GroupName");
        const auto id = group.text("GroupId");
        if (!id && !name) {
            group.fault({Code::missing_parameter, fmt::format("The request must contain the parameter {}", group.full("GroupId"))});
        }
        add(group, &SecurityGroupRule::peer, id ? *id : name.value_or(""));
    }
    if (rules.size() == before) {
        rules.push_back(rule);  // whose lack of a peer is told
    }
}

std::vector<SecurityGroupRule> permissions_in(const Parameters& in) {
    std::vector<SecurityGroupRule> rules;
    for (const Parameters& each : in.list("IpPermissions")) {
        take_permission(each, rules);
    }
    return rules;
}

/// The old flat form: one rule.
void take_flat(const Parameters& in, std::vector<SecurityGroupRule>& rules) {
    SecurityGroupRule rule;
    const auto protocol = in.text("IpProtocol");
    rule.from = port_in(in, "FromPort");
    rule.to = port_in(in, "ToPort");
    rule.cidr = in.text("CidrIp").value_or("");
    rule.peer = in.text("SourceSecurityGroupName").value_or("");
    in.accept("SourceSecurityGroupOwnerId");
    if (!protocol && rule.cidr.empty() && rule.peer.empty()) {
        return;
    }
    if (!rules.empty()) {
        in.fault({Code::invalid_parameter_combination, "The parameter ipPermissions cannot be used together with ipProtocol and cidrIp"});
    }
    rule.protocol = protocol.value_or("-1");
    rules.push_back(std::move(rule));
}

GroupRef group_in(const Parameters& in) {
    GroupRef group{in.text("GroupId").value_or(""), in.text("GroupName").value_or("")};
    if (group.id.empty() && group.name.empty()) {
        in.fault({Code::missing_parameter, "The request must contain the parameter GroupName or GroupId"});
    }
    if (!group.id.empty() && !group.name.empty()) {
        in.fault({Code::invalid_parameter_combination, "The parameter GroupName cannot be used together with GroupId"});
    }
    return group;
}

Result<void> authorize(Call& call, Direction direction) {
    const GroupRef group = group_in(call.in);
    auto rules = permissions_in(call.in);
    take_flat(call.in, rules);
    auto tags = call.tag_specifications({"security-group-rule"});
    AMIVIRT_TRY(call.ready());
    const auto added =
        AMIVIRT_TRY(call.services.network.groups.authorize(call.account, group, direction, std::move(rules), tags["security-group-rule"]));
    call.yes();
    security_group_rules(call.out, "securityGroupRuleSet", added);
    return {};
}

Result<void> revoke(Call& call, Direction direction) {
    const GroupRef group = group_in(call.in);
    const auto ids = call.in.texts("SecurityGroupRuleId");
    auto rules = permissions_in(call.in);
    take_flat(call.in, rules);
    AMIVIRT_TRY(call.ready());
    const auto gone = AMIVIRT_TRY(call.services.network.groups.revoke(call.account, group, direction, std::move(rules), ids));
    call.yes();
    call.out.list("revokedSecurityGroupRuleSet", gone, [&](const RuleOfGroup& each) {
        call.out.text("securityGroupRuleId", each.rule.id);
        call.out.text("groupId", each.group);
        call.out.boolean("isEgress", each.rule.egress);
        call.out.text("ipProtocol", each.rule.protocol);
        call.out.number("fromPort", each.rule.from);
        call.out.number("toPort", each.rule.to);
        call.out.some("cidrIpv4", each.rule.cidr);
        call.out.some("cidrIpv6", each.rule.cidr6);
        call.out.some("prefixListId", each.rule.prefix_list);
        call.out.some("referencedGroupId", each.rule.peer);
        call.out.some("description", each.rule.description);
    });
    return {};
}

Result<void> update_descriptions(Call& call, Direction direction) {
    const GroupRef group = group_in(call.in);
    std::vector<RuleText> texts;
    for (SecurityGroupRule& rule : permissions_in(call.in)) {
        texts.push_back({"", std::move(rule)});
    }
    for (const Parameters& each : call.in.list("SecurityGroupRuleDescription")) {
        RuleText text;
        text.id = each.required("SecurityGroupRuleId");
        text.rule.description = each.text("Description").value_or("");
        texts.push_back(std::move(text));
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.groups.describe_anew(call.account, group, direction, std::move(texts)));
    call.yes();
    return {};
}

}  // namespace

Result<void> describe_security_groups(Call& call) {
    const auto ids = call.in.texts("GroupId");
    const auto names = call.in.texts("GroupName");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty() || !names.empty());
    AMIVIRT_TRY(call.ready());
    std::string next;
    const auto all = Call::cut(
        AMIVIRT_TRY(call.services.network.groups.describe(call.account, ids, names, filters)), page,
        [](const SecurityGroup& each) { return each.id; }, next);
    call.out.list("securityGroupInfo", all, [&](const SecurityGroup& each) { security_group(call.out, each); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> create_security_group(Call& call) {
    const auto name = call.in.required("GroupName");
    const auto description = call.in.required("GroupDescription");
    const auto vpc = call.in.text("VpcId").value_or("");
    auto tags = call.tag_specifications({"security-group"});
    AMIVIRT_TRY(call.ready());
    const SecurityGroup made =
        AMIVIRT_TRY(call.services.network.groups.create(call.account, name, description, vpc, tags["security-group"]));
    call.out.text("groupId", made.id);
    call.out.tags(made.tags);
    return {};
}

Result<void> delete_security_group(Call& call) {
    const GroupRef group = group_in(call.in);
    AMIVIRT_TRY(call.ready());
    const auto id = AMIVIRT_TRY(call.services.network.groups.erase(call.account, group));
    call.yes();
    call.out.text("groupId", id);
    return {};
}

Result<void> authorize_security_group_ingress(Call& call) { return authorize(call, Direction::ingress); }
Result<void> authorize_security_group_egress(Call& call) { return authorize(call, Direction::egress); }
Result<void> revoke_security_group_ingress(Call& call) { return revoke(call, Direction::ingress); }
Result<void> revoke_security_group_egress(Call& call) { return revoke(call, Direction::egress); }
Result<void> update_security_group_rule_descriptions_ingress(Call& call) { return update_descriptions(call, Direction::ingress); }
Result<void> update_security_group_rule_descriptions_egress(Call& call) { return update_descriptions(call, Direction::egress); }

Result<void> describe_security_group_rules(Call& call) {
    const auto ids = call.in.texts("SecurityGroupRuleId");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    std::string next;
    const auto all = Call::cut(
        AMIVIRT_TRY(call.services.network.groups.describe_rules(call.account, ids, filters)), page,
        [](const RuleOfGroup& each) { return each.rule.id; }, next);
    security_group_rules(call.out, "securityGroupRuleSet", all);
    call.out.some("nextToken", next);
    return {};
}

Result<void> modify_security_group_rules(Call& call) {
    const auto group = call.in.required("GroupId");
    std::vector<RuleText> rules;
    for (const Parameters& each : call.in.list("SecurityGroupRule")) {
        RuleText text;
        text.id = each.required("SecurityGroupRuleId");
        const Parameters its = each.below("SecurityGroupRule");
        text.rule.protocol = its.required("IpProtocol");
        text.rule.from = port_in(its, "FromPort");
        text.rule.to = port_in(its, "ToPort");
        text.rule.cidr = its.text("CidrIpv4").value_or("");
        text.rule.cidr6 = its.text("CidrIpv6").value_or("");
        text.rule.prefix_list = its.text("PrefixListId").value_or("");
        text.rule.peer = its.text("ReferencedGroupId").value_or("");
        text.rule.description = its.text("Description").value_or("");
        rules.push_back(std::move(text));
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.groups.modify(call.account, group, std::move(rules)));
    call.yes();
    return {};
}

}  // namespace amivirt::ec2
