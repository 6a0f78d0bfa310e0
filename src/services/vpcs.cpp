#include "amivirt/services/vpcs.hpp"

#include "amivirt/domain/cidr.hpp"
#include "amivirt/domain/virtual_network_filter.hpp"
#include "vnet.hpp"

namespace amivirt {

namespace {

constexpr std::size_t k_most_vpcs = 100;
constexpr unsigned k_largest = 16;  // prefixes of VPCs and subnets (source: EC2)
constexpr unsigned k_smallest = 28;

Result<Cidr> block_of(const std::string& text, Code out_of_range) {
    const auto block = Cidr::parse(text);
    if (!block) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("Value ({}) for parameter cidrBlock is invalid. This is not a valid CIDR block.", text));
    }
    if (block->prefix < k_largest || block->prefix > k_smallest) {
        return Error(out_of_range, fmt::format("The CIDR '{}' is invalid.", text));
    }
    return *block;
}

Result<void> check_zone(const std::string& region, const std::string& zone) {
    const auto zones = zones_of(region);
    if (std::find(zones.begin(), zones.end(), zone) == zones.end()) {
        return Error(
            Code::invalid_parameter_value,
            fmt::format("Value ({}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following "
                        "availability zones: {}.",
                        zone, fmt::join(zones, ", ")));
    }
    return {};
}

template <class Record>
Result<bool> any_in(const VnetRecords& records, const std::string& vpc) {
    return !AMIVIRT_TRY(records.list<Record>([&](const Record& record) { return record.vpc == vpc; })).empty();
}

/// Room for a subnet of this block in the VPC.
Result<void> check_room(const VnetRecords& records, const Vpc& vpc, const Cidr& block) {
    if (!Cidr::parse(vpc.cidr).value_or(Cidr{0, 32}).contains(block)) {
        return Error(Code::invalid_subnet_range, fmt::format("The CIDR '{}' is invalid.", block.str()));
    }
    for (const Subnet& other : AMIVIRT_TRY(records.list<Subnet>([&](const Subnet& each) { return each.vpc == vpc.id; }))) {
        if (Cidr::parse(other.cidr).value_or(Cidr{0, 32}).overlaps(block)) {
            return Error(Code::invalid_subnet_conflict, fmt::format("The CIDR '{}' conflicts with another subnet", block.str()));
        }
    }
    return {};
}

Error has_dependencies(std::string_view what, const std::string& id) {
    return {Code::dependency_violation, fmt::format("The {} '{}' has dependencies and cannot be deleted.", what, id)};
}

}  // namespace

Result<std::vector<Vpc>> Vpcs::describe(const AccountId& caller, const std::vector<std::string>& ids, const std::vector<Filter>& filters) {
    AMIVIRT_TRY(check_network_filters<Vpc>(filters));
    std::vector<Vpc> found;
    AMIVIRT_TRY(look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        found = AMIVIRT_TRY(choose_records<Vpc>(records, ids));
        return {};
    }));
    std::erase_if(found, [&](const Vpc& vpc) { return !network_matches(vpc, filters); });
    return found;
}

Result<std::optional<Vpc>> Vpcs::default_vpc(const AccountId& caller) {
    std::optional<Vpc> found;
    AMIVIRT_TRY(look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        found = AMIVIRT_TRY(find_default_vpc(records));
        return {};
    }));
    return found;
}

Result<Vpc> Vpcs::create(const AccountId& caller, const std::string& cidr, const std::string& tenancy, const Tags& tags) {
    AMIVIRT_TRY(check_tags(tags));
    const Cidr block = AMIVIRT_TRY(block_of(cidr, Code::invalid_vpc_range));
    if (tenancy != "default" && tenancy != "dedicated") {
        return Error(Code::invalid_parameter_value, fmt::format("Value ({}) for parameter instanceTenancy is invalid.", tenancy));
    }
    Vpc made;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        if (AMIVIRT_TRY(records.list<Vpc>()).size() >= k_most_vpcs) {
            return Error(Code::vpc_limit_exceeded, "The maximum number of VPCs has been reached.");
        }
        Vpc vpc;
        vpc.cidr = block.str();
        vpc.tenancy = tenancy;
        vpc.tags = tags;
        made = AMIVIRT_TRY(make_vpc(ports_, records, std::move(vpc)));
        return {};
    }));
    return made;
}

