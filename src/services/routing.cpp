#include "amivirt/services/routing.hpp"

#include "amivirt/domain/cidr.hpp"
#include "vnet.hpp"

namespace amivirt {

namespace {

Error in_use(std::string_view what, const std::string& id) {
    return {Code::dependency_violation, fmt::format("The {} '{}' has dependencies and cannot be deleted.", what, id)};
}

bool same_destination(const Route& one, const Route& other) {
    return one.cidr == other.cidr && one.cidr6 == other.cidr6 && one.prefix_list == other.prefix_list;
}

std::string destination_of(const Route& route) {
    return !route.cidr.empty() ? route.cidr : !route.cidr6.empty() ? route.cidr6 : route.prefix_list;
}

/// One destination, in its canonical form.
Result<void> check_destination(Route& route) {
    const int said = (route.cidr.empty() ? 0 : 1) + (route.cidr6.empty() ? 0 : 1) + (route.prefix_list.empty() ? 0 : 1);
    if (said == 0) {
        return Error(Code::missing_parameter, "The request must contain the parameter destinationCidrBlock");
    }
    if (said > 1) {
        return Error(Code::invalid_parameter_combination, "A route has one destination, not several");
    }
    if (!route.cidr.empty()) {
        const auto block = Cidr::parse(route.cidr);
        if (!block) {
            return Error(
                Code::invalid_parameter_value,
                fmt::format("Value ({}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", route.cidr));
        }
        route.cidr = block->str();
    }
    if (!route.cidr6.empty()) {
        auto block = canonical_ipv6_cidr(route.cidr6);
        if (!block) {
            return Error(
                Code::invalid_parameter_value,
                fmt::format("Value ({}) for parameter destinationIpv6CidrBlock is invalid. This is not a valid CIDR block.", route.cidr6));
        }
        route.cidr6 = std::move(*block);
    }
    return {};
}

/// One target, which is there and belongs to the table's VPC; an instance's is its first interface (source: EC2).
Result<void> check_target(const VnetRecords& records, const RouteTable& table, Route& route) {
    const int said = (route.gateway.empty() ? 0 : 1) + (route.network_interface.empty() ? 0 : 1) + (route.instance.empty() ? 0 : 1);
    if (said != 1) {
        return Error(said == 0 ? Code::missing_parameter : Code::invalid_parameter_combination,
                     said == 0 ? "The request must contain a target: gatewayId, instanceId or networkInterfaceId"
                               : "A route has one target, not several");
    }
    if (!route.gateway.empty() && route.gateway != "local") {
        const auto gateway = AMIVIRT_TRY(records.get<InternetGateway>(route.gateway));
        if (gateway.vpc != table.vpc) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("route table {} and network gateway {} belong to different networks", table.id, route.gateway));
        }
        return {};
    }
    if (route.gateway == "local") {
        return {};
    }
    NetworkInterface its;
    if (!route.network_interface.empty()) {
        its = AMIVIRT_TRY(records.get<NetworkInterface>(route.network_interface));
    } else {
        auto all = AMIVIRT_TRY(records.list<NetworkInterface>(
            [&](const NetworkInterface& each) { return each.instance == route.instance && each.device_index == 0; }));
        if (all.empty()) {
            return Error(Code::invalid_instance_id_not_found, fmt::format("The instance ID '{}' does not exist", route.instance));
        }
        its = std::move(all.front());
    }
    if (its.vpc != table.vpc) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("route table {} and interface {} belong to different networks", table.id, its.id));
    }
    route.network_interface = its.id;
    route.instance = its.instance;
    return {};
}

struct Associated {
    RouteTable table;
    std::size_t at = 0;
};

