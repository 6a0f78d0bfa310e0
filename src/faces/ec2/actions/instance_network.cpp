#include "faces/ec2/actions/instance_network.hpp"

#include <array>

namespace amivirt::ec2 {

namespace {

constexpr std::string_view k_prefix = "network-interface.";

/// What a filter of an instance asks of its first interface.
struct Same {
    std::string_view of_instance;
    std::string_view of_interface;
};
constexpr std::array k_same{
    Same{"availability-zone", "availability-zone"},
    Same{"availability-zone-id", "availability-zone-id"},
    Same{"group-id", "group-id"},
    Same{"group-name", "group-name"},
    Same{"instance.group-id", "group-id"},
    Same{"instance.group-name", "group-name"},
    Same{"private-dns-name", "private-dns-name"},
    Same{"private-ip-address", "private-ip-address"},
    Same{"source-dest-check", "source-dest-check"},
    Same{"subnet-id", "subnet-id"},
    Same{"vpc-id", "vpc-id"},
};

bool is_of_any(const Filter& filter) { return filter.name.starts_with(k_prefix); }

/// As a filter of DescribeNetworkInterfaces.
Filter of_interface(const Filter& filter) {
    if (is_of_any(filter)) {
        return {filter.name.substr(k_prefix.size()), filter.values};
    }
    const auto at = std::find_if(k_same.begin(), k_same.end(), [&](const Same& same) { return same.of_instance == filter.name; });
    return {std::string(at->of_interface), filter.values};
}

LaunchInterface interface_in(const Parameters& from) {
    LaunchInterface one;
    one.device_index = from.number("DeviceIndex").value_or(0);
    one.id = from.text("NetworkInterfaceId").value_or("");
    if (one.id.empty() && !from.has("DeviceIndex")) {
        static_cast<void>(from.required("DeviceIndex"));
    }
    one.subnet = from.text("SubnetId").value_or("");
    one.groups = from.texts("SecurityGroupId");
    one.private_ip = from.text("PrivateIpAddress").value_or("");
    one.description = from.text("Description").value_or("");
    one.public_ip = from.boolean("AssociatePublicIpAddress");
    one.delete_on_termination = from.boolean("DeleteOnTermination");
    for (const std::string_view name :
         {"Ipv6AddressCount", "Ipv6Addresses", "Ipv6Prefix", "Ipv6PrefixCount", "Ipv4Prefix", "Ipv4PrefixCount", "PrivateIpAddresses",
          "SecondaryPrivateIpAddressCount", "AssociateCarrierIpAddress", "EnaSrdSpecification", "ConnectionTrackingSpecification",
          "EnaQueueCount"}) {
        from.refuse(name, "a launch gives an interface one private address of IPv4");
    }
    from.refuse_unless("PrimaryIpv6", "false", "there is no IPv6 here");
    if (from.number("NetworkCardIndex").value_or(0) != 0) {
        from.fault({Code::unsupported_operation,
                    fmt::format("The parameter {} is not supported: an instance has one network card", from.full("NetworkCardIndex"))});
    }
    if (const auto type = from.text("InterfaceType"); type && *type != "interface") {
        from.fault({Code::unsupported_operation,
                    fmt::format("The parameter {} is not supported: {}", from.full("InterfaceType"), printable(*type))});
    }
    return one;
}

}  // namespace

LaunchNetwork launch_network_in(const Call& call, const Tags& tags) {
    const Parameters& in = call.in;
    LaunchNetwork wanted;
    // A zone's id is its name here.
    for (const std::string_view name : {"Placement.AvailabilityZone", "Placement.AvailabilityZoneId"}) {
        if (in.has(name)) {
            wanted.zone = call.zone(name);
        } else {
            in.accept(name);
        }
    }
    wanted.subnet = in.text("SubnetId").value_or("");
    wanted.groups = in.texts("SecurityGroupId");
    wanted.group_names = in.texts("SecurityGroup");
    wanted.private_ip = in.text("PrivateIpAddress").value_or("");
    for (const Parameters& each : in.list("NetworkInterface")) {
        wanted.interfaces.push_back(interface_in(each));
    }
    for (const std::string_view name : {"Ipv6AddressCount", "Ipv6Address"}) {
        in.refuse(name, "there is no IPv6 here");
    }
    wanted.tags = tags;
    return wanted;
}

std::vector<Filter> take_network_filters(std::vector<Filter>& filters) {
    std::vector<Filter> taken;
    std::erase_if(filters, [&](const Filter& filter) {
        const bool is = is_of_any(filter) ||
                        std::any_of(k_same.begin(), k_same.end(), [&](const Same& same) { return same.of_instance == filter.name; });
        if (is) {
            taken.push_back(filter);
        }
        return is;
    });
    return taken;
}

Result<void> check_network_filters(const std::vector<Filter>& taken) {
    for (const Filter& filter : taken) {
        if (!amivirt::check_network_filters<InterfaceView>({of_interface(filter)})) {
            return Error(Code::invalid_parameter_value, fmt::format("The filter '{}' is invalid", printable(filter.name)));
        }
    }
    return {};
}

bool passes_network_filters(const std::vector<InterfaceView>& interfaces, const std::vector<Filter>& taken) {
    return std::all_of(taken.begin(), taken.end(), [&](const Filter& filter) {
        const std::vector<Filter> its{of_interface(filter)};
        if (!is_of_any(filter)) {
            return !interfaces.empty() && network_matches(interfaces.front(), its);
        }
        return std::any_of(interfaces.begin(), interfaces.end(), [&](const InterfaceView& each) { return network_matches(each, its); });
    });
}

Result<Placed> placed(const Call& call, const std::vector<InstanceView>& views) {
    Placed all;
    all.default_zone = call.zone();
    std::vector<const Instance*> instances;
    for (const InstanceView& view : views) {
        instances.push_back(&view.instance);
    }
    all.interfaces = AMIVIRT_TRY(call.services.network.interfaces.of_instances(call.account, instances));
    return all;
}

}  // namespace amivirt::ec2