Result<Vpc> Vpcs::create_default(const AccountId& caller) {
    Vpc made;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        if (const auto there = AMIVIRT_TRY(find_default_vpc(records))) {
            return Error(Code::default_vpc_exists, "A Default VPC already exists for this account in this region.");
        }
        made = AMIVIRT_TRY(make_default_network(ports_, records));
        return {};
    }));
    return made;
}

Result<void> Vpcs::erase(const AccountId& caller, const std::string& id) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const Vpc vpc = AMIVIRT_TRY(records.get<Vpc>(id));
        const bool used = AMIVIRT_TRY(any_in<Subnet>(records, id)) || AMIVIRT_TRY(any_in<NetworkInterface>(records, id)) ||
                          AMIVIRT_TRY(any_in<InternetGateway>(records, id));
        const auto groups = AMIVIRT_TRY(records.list<SecurityGroup>([&](const SecurityGroup& each) { return each.vpc == id; }));
        const auto tables = AMIVIRT_TRY(records.list<RouteTable>([&](const RouteTable& each) { return each.vpc == id; }));
        const auto acls = AMIVIRT_TRY(records.list<NetworkAcl>([&](const NetworkAcl& each) { return each.vpc == id; }));
        if (used || groups.size() > 1 || tables.size() > 1 || acls.size() > 1) {
            return has_dependencies("vpc", id);
        }
        for (const SecurityGroup& group : groups) {
            AMIVIRT_TRY(records.erase(group));
        }
        for (const RouteTable& table : tables) {
            AMIVIRT_TRY(records.erase(table));
        }
        for (const NetworkAcl& acl : acls) {
            AMIVIRT_TRY(records.erase(acl));
        }
        return records.erase(vpc);
    });
}

Result<void> Vpcs::modify(const AccountId& caller, const std::string& id, const VpcChange& change) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        Vpc vpc = AMIVIRT_TRY(records.get<Vpc>(id));
        vpc.dns_support = change.dns_support.value_or(vpc.dns_support);
        vpc.dns_hostnames = change.dns_hostnames.value_or(vpc.dns_hostnames);
        vpc.address_usage_metrics = change.address_usage_metrics.value_or(vpc.address_usage_metrics);
        return records.update(vpc);
    });
}

Result<void> Vpcs::associate_dhcp_options(const AccountId& caller, const std::string& id, const std::string& options) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        Vpc vpc = AMIVIRT_TRY(records.get<Vpc>(id));
        if (options != "default") {
            AMIVIRT_TRY(records.get<DhcpOptions>(options));
        }
        vpc.dhcp_options = options;
        return records.update(vpc);
    });
}

Result<std::vector<Subnet>> Vpcs::describe_subnets(const AccountId& caller, const std::vector<std::string>& ids,
                                                   const std::vector<Filter>& filters) {
    AMIVIRT_TRY(check_network_filters<Subnet>(filters));
    std::vector<Subnet> found;
    AMIVIRT_TRY(look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        found = AMIVIRT_TRY(choose_records<Subnet>(records, ids));
        const auto interfaces = AMIVIRT_TRY(records.list<NetworkInterface>());
        for (Subnet& subnet : found) {
            subnet.free_addresses = free_addresses(subnet, interfaces);
        }
        return {};
    }));
    std::erase_if(found, [&](const Subnet& subnet) { return !network_matches(subnet, filters); });
    return found;
}