Result<Associated> find_association(const VnetRecords& records, const std::string& id) {
    for (RouteTable& table : AMIVIRT_TRY(records.list<RouteTable>())) {
        for (std::size_t i = 0; i < table.associations.size(); ++i) {
            if (table.associations[i].id == id) {
                return Associated{std::move(table), i};
            }
        }
    }
    return Error(Code::invalid_association_not_found, fmt::format("The association ID '{}' does not exist", id));
}

}  // namespace

Result<std::vector<RouteTable>> Routing::describe_tables(const AccountId& caller, const std::vector<std::string>& ids,
                                                         const std::vector<Filter>& filters) {
    AMIVIRT_TRY(check_network_filters<RouteTable>(filters));
    std::vector<RouteTable> found;
    AMIVIRT_TRY(look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        found = AMIVIRT_TRY(choose_records<RouteTable>(records, ids));
        return {};
    }));
    std::erase_if(found, [&](const RouteTable& table) { return !network_matches(table, filters); });
    return found;
}

Result<RouteTable> Routing::create_table(const AccountId& caller, const std::string& vpc, const Tags& tags) {
    AMIVIRT_TRY(check_tags(tags));
    RouteTable table;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const Vpc its = AMIVIRT_TRY(records.get<Vpc>(vpc));
        table = {};
        table.id = fresh_id<RouteTable>(ports_.ids);
        table.owner = caller.str();
        table.vpc = its.id;
        table.tags = tags;
        Route local;
        local.cidr = its.cidr;
        local.gateway = "local";
        local.origin = "CreateRouteTable";
        table.routes.push_back(std::move(local));
        return records.insert(table, ports_.clock.now());
    }));
    return table;
}

Result<void> Routing::erase_table(const AccountId& caller, const std::string& id) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const RouteTable table = AMIVIRT_TRY(records.get<RouteTable>(id));
        if (!table.associations.empty()) {
            return in_use("routeTable", id);
        }
        return records.erase(table);
    });
}

Result<std::string> Routing::associate(const AccountId& caller, const std::string& id, const std::string& subnet) {
    std::string association;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        RouteTable table = AMIVIRT_TRY(records.get<RouteTable>(id));
        const Subnet its = AMIVIRT_TRY(records.get<Subnet>(subnet));
        if (its.vpc != table.vpc) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("route table {} and subnet {} belong to different networks", id, subnet));
        }
        for (const RouteTable& other : AMIVIRT_TRY(records.list<RouteTable>())) {
            for (const RouteTableAssociation& each : other.associations) {
                if (each.subnet != subnet) {
                    continue;
                }
                if (other.id == id) {
                    association = each.id;  // done before
                    return {};
                }
                return Error(Code::resource_already_associated,
                             fmt::format("the specified association for route table {} conflicts with an existing association", id));
            }
        }
        association = "rtbassoc-" + ports_.ids.hex17();
        table.associations.push_back({association, subnet, "", false});
        return records.update(table);
    }));
    return association;
}

Result<void> Routing::disassociate(const AccountId& caller, const std::string& association) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        Associated found = AMIVIRT_TRY(find_association(records, association));
        if (found.table.associations[found.at].main) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("cannot disassociate the main route table association {}", association));
        }
        found.table.associations.erase(found.table.associations.begin() + static_cast<std::ptrdiff_t>(found.at));
        return records.update(found.table);
    });
}

Result<std::string> Routing::replace_association(const AccountId& caller, const std::string& association, const std::string& id) {
    std::string fresh;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        Associated found = AMIVIRT_TRY(find_association(records, association));
        if (found.table.id == id) {
            fresh = association;
            return {};
        }
        RouteTable table = AMIVIRT_TRY(records.get<RouteTable>(id));
        if (table.vpc != found.table.vpc) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("route tables {} and {} belong to different networks", found.table.id, id));
        }
        RouteTableAssociation moved = found.table.associations[found.at];
        found.table.associations.erase(found.table.associations.begin() + static_cast<std::ptrdiff_t>(found.at));
        AMIVIRT_TRY(records.update(found.table));
        moved.id = "rtbassoc-" + ports_.ids.hex17();
        fresh = moved.id;
        table.associations.push_back(std::move(moved));
        return records.update(table);
    }));
    return fresh;
}

