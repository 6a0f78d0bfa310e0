#include "vnet.hpp"

#include <set>

#include "amivirt/domain/cidr.hpp"
#include "amivirt/services/public_addresses.hpp"

namespace amivirt {

namespace {

constexpr std::string_view k_default_cidr = "172.31.0.0/16";  // source: EC2's default VPC
constexpr unsigned k_default_subnet_prefix = 20;
constexpr std::uint32_t k_reserved_first = 4;  // of each subnet: its own, the router's, the name server's, one for later
constexpr std::string_view k_marker = "network";
constexpr std::size_t k_most_groups_of_interface = 5;  // source: EC2's quota
constexpr unsigned k_last_rule = 32767;                // what a network ACL ends with

std::string marker_key(const AccountId& account) { return document_key(std::string(k_marker), account.str()); }

AclEntry acl_entry(unsigned number, bool egress, bool allow) {
    AclEntry entry;
    entry.number = number;
    entry.protocol = "-1";
    entry.egress = egress;
    entry.allow = allow;
    entry.cidr = "0.0.0.0/0";
    return entry;
}

Result<NetworkAcl> default_acl(const VnetRecords& records, const std::string& vpc) {
    auto acls = AMIVIRT_TRY(records.list<NetworkAcl>([&](const NetworkAcl& acl) { return acl.vpc == vpc && acl.is_default; }));
    if (acls.empty()) {
        return Error(Code::store_corrupt, fmt::format("the VPC \"{}\" has no default network ACL", vpc));
    }
    return std::move(acls.front());
}

std::string default_domain(const std::string& region) { return region == "us-east-1" ? "ec2.internal" : region + ".compute.internal"; }

/// The account's default options, which are made once.
Result<std::string> default_dhcp_options(const VnetPorts& ports, const VnetRecords& records) {
    DhcpOptions options;
    options.options = {{"domain-name", {default_domain(ports.region)}}, {"domain-name-servers", {"AmazonProvidedDNS"}}};
    for (const DhcpOptions& other : AMIVIRT_TRY(records.list<DhcpOptions>())) {
        if (other.options == options.options) {
            return other.id;
        }
    }
    options.id = fresh_id<DhcpOptions>(ports.ids);
    options.owner = records.account().str();
    AMIVIRT_TRY(records.insert(options, ports.clock.now()));
    return options.id;
}

/// What the records lack of what is so.
struct Behind {
    bool network = false;                 ///< there is none yet
    std::vector<Instance> bare;           ///< instances without an interface
    std::vector<NetworkInterface> stale;  ///< attached to what is gone
    [[nodiscard]] bool nothing() const { return !network && bare.empty() && stale.empty(); }
};

Result<Behind> behind(const VnetRecords& records) {
    Behind found;
    found.network = !AMIVIRT_TRY(records.session().documents().find(marker_key(records.account())));
    std::set<std::string> living;
    std::vector<Instance> own;
    for (Instance& instance : AMIVIRT_TRY(records.session().instances().list()).records) {
        if (instance.owner == records.account() && instance.state != InstanceState::terminated) {
            living.insert(instance.id.str());
            own.push_back(std::move(instance));
        }
    }
    std::set<std::string> attached;
    for (NetworkInterface& each : AMIVIRT_TRY(records.list<NetworkInterface>())) {
        if (each.instance.empty()) {
            continue;
        }
        if (living.contains(each.instance)) {
            attached.insert(each.instance);
        } else {
            found.stale.push_back(std::move(each));
        }
    }
    for (Instance& instance : own) {
        if (!attached.contains(instance.id.str())) {
            found.bare.push_back(std::move(instance));
        }
    }
    return found;
}

Result<void> catch_up(const VnetPorts& ports, const VnetRecords& records) {
    AMIVIRT_TRY(ensure_network(ports, records));
    Behind found = AMIVIRT_TRY(behind(records));
    for (NetworkInterface& each : found.stale) {
        if (each.delete_on_termination) {
            AMIVIRT_TRY(dissociate_addresses(records, each.id));
            AMIVIRT_TRY(records.erase(each));
        } else {
            each.instance.clear();
            each.attachment.clear();
            AMIVIRT_TRY(records.update(each));
            AMIVIRT_TRY(lead_addresses(records, each));
        }
    }
    if (found.bare.empty()) {
        return {};
    }
    // Launched by the command line, or before there was a network.
    const auto zone = zones_of(ports.region).front();
    const auto subnets =
        AMIVIRT_TRY(records.list<Subnet>([&](const Subnet& subnet) { return subnet.default_for_zone && subnet.zone == zone; }));
    if (subnets.empty()) {
        return {};
    }
    const SecurityGroup group = AMIVIRT_TRY(default_group(records, subnets.front().vpc));
    auto all = AMIVIRT_TRY(records.list<NetworkInterface>());
    for (const Instance& instance : found.bare) {
        NetworkInterface its = primary_interface(ports, subnets.front(), instance);
        auto ip = pick_private_ip(subnets.front(), all, "");
        if (!ip) {
            return {};  // full: what is left stays without
        }
        its.addresses = {std::move(*ip)};
        its.groups = {group.id};
        AMIVIRT_TRY(records.insert(its, ports.clock.now()));
        all.push_back(std::move(its));
    }
    return {};
}

/// Can catch_up() do anything about it?
Result<bool> is_behind(const VnetPorts& ports, const VnetRecords& records) {
    const Behind found = AMIVIRT_TRY(behind(records));
    if (found.nothing() || found.network || !found.stale.empty()) {
        return !found.nothing();
    }
    const auto zone = zones_of(ports.region).front();
    const auto subnets =
        AMIVIRT_TRY(records.list<Subnet>([&](const Subnet& subnet) { return subnet.default_for_zone && subnet.zone == zone; }));
    return !subnets.empty() && free_addresses(subnets.front(), AMIVIRT_TRY(records.list<NetworkInterface>())) > 0;
}

}  // namespace

Result<void> look_at_network(const VnetPorts& ports, const AccountId& account, const std::function<Result<void>(VnetRecords&)>& body) {
    bool late = false;
    const auto look = [&](CatalogSession& session) -> Result<void> {
        VnetRecords records(session, account);
        late = AMIVIRT_TRY(is_behind(ports, records));
        return late ? Result<void>() : body(records);
    };
    AMIVIRT_TRY(ports.catalog.read(look));
    return late ? change_network(ports, account, body) : Result<void>();
}

Result<void> change_network(const VnetPorts& ports, const AccountId& account, const std::function<Result<void>(VnetRecords&)>& body) {
    return ports.catalog.write([&](CatalogSession& session) -> Result<void> {
        VnetRecords records(session, account);
        AMIVIRT_TRY(catch_up(ports, records));
        return body(records);
    });
}

Result<void> ensure_network(const VnetPorts& ports, const VnetRecords& records) {
    if (AMIVIRT_TRY(records.session().documents().find(marker_key(records.account())))) {
        return {};
    }
    AMIVIRT_TRY(make_default_network(ports, records));
    return records.session().documents().insert(
        {marker_key(records.account()), std::string(k_marker), records.account().str(), "{}", ports.clock.now()});
}

Result<void> dissociate(const VnetRecords& records, ElasticAddress& address) {
    address.association.clear();
    address.network_interface.clear();
    address.private_ip.clear();
    AMIVIRT_TRY(records.update(address));
    return lead_loopback_address(records.session(), address.public_ip, "");
}

Result<void> dissociate_addresses(const VnetRecords& records, const std::string& network_interface) {
    for (ElasticAddress& address : AMIVIRT_TRY(records.list<ElasticAddress>())) {
        if (address.network_interface == network_interface) {
            AMIVIRT_TRY(dissociate(records, address));
        }
    }
    return {};
}

Result<void> lead_addresses(const VnetRecords& records, const NetworkInterface& its) {
    for (const ElasticAddress& address : AMIVIRT_TRY(records.list<ElasticAddress>())) {
        if (address.network_interface == its.id) {
            const bool leads = its.device_index == 0 && address.private_ip == its.addresses.front();
            AMIVIRT_TRY(lead_loopback_address(records.session(), address.public_ip, leads ? its.instance : ""));
        }
    }
    return {};
}

Result<Vpc> make_vpc(const VnetPorts& ports, const VnetRecords& records, Vpc vpc) {
    const TimePoint now = ports.clock.now();
    const std::string owner = records.account().str();
    vpc.id = fresh_id<Vpc>(ports.ids);
    vpc.owner = owner;
    vpc.cidr_association = "vpc-cidr-assoc-" + ports.ids.hex17();
    vpc.dhcp_options = AMIVIRT_TRY(default_dhcp_options(ports, records));
    AMIVIRT_TRY(records.insert(vpc, now));

    SecurityGroup group;
    group.id = fresh_id<SecurityGroup>(ports.ids);
    group.owner = owner;
    group.vpc = vpc.id;
    group.name = "default";
    group.description = "default VPC security group";
    SecurityGroupRule rule;
    rule.id = "sgr-" + ports.ids.hex17();
    rule.protocol = "-1";
    rule.peer = group.id;
    rule.peer_owner = owner;
    group.rules.push_back(rule);
    group.rules.push_back({});
    group.rules.back().id = "sgr-" + ports.ids.hex17();
    group.rules.back().protocol = "-1";
    group.rules.back().egress = true;
    group.rules.back().cidr = "0.0.0.0/0";
    AMIVIRT_TRY(records.insert(group, now));

    RouteTable table;
    table.id = fresh_id<RouteTable>(ports.ids);
    table.owner = owner;
    table.vpc = vpc.id;
    table.routes.push_back({});
    table.routes.back().cidr = vpc.cidr;
    table.routes.back().gateway = "local";
    table.routes.back().origin = "CreateRouteTable";
    table.associations.push_back({"rtbassoc-" + ports.ids.hex17(), "", "", true});
    AMIVIRT_TRY(records.insert(table, now));

    NetworkAcl acl;
    acl.id = fresh_id<NetworkAcl>(ports.ids);
    acl.owner = owner;
    acl.vpc = vpc.id;
    acl.is_default = true;
    for (const bool egress : {true, false}) {
        acl.entries.push_back(acl_entry(100, egress, true));
        acl.entries.push_back(acl_entry(k_last_rule, egress, false));
    }
    AMIVIRT_TRY(records.insert(acl, now));
    return vpc;
}

Result<Vpc> make_default_network(const VnetPorts& ports, const VnetRecords& records) {
    Vpc wanted;
    wanted.cidr = k_default_cidr;
    wanted.is_default = true;
    wanted.dns_hostnames = true;
    Vpc vpc = AMIVIRT_TRY(make_vpc(ports, records, std::move(wanted)));
    Cidr block = *Cidr::parse(k_default_cidr);
    block.prefix = k_default_subnet_prefix;
    for (const std::string& zone : zones_of(ports.region)) {
        Subnet subnet;
        subnet.vpc = vpc.id;
        subnet.zone = zone;
        subnet.cidr = block.str();
        subnet.default_for_zone = true;
        subnet.map_public_ip = true;
        AMIVIRT_TRY(make_subnet(ports, records, subnet));
        block.address += static_cast<std::uint32_t>(block.size());
    }
    InternetGateway gateway;
    gateway.id = fresh_id<InternetGateway>(ports.ids);
    gateway.owner = records.account().str();
    gateway.vpc = vpc.id;
    AMIVIRT_TRY(records.insert(gateway, ports.clock.now()));
    for (RouteTable& table : AMIVIRT_TRY(records.list<RouteTable>([&](const RouteTable& each) { return each.vpc == vpc.id; }))) {
        Route out;
        out.cidr = "0.0.0.0/0";
        out.gateway = gateway.id;
        table.routes.push_back(std::move(out));
        AMIVIRT_TRY(records.update(table));
    }
    return vpc;
}

Result<void> make_subnet(const VnetPorts& ports, const VnetRecords& records, Subnet& subnet) {
    subnet.id = fresh_id<Subnet>(ports.ids);
    subnet.owner = records.account().str();
    AMIVIRT_TRY(records.insert(subnet, ports.clock.now()));
    NetworkAcl acl = AMIVIRT_TRY(default_acl(records, subnet.vpc));
    acl.associations.push_back({"aclassoc-" + ports.ids.hex17(), subnet.id});
    return records.update(acl);
}

Result<std::optional<Vpc>> find_default_vpc(const VnetRecords& records) {
    auto all = AMIVIRT_TRY(records.list<Vpc>([](const Vpc& vpc) { return vpc.is_default; }));
    return all.empty() ? std::optional<Vpc>() : std::optional<Vpc>(std::move(all.front()));
}

Result<SecurityGroup> find_group(const VnetRecords& records, const std::string& id, const std::string& name) {
    if (!id.empty()) {
        return records.get<SecurityGroup>(id);
    }
    const auto vpc = AMIVIRT_TRY(find_default_vpc(records));
    if (!vpc) {
        return Error(Code::vpc_id_not_specified, "No default VPC for this user");
    }
    auto groups =
        AMIVIRT_TRY(records.list<SecurityGroup>([&](const SecurityGroup& group) { return group.vpc == vpc->id && group.name == name; }));
    if (groups.empty()) {
        return Error(Code::invalid_group_not_found,
                     fmt::format("The security group '{}' does not exist in default VPC '{}'", name, vpc->id));
    }
    return std::move(groups.front());
}

Result<SecurityGroup> default_group(const VnetRecords& records, const std::string& vpc) {
    auto groups =
        AMIVIRT_TRY(records.list<SecurityGroup>([&](const SecurityGroup& group) { return group.vpc == vpc && group.name == "default"; }));
    if (groups.empty()) {
        return Error(Code::store_corrupt, fmt::format("the VPC \"{}\" has no default security group", vpc));
    }
    return std::move(groups.front());
}

namespace {

std::set<std::uint32_t> taken_in(const Subnet& subnet, const std::vector<NetworkInterface>& interfaces) {
    std::set<std::uint32_t> taken;
    for (const NetworkInterface& each : interfaces) {
        if (each.subnet == subnet.id) {
            for (const std::string& address : each.addresses) {
                taken.insert(parse_ipv4(address).value_or(0));
            }
        }
    }
    return taken;
}

}  // namespace

std::uint64_t free_addresses(const Subnet& subnet, const std::vector<NetworkInterface>& interfaces) {
    const auto block = Cidr::parse(subnet.cidr).value_or(Cidr{0, 32});
    const std::uint64_t gone = k_reserved_first + 1 + taken_in(subnet, interfaces).size();
    return block.size() > gone ? block.size() - gone : 0;
}

Result<std::string> pick_private_ip(const Subnet& subnet, const std::vector<NetworkInterface>& interfaces, const std::string& wanted) {
    const auto block = Cidr::parse(subnet.cidr).value_or(Cidr{0, 32});
    const auto taken = taken_in(subnet, interfaces);
    const auto last = static_cast<std::uint32_t>(block.address + block.size() - 1);  // the broadcast address: reserved too
    if (!wanted.empty()) {
        const auto address = parse_ipv4(wanted);
        if (!address) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("Value ({}) for parameter address is invalid. Invalid IPv4 address", wanted));
        }
        if (!block.contains(*address)) {
            return Error(Code::invalid_parameter_value, "Address does not fall within the subnet's address range");
        }
        if (*address < block.address + k_reserved_first || *address == last) {
            return Error(Code::invalid_parameter_value, "Address is in subnet's reserved address range");
        }
        if (taken.contains(*address)) {
            return Error(Code::invalid_ip_address_in_use, fmt::format("Address {} is in use.", wanted));
        }
        return wanted;
    }
    for (std::uint32_t address = block.address + k_reserved_first; address < last; ++address) {
        if (!taken.contains(address)) {
            return format_ipv4(address);
        }
    }
    return Error(Code::insufficient_free_addresses, fmt::format("There are not enough free addresses in subnet '{}'", subnet.id));
}

