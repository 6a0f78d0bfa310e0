#include <charconv>

#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/render_network.hpp"

namespace amivirt::ec2 {

namespace {

int number_or_all(const Parameters& in, std::string_view name) {
    const auto text = in.text(name);
    int number = -1;
    if (text) {
        const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
        if (error != std::errc() || end != text->data() + text->size() || number < -1) {
            in.fault({Code::invalid_parameter_value,
                      fmt::format("Value ({}) for parameter {} is invalid. Expected a whole number.", printable(*text), in.full(name))});
        }
    }
    return number;
}

/// Which entry of an ACL.
Direction direction_in(const Parameters& in) {
    if (in.required("Egress").empty()) {
        return Direction::ingress;
    }
    return in.flag("Egress") ? Direction::egress : Direction::ingress;
}

unsigned rule_number_in(const Parameters& in) { return in.required("RuleNumber").empty() ? 0 : in.number("RuleNumber").value_or(0); }

AclEntry entry_in(const Parameters& in) {
    AclEntry entry;
    entry.number = rule_number_in(in);
    entry.egress = direction_in(in) == Direction::egress;
    entry.protocol = in.required("Protocol");
    const auto action = in.required("RuleAction");
    if (!action.empty() && action != "allow" && action != "deny") {
        in.fault({Code::invalid_parameter_value,
                  fmt::format("Value ({}) for parameter ruleAction is invalid. Expected allow or deny.", printable(action))});
    }
    entry.allow = action == "allow";
    entry.cidr = in.text("CidrBlock").value_or("");
    entry.cidr6 = in.text("Ipv6CidrBlock").value_or("");
    entry.icmp_type = number_or_all(in, "Icmp.Type");
    entry.icmp_code = number_or_all(in, "Icmp.Code");
    entry.from = number_or_all(in, "PortRange.From");
    entry.to = number_or_all(in, "PortRange.To");
    return entry;
}

}  // namespace

Result<void> describe_network_acls(Call& call) {
    const auto ids = call.in.texts("NetworkAclId");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    std::string next;
    const auto all = Call::cut(
        AMIVIRT_TRY(call.services.network.acls.describe(call.account, ids, filters)), page, [](const NetworkAcl& each) { return each.id; },
        next);
    call.out.list("networkAclSet", all, [&](const NetworkAcl& each) { network_acl(call.out, each); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> create_network_acl(Call& call) {
    const auto vpc = call.in.required("VpcId");
    call.in.accept("ClientToken");
    auto tags = call.tag_specifications({"network-acl"});
    AMIVIRT_TRY(call.ready());
    const auto made = AMIVIRT_TRY(call.services.network.acls.create(call.account, vpc, tags["network-acl"]));
    call.out.in("networkAcl", [&] { network_acl(call.out, made); });
    return {};
}

Result<void> delete_network_acl(Call& call) {
    const auto id = call.in.required("NetworkAclId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.acls.erase(call.account, id));
    call.yes();
    return {};
}

Result<void> create_network_acl_entry(Call& call) {
    const auto id = call.in.required("NetworkAclId");
    auto entry = entry_in(call.in);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.acls.create_entry(call.account, id, std::move(entry)));
    call.yes();
    return {};
}

Result<void> replace_network_acl_entry(Call& call) {
    const auto id = call.in.required("NetworkAclId");
    auto entry = entry_in(call.in);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.acls.replace_entry(call.account, id, std::move(entry)));
    call.yes();
    return {};
}

Result<void> delete_network_acl_entry(Call& call) {
    const auto id = call.in.required("NetworkAclId");
    const unsigned number = rule_number_in(call.in);
    const Direction direction = direction_in(call.in);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.acls.erase_entry(call.account, id, number, direction));
    call.yes();
    return {};
}

Result<void> replace_network_acl_association(Call& call) {
    const auto association = call.in.required("AssociationId");
    const auto id = call.in.required("NetworkAclId");
    AMIVIRT_TRY(call.ready());
    call.out.text("newAssociationId", AMIVIRT_TRY(call.services.network.acls.replace_association(call.account, association, id)));
    return {};
}

}  // namespace amivirt::ec2