Result<void> Routing::create_route(const AccountId& caller, const std::string& id, Route route) {
    AMIVIRT_TRY(check_destination(route));
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        RouteTable table = AMIVIRT_TRY(records.get<RouteTable>(id));
        Route added = route;
        AMIVIRT_TRY(check_target(records, table, added));
        if (std::any_of(table.routes.begin(), table.routes.end(), [&](const Route& each) { return same_destination(each, added); })) {
            return Error(Code::route_already_exists, fmt::format("The route identified by {} already exists.", destination_of(added)));
        }
        table.routes.push_back(std::move(added));
        return records.update(table);
    });
}

Result<void> Routing::replace_route(const AccountId& caller, const std::string& id, Route route) {
    AMIVIRT_TRY(check_destination(route));
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        RouteTable table = AMIVIRT_TRY(records.get<RouteTable>(id));
        Route changed = route;
        AMIVIRT_TRY(check_target(records, table, changed));
        const auto at =
            std::find_if(table.routes.begin(), table.routes.end(), [&](const Route& each) { return same_destination(each, changed); });
        if (at == table.routes.end()) {
            return Error(
                Code::invalid_parameter_value,
                fmt::format("There is no route defined for '{}' in the route table. Use CreateRoute instead.", destination_of(changed)));
        }
        changed.origin = at->origin;
        *at = std::move(changed);
        return records.update(table);
    });
}

Result<void> Routing::erase_route(const AccountId& caller, const std::string& id, const Route& destination) {
    Route wanted = destination;
    AMIVIRT_TRY(check_destination(wanted));
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        RouteTable table = AMIVIRT_TRY(records.get<RouteTable>(id));
        const auto at =
            std::find_if(table.routes.begin(), table.routes.end(), [&](const Route& each) { return same_destination(each, wanted); });
        if (at == table.routes.end()) {
            return Error(Code::invalid_route_not_found,
                         fmt::format("no route with destination-cidr-block {} in route table {}", destination_of(wanted), id));
        }
        if (at->origin == "CreateRouteTable") {
            return Error(Code::invalid_parameter_value,
                         fmt::format("cannot remove local route {} in route table {}", destination_of(wanted), id));
        }
        table.routes.erase(at);
        return records.update(table);
    });
}

Result<std::vector<InternetGateway>> Routing::describe_gateways(const AccountId& caller, const std::vector<std::string>& ids,
                                                                const std::vector<Filter>& filters) {
    AMIVIRT_TRY(check_network_filters<InternetGateway>(filters));
    std::vector<InternetGateway> found;
    AMIVIRT_TRY(look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        found = AMIVIRT_TRY(choose_records<InternetGateway>(records, ids));
        return {};
    }));
    std::erase_if(found, [&](const InternetGateway& gateway) { return !network_matches(gateway, filters); });
    return found;
}

Result<InternetGateway> Routing::create_gateway(const AccountId& caller, const Tags& tags) {
    AMIVIRT_TRY(check_tags(tags));
    InternetGateway gateway;
    gateway.id = fresh_id<InternetGateway>(ports_.ids);
    gateway.owner = caller.str();
    gateway.tags = tags;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) { return records.insert(gateway, ports_.clock.now()); }));
    return gateway;
}

Result<void> Routing::erase_gateway(const AccountId& caller, const std::string& id) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const auto gateway = AMIVIRT_TRY(records.get<InternetGateway>(id));
        if (!gateway.vpc.empty()) {
            return in_use("internetGateway", id);
        }
        return records.erase(gateway);
    });
}