Result<Subnet> Vpcs::create_subnet(const AccountId& caller, const CreateSubnetRequest& request) {
    AMIVIRT_TRY(check_tags(request.tags));
    const Cidr block = AMIVIRT_TRY(block_of(request.cidr, Code::invalid_subnet_range));
    Subnet subnet;
    subnet.vpc = request.vpc;
    subnet.cidr = block.str();
    subnet.zone = request.zone.empty() ? zones_of(ports_.region).front() : request.zone;
    subnet.tags = request.tags;
    AMIVIRT_TRY(check_zone(ports_.region, subnet.zone));
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const Vpc vpc = AMIVIRT_TRY(records.get<Vpc>(request.vpc));
        AMIVIRT_TRY(check_room(records, vpc, block));
        return make_subnet(ports_, records, subnet);
    }));
    subnet.free_addresses = free_addresses(subnet, {});
    return subnet;
}

Result<Subnet> Vpcs::create_default_subnet(const AccountId& caller, const std::string& zone) {
    AMIVIRT_TRY(check_zone(ports_.region, zone));
    Subnet subnet;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const auto vpc = AMIVIRT_TRY(find_default_vpc(records));
        if (!vpc) {
            return Error(Code::vpc_id_not_specified, "No default VPC for this user");
        }
        for (const Subnet& other : AMIVIRT_TRY(records.list<Subnet>())) {
            if (other.default_for_zone && other.zone == zone) {
                return Error(Code::default_subnet_exists, fmt::format("'{}' is already the default subnet in {}.", other.id, zone));
            }
        }
        const Cidr whole = Cidr::parse(vpc->cidr).value_or(Cidr{0, 32});
        Cidr block{whole.address, 20};  // source: EC2's default subnets
        while (whole.contains(block) && !check_room(records, *vpc, block)) {
            block.address += static_cast<std::uint32_t>(block.size());
        }
        AMIVIRT_TRY(check_room(records, *vpc, block));
        subnet.vpc = vpc->id;
        subnet.cidr = block.str();
        subnet.zone = zone;
        subnet.default_for_zone = true;
        subnet.map_public_ip = true;
        return make_subnet(ports_, records, subnet);
    }));
    subnet.free_addresses = free_addresses(subnet, {});
    return subnet;
}

Result<void> Vpcs::erase_subnet(const AccountId& caller, const std::string& id) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const Subnet subnet = AMIVIRT_TRY(records.get<Subnet>(id));
        if (!AMIVIRT_TRY(records.list<NetworkInterface>([&](const NetworkInterface& each) { return each.subnet == id; })).empty()) {
            return has_dependencies("subnet", id);
        }
        for (RouteTable& table : AMIVIRT_TRY(records.list<RouteTable>())) {
            if (std::erase_if(table.associations, [&](const RouteTableAssociation& each) { return each.subnet == id; }) > 0) {
                AMIVIRT_TRY(records.update(table));
            }
        }
        for (NetworkAcl& acl : AMIVIRT_TRY(records.list<NetworkAcl>())) {
            if (std::erase_if(acl.associations, [&](const AclAssociation& each) { return each.subnet == id; }) > 0) {
                AMIVIRT_TRY(records.update(acl));
            }
        }
        return records.erase(subnet);
    });
}

Result<void> Vpcs::modify_subnet(const AccountId& caller, const std::string& id, const SubnetChange& change) {
    if (change.hostname_type && *change.hostname_type != "ip-name" && *change.hostname_type != "resource-name") {
        return Error(Code::invalid_parameter_value,
                     fmt::format("Value ({}) for parameter privateDnsHostnameTypeOnLaunch is invalid.", *change.hostname_type));
    }
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        Subnet subnet = AMIVIRT_TRY(records.get<Subnet>(id));
        subnet.map_public_ip = change.map_public_ip.value_or(subnet.map_public_ip);
        subnet.hostname_type = change.hostname_type.value_or(subnet.hostname_type);
        subnet.name_a_record = change.name_a_record.value_or(subnet.name_a_record);
        subnet.name_aaaa_record = change.name_aaaa_record.value_or(subnet.name_aaaa_record);
        return records.update(subnet);
    });
}

}  // namespace amivirt
