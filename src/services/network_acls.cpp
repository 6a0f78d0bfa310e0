#include "amivirt/services/network_acls.hpp"

#include "amivirt/domain/cidr.hpp"
#include "amivirt/domain/security_group_rules.hpp"
#include "vnet.hpp"

namespace amivirt {

namespace {

constexpr unsigned k_highest_number = 32766;
constexpr unsigned k_closing_number = 32767;  // denies the rest, and is not to be changed

Error bad_entry(std::string message) { return {Code::invalid_parameter_value, std::move(message)}; }

/// A protocol by its number; tcp, udp and icmp may be said by name.
Result<std::string> protocol_number(const std::string& text) {
    const std::string name = AMIVIRT_TRY(normal_protocol(text));
    return name == "tcp" ? "6" : name == "udp" ? "17" : name == "icmp" ? "1" : name == "icmpv6" ? "58" : name;
}

/// The entry as it is kept.
Result<AclEntry> normal_entry(AclEntry entry) {
    if (entry.number < 1 || entry.number > k_highest_number) {
        return bad_entry(fmt::format("Invalid value '{}' for ruleNumber. Must be between 1 and {}.", entry.number, k_highest_number));
    }
    entry.protocol = AMIVIRT_TRY(protocol_number(entry.protocol));
    if (entry.cidr.empty() == entry.cidr6.empty()) {
        return entry.cidr.empty() ? Error(Code::missing_parameter, "The request must contain the parameter cidrBlock or ipv6CidrBlock")
                                  : Error(Code::invalid_parameter_combination, "An entry has one CIDR block, not two");
    }
    if (!entry.cidr.empty()) {
        const auto block = Cidr::parse(entry.cidr);
        if (!block) {
            return bad_entry(fmt::format("Value ({}) for parameter cidrBlock is invalid. This is not a valid CIDR block.", entry.cidr));
        }
        entry.cidr = block->str();
    } else {
        auto block = canonical_ipv6_cidr(entry.cidr6);
        if (!block) {
            return bad_entry(
                fmt::format("Value ({}) for parameter ipv6CidrBlock is invalid. This is not a valid CIDR block.", entry.cidr6));
        }
        entry.cidr6 = std::move(*block);
    }
    const bool ports = entry.protocol == "6" || entry.protocol == "17";
    if (ports && (entry.from < 0 || entry.to > 65535 || entry.from > entry.to)) {
        return bad_entry("Invalid value for portRange. Must specify both from and to ports with TCP/UDP.");
    }
    if (!ports) {
        entry.from = -1;
        entry.to = -1;
    }
    const bool icmp = entry.protocol == "1" || entry.protocol == "58";
    if (!icmp) {
        entry.icmp_type = -1;
        entry.icmp_code = -1;
    }
    return entry;
}

auto find_entry(NetworkAcl& acl, unsigned number, bool egress) {
    return std::find_if(acl.entries.begin(), acl.entries.end(),
                        [&](const AclEntry& entry) { return entry.number == number && entry.egress == egress; });
}

Error no_entry(const NetworkAcl& acl, unsigned number) {
    return {Code::invalid_network_acl_entry_not_found, fmt::format("The network acl entry '{}' does not exist in '{}'", number, acl.id)};
}

/// In the order in which they are asked.
void sort_entries(NetworkAcl& acl) {
    std::stable_sort(acl.entries.begin(), acl.entries.end(), [](const AclEntry& one, const AclEntry& other) {
        return one.egress != other.egress ? one.egress : one.number < other.number;
    });
}

}  // namespace

Result<std::vector<NetworkAcl>> NetworkAcls::describe(const AccountId& caller, const std::vector<std::string>& ids,
                                                      const std::vector<Filter>& filters) {
    AMIVIRT_TRY(check_network_filters<NetworkAcl>(filters));
    std::vector<NetworkAcl> found;
    AMIVIRT_TRY(look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        found = AMIVIRT_TRY(choose_records<NetworkAcl>(records, ids));
        return {};
    }));
    std::erase_if(found, [&](const NetworkAcl& acl) { return !network_matches(acl, filters); });
    return found;
}