Result<void> Routing::attach_gateway(const AccountId& caller, const std::string& id, const std::string& vpc) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        auto gateway = AMIVIRT_TRY(records.get<InternetGateway>(id));
        AMIVIRT_TRY(records.get<Vpc>(vpc));
        if (!gateway.vpc.empty()) {
            return Error(Code::resource_already_associated, fmt::format("resource {} is already attached to network {}", id, gateway.vpc));
        }
        for (const InternetGateway& other : AMIVIRT_TRY(records.list<InternetGateway>())) {
            if (other.vpc == vpc) {
                return Error(Code::invalid_parameter_value, fmt::format("Network {} already has an internet gateway attached", vpc));
            }
        }
        gateway.vpc = vpc;
        return records.update(gateway);
    });
}

Result<void> Routing::detach_gateway(const AccountId& caller, const std::string& id, const std::string& vpc) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        auto gateway = AMIVIRT_TRY(records.get<InternetGateway>(id));
        AMIVIRT_TRY(records.get<Vpc>(vpc));
        if (gateway.vpc != vpc) {
            return Error(Code::gateway_not_attached, fmt::format("resource {} is not attached to network {}", id, vpc));
        }
        for (const ElasticAddress& address : AMIVIRT_TRY(records.list<ElasticAddress>())) {
            const auto its = address.network_interface.empty() ? std::optional<NetworkInterface>()
                                                               : AMIVIRT_TRY(records.find<NetworkInterface>(address.network_interface));
            if (its && its->vpc == vpc) {
                return Error(Code::dependency_violation,
                             fmt::format("Network {} has some mapped public address(es). Please unmap those public address(es) before "
                                         "detaching the gateway.",
                                         vpc));
            }
        }
        gateway.vpc.clear();
        return records.update(gateway);
    });
}

Result<std::vector<DhcpOptions>> Routing::describe_options(const AccountId& caller, const std::vector<std::string>& ids,
                                                           const std::vector<Filter>& filters) {
    AMIVIRT_TRY(check_network_filters<DhcpOptions>(filters));
    std::vector<DhcpOptions> found;
    AMIVIRT_TRY(look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        found = AMIVIRT_TRY(choose_records<DhcpOptions>(records, ids));
        return {};
    }));
    std::erase_if(found, [&](const DhcpOptions& options) { return !network_matches(options, filters); });
    return found;
}

Result<DhcpOptions> Routing::create_options(const AccountId& caller, const std::map<std::string, std::vector<std::string>>& options,
                                            const Tags& tags) {
    AMIVIRT_TRY(check_tags(tags));
    static constexpr std::string_view k_known[] = {"domain-name",          "domain-name-servers", "ntp-servers",
                                                   "netbios-name-servers", "netbios-node-type",   "ipv6-address-preferred-lease-time"};
    if (options.empty()) {
        return Error(Code::missing_parameter, "The request must contain the parameter DhcpConfiguration");
    }
    for (const auto& [key, values] : options) {
        if (std::find(std::begin(k_known), std::end(k_known), key) == std::end(k_known)) {
            return Error(Code::invalid_parameter_value, fmt::format("Value ({}) for parameter key is invalid. Unknown DHCP option", key));
        }
        if (values.empty()) {
            return Error(Code::invalid_parameter_value, fmt::format("The DHCP option '{}' has no value", key));
        }
    }
    DhcpOptions made;
    made.id = fresh_id<DhcpOptions>(ports_.ids);
    made.owner = caller.str();
    made.options = options;
    made.tags = tags;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) { return records.insert(made, ports_.clock.now()); }));
    return made;
}

Result<void> Routing::erase_options(const AccountId& caller, const std::string& id) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const auto options = AMIVIRT_TRY(records.get<DhcpOptions>(id));
        if (!AMIVIRT_TRY(records.list<Vpc>([&](const Vpc& vpc) { return vpc.dhcp_options == id; })).empty()) {
            return in_use("dhcpOptions", id);
        }
        return records.erase(options);
    });
}

}  // namespace amivirt
