#include "amivirt/services/elastic_addresses.hpp"

#include "amivirt/services/public_addresses.hpp"
#include "vnet.hpp"

namespace amivirt {

namespace {

constexpr std::size_t k_most_addresses = 50;

/// By id, or by its public address.
Result<ElasticAddress> find_address(const VnetRecords& records, const std::string& id, const std::string& public_ip) {
    if (!id.empty()) {
        return records.get<ElasticAddress>(id);
    }
    auto all = AMIVIRT_TRY(records.list<ElasticAddress>([&](const ElasticAddress& each) { return each.public_ip == public_ip; }));
    if (all.empty()) {
        return Error(Code::invalid_address_not_found, fmt::format("Address '{}' not found.", public_ip));
    }
    return std::move(all.front());
}

Result<NetworkInterface> find_target(const VnetRecords& records, const AddressTarget& target) {
    if (!target.network_interface.empty()) {
        return records.get<NetworkInterface>(target.network_interface);
    }
    auto all = AMIVIRT_TRY(records.list<NetworkInterface>(
        [&](const NetworkInterface& each) { return each.instance == target.instance && each.device_index == 0; }));
    if (all.empty()) {
        return Error(Code::invalid_instance_id_not_found, fmt::format("The instance ID '{}' does not exist", target.instance));
    }
    return std::move(all.front());
}

}  // namespace

Result<ElasticAddress> ElasticAddresses::allocate(const AccountId& caller, const Tags& tags) {
    AMIVIRT_TRY(check_tags(tags));
    ElasticAddress address;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        if (AMIVIRT_TRY(records.list<ElasticAddress>()).size() >= k_most_addresses) {
            return Error(Code::address_limit_exceeded, "The maximum number of addresses has been reached.");
        }
        address.id = fresh_id<ElasticAddress>(ports_.ids);
        address.owner = caller.str();
        address.public_ip =
            AMIVIRT_TRY(claim_loopback_address(records.session(), ports_.catalog.store_id(), address.id, address.owner, ports_.clock.now()))
                .address;
        address.tags = tags;
        return records.insert(address, ports_.clock.now());
    }));
    return address;
}

Result<void> ElasticAddresses::release(const AccountId& caller, const std::string& id, const std::string& public_ip) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const ElasticAddress address = AMIVIRT_TRY(find_address(records, id, public_ip));
        if (!address.association.empty()) {
            return Error(Code::invalid_ip_address_in_use, fmt::format("Address {} is in use.", address.public_ip));
        }
        AMIVIRT_TRY(release_loopback_address(records.session(), address.public_ip));
        return records.erase(address);
    });
}

Result<std::string> ElasticAddresses::associate(const AccountId& caller, const std::string& id, const std::string& public_ip,
                                                const AddressTarget& target, Reassociate reassociate) {
    std::string association;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        ElasticAddress address = AMIVIRT_TRY(find_address(records, id, public_ip));
        const NetworkInterface its = AMIVIRT_TRY(find_target(records, target));
        const std::string& private_ip = target.private_ip.empty() ? its.addresses.front() : target.private_ip;
        if (std::find(its.addresses.begin(), its.addresses.end(), private_ip) == its.addresses.end()) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("Address '{}' is not assigned to the network interface '{}'", private_ip, its.id));
        }
        if (AMIVIRT_TRY(records.list<InternetGateway>([&](const InternetGateway& each) { return each.vpc == its.vpc; })).empty()) {
            return Error(Code::gateway_not_attached, fmt::format("Network {} is not attached to any internet gateway", its.vpc));
        }
        if (address.network_interface == its.id && address.private_ip == private_ip) {
            association = address.association;  // done before
            return {};
        }
        if (!address.association.empty() && reassociate == Reassociate::no) {
            return Error(Code::resource_already_associated,
                         fmt::format("resource {} is already associated with associate-id {}", address.id, address.association));
        }
        for (ElasticAddress& other : AMIVIRT_TRY(records.list<ElasticAddress>())) {
            if (other.id == address.id || other.network_interface != its.id || other.private_ip != private_ip) {
                continue;
            }
            if (reassociate == Reassociate::no) {
                return Error(Code::resource_already_associated,
                             fmt::format("resource {} is already associated with associate-id {}", its.id, other.association));
            }
            AMIVIRT_TRY(dissociate(records, other));
        }
        address.association = "eipassoc-" + ports_.ids.hex17();
        address.network_interface = its.id;
        address.private_ip = private_ip;
        association = address.association;
        AMIVIRT_TRY(records.update(address));
        return lead_addresses(records, its);
    }));
    return association;
}

Result<void> ElasticAddresses::disassociate(const AccountId& caller, const std::string& association, const std::string& public_ip) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        if (association.empty()) {
            ElasticAddress address = AMIVIRT_TRY(find_address(records, "", public_ip));
            return dissociate(records, address);
        }
        auto all = AMIVIRT_TRY(records.list<ElasticAddress>([&](const ElasticAddress& each) { return each.association == association; }));
        if (all.empty()) {
            return Error(Code::invalid_association_not_found, fmt::format("The association ID '{}' does not exist", association));
        }
        return dissociate(records, all.front());
    });
}

Result<std::vector<AddressView>> ElasticAddresses::describe(const AccountId& caller, const std::vector<std::string>& ids,
                                                            const std::vector<std::string>& public_ips,
                                                            const std::vector<Filter>& filters) {
    AMIVIRT_TRY(check_network_filters<AddressView>(filters));
    std::vector<AddressView> views;
    AMIVIRT_TRY(look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        views.clear();
        std::vector<std::string> wanted = ids;
        for (const std::string& ip : public_ips) {
            wanted.push_back(AMIVIRT_TRY(find_address(records, "", ip)).id);
        }
        for (ElasticAddress& address : AMIVIRT_TRY(choose_records<ElasticAddress>(records, wanted))) {
            AddressView view;
            if (!address.network_interface.empty()) {
                if (const auto its = AMIVIRT_TRY(records.find<NetworkInterface>(address.network_interface))) {
                    view.instance = its->instance;
                    view.interface_owner = its->owner;
                }
            }
            view.its = std::move(address);
            views.push_back(std::move(view));
        }
        return {};
    }));
    std::erase_if(views, [&](const AddressView& view) { return !network_matches(view, filters); });
    return views;
}

}  // namespace amivirt