Result<std::vector<std::string>> check_groups(const VnetRecords& records, const Subnet& subnet, const std::vector<std::string>& ids) {
    std::vector<std::string> groups;
    for (const std::string& id : ids) {
        const SecurityGroup group = AMIVIRT_TRY(records.get<SecurityGroup>(id));
        if (group.vpc != subnet.vpc) {
            return Error(Code::invalid_parameter,
                         fmt::format("Security group {} and subnet {} belong to different networks.", id, subnet.id));
        }
        if (std::find(groups.begin(), groups.end(), id) == groups.end()) {
            groups.push_back(id);
        }
    }
    if (groups.empty()) {
        groups.push_back(AMIVIRT_TRY(default_group(records, subnet.vpc)).id);
    }
    if (groups.size() > k_most_groups_of_interface) {
        return Error(Code::security_groups_per_interface_exceeded, "The maximum number of security groups per interface has been reached.");
    }
    return groups;
}

Result<std::vector<InterfaceView>> view_interfaces(const VnetPorts& ports, const VnetRecords& records,
                                                   std::vector<NetworkInterface> interfaces) {
    const auto groups = AMIVIRT_TRY(records.list<SecurityGroup>());
    const auto addresses = AMIVIRT_TRY(records.list<ElasticAddress>());
    std::vector<InterfaceView> views;
    for (NetworkInterface& each : interfaces) {
        InterfaceView view;
        for (const std::string& id : each.groups) {
            const auto at = std::find_if(groups.begin(), groups.end(), [&](const SecurityGroup& group) { return group.id == id; });
            view.groups.push_back({id, at == groups.end() ? "" : at->name});
        }
        const auto elastic =
            std::find_if(addresses.begin(), addresses.end(), [&](const ElasticAddress& one) { return one.network_interface == each.id; });
        if (elastic != addresses.end()) {
            view.elastic = *elastic;
        }
        view.private_dns = private_dns_name(each.addresses.empty() ? "" : each.addresses.front(), ports.region);
        view.its = std::move(each);
        views.push_back(std::move(view));
    }
    return views;
}

NetworkInterface primary_interface(const VnetPorts& ports, const Subnet& subnet, const Instance& instance) {
    NetworkInterface its;
    its.id = fresh_id<NetworkInterface>(ports.ids);
    its.owner = instance.owner.str();
    its.vpc = subnet.vpc;
    its.subnet = subnet.id;
    its.zone = subnet.zone;
    its.mac = instance.mac_address;
    its.public_ip = subnet.map_public_ip;
    its.instance = instance.id.str();
    its.attachment = "eni-attach-" + ports.ids.hex17();
    its.delete_on_termination = true;
    its.attached = instance.launched;
    return its;
}

}  // namespace amivirt