Result<NetworkAcl> NetworkAcls::create(const AccountId& caller, const std::string& vpc, const Tags& tags) {
    AMIVIRT_TRY(check_tags(tags));
    NetworkAcl acl;
    acl.id = fresh_id<NetworkAcl>(ports_.ids);
    acl.owner = caller.str();
    acl.vpc = vpc;
    acl.tags = tags;
    for (const bool egress : {true, false}) {
        AclEntry last;
        last.number = k_closing_number;
        last.protocol = "-1";
        last.egress = egress;
        last.cidr = "0.0.0.0/0";
        acl.entries.push_back(std::move(last));
    }
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        AMIVIRT_TRY(records.get<Vpc>(vpc));
        return records.insert(acl, ports_.clock.now());
    }));
    return acl;
}

Result<void> NetworkAcls::erase(const AccountId& caller, const std::string& id) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const NetworkAcl acl = AMIVIRT_TRY(records.get<NetworkAcl>(id));
        if (acl.is_default) {
            return Error(Code::invalid_parameter_value, fmt::format("cannot delete default network ACL {}", id));
        }
        if (!acl.associations.empty()) {
            return Error(Code::dependency_violation, fmt::format("The networkAcl '{}' has dependencies and cannot be deleted.", id));
        }
        return records.erase(acl);
    });
}

Result<void> NetworkAcls::create_entry(const AccountId& caller, const std::string& id, AclEntry entry) {
    const AclEntry kept = AMIVIRT_TRY(normal_entry(std::move(entry)));
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        NetworkAcl acl = AMIVIRT_TRY(records.get<NetworkAcl>(id));
        if (find_entry(acl, kept.number, kept.egress) != acl.entries.end()) {
            return Error(Code::network_acl_entry_exists,
                         fmt::format("The network acl entry identified by {} already exists.", kept.number));
        }
        acl.entries.push_back(kept);
        sort_entries(acl);
        return records.update(acl);
    });
}

Result<void> NetworkAcls::replace_entry(const AccountId& caller, const std::string& id, AclEntry entry) {
    const AclEntry kept = AMIVIRT_TRY(normal_entry(std::move(entry)));
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        NetworkAcl acl = AMIVIRT_TRY(records.get<NetworkAcl>(id));
        const auto at = find_entry(acl, kept.number, kept.egress);
        if (at == acl.entries.end()) {
            return no_entry(acl, kept.number);
        }
        *at = kept;
        return records.update(acl);
    });
}

Result<void> NetworkAcls::erase_entry(const AccountId& caller, const std::string& id, unsigned number, Direction direction) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        NetworkAcl acl = AMIVIRT_TRY(records.get<NetworkAcl>(id));
        const auto at = find_entry(acl, number, direction == Direction::egress);
        if (at == acl.entries.end()) {
            return no_entry(acl, number);
        }
        if (number == k_closing_number) {
            return Error(Code::invalid_parameter_value, fmt::format("cannot delete the entry {} of a network ACL", number));
        }
        acl.entries.erase(at);
        return records.update(acl);
    });
}

Result<std::string> NetworkAcls::replace_association(const AccountId& caller, const std::string& association, const std::string& id) {
    std::string fresh;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        NetworkAcl target = AMIVIRT_TRY(records.get<NetworkAcl>(id));
        for (NetworkAcl& acl : AMIVIRT_TRY(records.list<NetworkAcl>())) {
            const auto at = std::find_if(acl.associations.begin(), acl.associations.end(),
                                         [&](const AclAssociation& each) { return each.id == association; });
            if (at == acl.associations.end()) {
                continue;
            }
            if (acl.vpc != target.vpc) {
                return Error(Code::invalid_parameter_value, fmt::format("network ACLs {} and {} belong to different networks", acl.id, id));
            }
            if (acl.id == id) {
                fresh = association;
                return {};
            }
            AclAssociation moved = *at;
            acl.associations.erase(at);
            AMIVIRT_TRY(records.update(acl));
            moved.id = "aclassoc-" + ports_.ids.hex17();
            fresh = moved.id;
            target.associations.push_back(std::move(moved));
            return records.update(target);
        }
        return Error(Code::invalid_association_not_found, fmt::format("The association ID '{}' does not exist", association));
    }));
    return fresh;
}

}  // namespace amivirt
