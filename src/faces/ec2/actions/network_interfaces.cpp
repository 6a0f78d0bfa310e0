#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/render_network.hpp"

namespace amivirt::ec2 {

namespace {

void refuse_what_no_interface_has(const Parameters& in) {
    for (const std::string_view name :
         {"Ipv6AddressCount", "Ipv6Addresses", "Ipv6Prefix", "Ipv6PrefixCount", "Ipv4Prefix", "Ipv4PrefixCount", "EnaSrdSpecification"}) {
        in.refuse(name, "there are no IPv6 and no prefixes here");
    }
    in.refuse("ConnectionTrackingSpecification", "no connections are tracked here");
    in.refuse("Operator", "no service manages an interface here");
    in.refuse_unless("EnablePrimaryIpv6", "false", "there is no IPv6 here");
    if (const auto type = in.text("InterfaceType"); type && *type != "interface") {
        in.fault({Code::unsupported_operation,
                  fmt::format("The parameter {} is not supported: {}", in.full("InterfaceType"), printable(*type))});
    }
}

/// The interface's own attribute that is asked for.
std::vector<std::string> some_texts(const Call& call, std::string_view name) {
    auto all = call.in.texts(name);
    if (all.empty()) {
        call.in.fault({Code::missing_parameter, fmt::format("The request must contain the parameter {}", name)});
    }
    return all;
}

}  // namespace

Result<void> describe_network_interfaces(Call& call) {
    const auto ids = call.in.texts("NetworkInterfaceId");
    const auto filters = call.filters();
    call.in.accept("IncludeManagedResources");
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    std::string next;
    const auto all = Call::cut(
        AMIVIRT_TRY(call.services.network.interfaces.describe(call.account, ids, filters)), page,
        [](const InterfaceView& each) { return each.its.id; }, next);
    call.out.list("networkInterfaceSet", all, [&](const InterfaceView& each) { network_interface(call.out, each, InterfaceOf::itself); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> create_network_interface(Call& call) {
    CreateInterfaceRequest request;
    request.subnet = call.in.required("SubnetId");
    request.groups = call.in.texts("SecurityGroupId");
    request.private_ip = call.in.text("PrivateIpAddress").value_or("");
    for (const Parameters& each : call.in.list("PrivateIpAddresses")) {
        auto ip = each.required("PrivateIpAddress");
        if (each.flag("Primary")) {
            request.private_ip = std::move(ip);
        } else {
            request.more_ips.push_back(std::move(ip));
        }
    }
    request.more = call.in.number("SecondaryPrivateIpAddressCount").value_or(0);
    request.description = call.in.text("Description").value_or("");
    call.in.accept("ClientToken");
    refuse_what_no_interface_has(call.in);
    request.tags = call.tag_specifications({"network-interface"})["network-interface"];
    AMIVIRT_TRY(call.ready());
    const auto made = AMIVIRT_TRY(call.services.network.interfaces.create(call.account, request));
    call.out.in("networkInterface", [&] { network_interface(call.out, made, InterfaceOf::itself); });
    return {};
}

Result<void> delete_network_interface(Call& call) {
    const auto id = call.in.required("NetworkInterfaceId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.interfaces.erase(call.account, id));
    call.yes();
    return {};
}

Result<void> attach_network_interface(Call& call) {
    const auto id = call.in.required("NetworkInterfaceId");
    const auto instance = call.id<InstanceId>("InstanceId");
    const auto index = call.in.required("DeviceIndex").empty() ? std::nullopt : call.in.number("DeviceIndex");
    if (call.in.number("NetworkCardIndex").value_or(0) != 0) {
        call.in.fault({Code::unsupported_operation, "The parameter NetworkCardIndex is not supported: an instance has one network card"});
    }
    call.in.refuse("EnaSrdSpecification", "there is no ENA Express here");
    call.in.refuse("EnaQueueCount", "the queues of an interface are its machine's affair here");
    AMIVIRT_TRY(call.ready());
    const auto its = AMIVIRT_TRY(Call::find_one<InstanceId>(instance, call.instance()));
    const auto attachment = AMIVIRT_TRY(call.services.network.interfaces.attach(call.account, id, its.id.str(), index.value_or(0)));
    call.out.text("attachmentId", attachment);
    call.out.number("networkCardIndex", 0);
    return {};
}

Result<void> detach_network_interface(Call& call) {
    const auto attachment = call.in.required("AttachmentId");
    call.in.accept("Force");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.interfaces.detach(call.account, attachment));
    call.yes();
    return {};
}

Result<void> modify_network_interface_attribute(Call& call) {
    const auto id = call.in.required("NetworkInterfaceId");
    InterfaceChange change;
    change.description = call.in.raw("Description.Value");
    change.source_dest_check = call.in.boolean("SourceDestCheck.Value");
    change.attachment = call.in.text("Attachment.AttachmentId").value_or("");
    change.delete_on_termination = call.in.boolean("Attachment.DeleteOnTermination");
    if (auto groups = call.in.texts("SecurityGroupId"); !groups.empty()) {
        change.groups = std::move(groups);
    }
    call.in.refuse("EnaSrdSpecification", "there is no ENA Express here");
    call.in.refuse("ConnectionTrackingSpecification", "no connections are tracked here");
    call.in.refuse("AssociatePublicIpAddress", "an interface gets its public address at the launch");
    call.in.refuse("AssociatedSubnetId", "an interface is in one subnet");
    call.in.refuse("Attachment.DefaultEnaQueueCount", "the queues of an interface are its machine's affair here");
    call.in.refuse("Attachment.EnaQueueCount", "the queues of an interface are its machine's affair here");
    call.in.refuse_unless("EnablePrimaryIpv6", "false", "there is no IPv6 here");
    if (!change.description && !change.source_dest_check && !change.delete_on_termination && !change.groups) {
        call.in.fault({Code::invalid_parameter_combination, "No attributes specified."});
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.interfaces.modify(call.account, id, change));
    call.yes();
    return {};
}

Result<void> describe_network_interface_attribute(Call& call) {
    const auto id = call.in.required("NetworkInterfaceId");
    const auto attribute = call.in.required("Attribute");
    if (attribute != "description" && attribute != "groupSet" && attribute != "sourceDestCheck" && attribute != "attachment") {
        call.in.fault({Code::invalid_parameter_value,
                       fmt::format("Value ({}) for parameter attribute is invalid. Unknown attribute.", printable(attribute))});
    }
    AMIVIRT_TRY(call.ready());
    const auto view = AMIVIRT_TRY(call.services.network.interfaces.describe(call.account, {id}, {})).front();
    Xml& out = call.out;
    out.text("networkInterfaceId", id);
    if (attribute == "groupSet") {
        groups(out, "groupSet", view.groups);
    } else if (attribute == "description") {
        out.in("description", [&] { out.some("value", view.its.description); });
    } else if (attribute == "sourceDestCheck") {
        out.in("sourceDestCheck", [&] { out.boolean("value", view.its.source_dest_check); });
    } else if (!view.its.instance.empty()) {
        out.in("attachment", [&] {
            out.text("attachmentId", view.its.attachment);
            out.text("instanceId", view.its.instance);
            out.text("instanceOwnerId", view.its.owner);
            out.number("deviceIndex", view.its.device_index);
            out.text("status", "attached");
            out.time("attachTime", view.its.attached);
            out.boolean("deleteOnTermination", view.its.delete_on_termination);
        });
    }
    return {};
}

Result<void> assign_private_ip_addresses(Call& call) {
    const auto id = call.in.required("NetworkInterfaceId");
    const auto wanted = call.in.texts("PrivateIpAddress");
    const auto more = call.in.number("SecondaryPrivateIpAddressCount");
    call.in.accept("AllowReassignment");
    refuse_what_no_interface_has(call.in);
    if (wanted.empty() && !more) {
        call.in.fault(
            {Code::missing_parameter, "The request must contain the parameter PrivateIpAddress or SecondaryPrivateIpAddressCount"});
    }
    AMIVIRT_TRY(call.ready());
    const auto added = AMIVIRT_TRY(call.services.network.interfaces.assign_addresses(call.account, id, wanted, more.value_or(0)));
    call.out.text("networkInterfaceId", id);
    call.out.list("assignedPrivateIpAddressesSet", added, [&](const std::string& ip) { call.out.text("privateIpAddress", ip); });
    return {};
}

Result<void> unassign_private_ip_addresses(Call& call) {
    const auto id = call.in.required("NetworkInterfaceId");
    const auto which = some_texts(call, "PrivateIpAddress");
    refuse_what_no_interface_has(call.in);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.interfaces.unassign_addresses(call.account, id, which));
    call.yes();
    return {};
}

Result<void> allocate_address(Call& call) {
    if (const auto domain = call.in.text("Domain"); domain && *domain != "vpc") {
        call.in.fault({Code::invalid_parameter_value, fmt::format("Invalid value '{}' for domain.", printable(*domain))});
    }
    for (const std::string_view name : {"Address", "PublicIpv4Pool", "CustomerOwnedIpv4Pool", "IpamPoolId"}) {
        call.in.refuse(name, "there are no address pools here");
    }
    call.in.accept("NetworkBorderGroup");
    auto tags = call.tag_specifications({"elastic-ip"});
    AMIVIRT_TRY(call.ready());
    const auto made = AMIVIRT_TRY(call.services.network.addresses.allocate(call.account, tags["elastic-ip"]));
    call.out.text("publicIp", made.public_ip);
    call.out.text("allocationId", made.id);
    call.out.text("publicIpv4Pool", "amazon");
    call.out.text("networkBorderGroup", call.services.region);
    call.out.text("domain", "vpc");
    return {};
}

namespace {

/// One of both.
std::pair<std::string, std::string> one_of(const Parameters& in, std::string_view one, std::string_view other) {
    std::pair said(in.text(one).value_or(""), in.text(other).value_or(""));
    if (said.first.empty() && said.second.empty()) {
        in.fault({Code::missing_parameter, fmt::format("The request must contain the parameter {} or {}", one, other)});
    }
    return said;
}

/// An address that has moved is listened for at once. What hinders that is told in the log: the association itself is done.
void lead_to_instances(Call& call) {
    if (const auto done = call.services.addresses.tidy(); !done) {
        call.ports.log.write(LogLevel::warning, "api", "public addresses: " + describe(done.error()));
    }
}

}  // namespace

Result<void> release_address(Call& call) {
    const auto [id, ip] = one_of(call.in, "AllocationId", "PublicIp");
    call.in.accept("NetworkBorderGroup");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.addresses.release(call.account, id, ip));
    call.yes();
    return {};
}

Result<void> associate_address(Call& call) {
    const auto [id, ip] = one_of(call.in, "AllocationId", "PublicIp");
    AddressTarget target;
    target.network_interface = call.in.text("NetworkInterfaceId").value_or("");
    target.instance = call.in.text("InstanceId").value_or("");
    target.private_ip = call.in.text("PrivateIpAddress").value_or("");
    if (target.network_interface.empty() == target.instance.empty()) {
        call.in.fault(
            target.instance.empty()
                ? Error(Code::missing_parameter, "Either instance ID or network interface ID must be specified")
                : Error(Code::invalid_parameter_combination, "Only one of instance ID and network interface ID may be specified"));
    }
    // Of an address in a VPC it is allowed unless it is said that it is not (source: EC2 AssociateAddress).
    const auto again = call.in.boolean("AllowReassociation").value_or(true) ? Reassociate::yes : Reassociate::no;
    AMIVIRT_TRY(call.ready());
    if (!target.instance.empty()) {
        target.instance = AMIVIRT_TRY(Call::find_one<InstanceId>(target.instance, call.instance())).id.str();
    }
    const auto association = AMIVIRT_TRY(call.services.network.addresses.associate(call.account, id, ip, target, again));
    lead_to_instances(call);
    call.out.text("associationId", association);
    return {};
}

Result<void> disassociate_address(Call& call) {
    const auto [association, ip] = one_of(call.in, "AssociationId", "PublicIp");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.addresses.disassociate(call.account, association, ip));
    lead_to_instances(call);
    call.yes();
    return {};
}

Result<void> describe_addresses(Call& call) {
    const auto ids = call.in.texts("AllocationId");
    const auto ips = call.in.texts("PublicIp");
    auto filters = call.filters();
    AMIVIRT_TRY(call.ready());
    // All addresses are of the region.
    bool elsewhere = false;
    std::erase_if(filters, [&](const Filter& filter) {
        const bool is = filter.name == "network-border-group";
        elsewhere = elsewhere || (is && std::none_of(filter.values.begin(), filter.values.end(), [&](const std::string& pattern) {
                                      return wildcard_match(pattern, call.services.region);
                                  }));
        return is;
    });
    auto all = AMIVIRT_TRY(call.services.network.addresses.describe(call.account, ids, ips, filters));
    if (elsewhere) {
        all.clear();
    }
    call.out.list("addressesSet", all, [&](const AddressView& each) { address(call.out, each, call.services.region); });
    return {};
}

Result<void> describe_addresses_attribute(Call& call) {
    const auto ids = call.in.texts("AllocationId");
    // The one there is: the domain name that an address leads back to. None has any here.
    if (const auto attribute = call.in.text("Attribute"); attribute && *attribute != "domain-name") {
        call.in.fault({Code::invalid_parameter_value,
                       fmt::format("Value ({}) for parameter attribute is invalid. Expected domain-name.", printable(*attribute))});
    }
    const Page page = call.page(false, 1);
    AMIVIRT_TRY(call.ready());
    std::string next;
    const auto all = Call::cut(
        AMIVIRT_TRY(call.services.network.addresses.describe(call.account, ids, {}, {})), page,
        [](const AddressView& each) { return each.its.id; }, next);
    call.out.list("addressSet", all, [&](const AddressView& each) {
        call.out.text("publicIp", each.its.public_ip);
        call.out.text("allocationId", each.its.id);
    });
    call.out.some("nextToken", next);
    return {};
}

}  // namespace amivirt::ec2
