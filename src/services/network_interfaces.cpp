#include "amivirt/services/network_interfaces.hpp"

#include <set>

#include "amivirt/services/zones.hpp"
#include "vnet.hpp"

namespace amivirt {

namespace {

constexpr unsigned k_most_devices = 15;  // source: EC2, of the largest instance types

/// What a launch's interface comes to.
struct Place {
    LaunchInterface asked;
    Subnet subnet;
    std::vector<std::string> groups;
    std::optional<NetworkInterface> existing;
};

Error invalid_combination(std::string message) { return {Code::invalid_parameter_combination, std::move(message)}; }

Error interface_in_use(const NetworkInterface& its) {
    return {Code::invalid_network_interface_in_use, fmt::format("Interface: {} in use.", its.id)};
}

Result<Subnet> default_subnet(const VnetRecords& records, const std::string& zone) {
    const auto vpc = AMIVIRT_TRY(find_default_vpc(records));
    if (!vpc) {
        return Error(Code::vpc_id_not_specified, "No default VPC for this user");
    }
    auto subnets = AMIVIRT_TRY(records.list<Subnet>(
        [&](const Subnet& subnet) { return subnet.vpc == vpc->id && subnet.default_for_zone && (zone.empty() || subnet.zone == zone); }));
    if (subnets.empty()) {
        return Error(Code::vpc_id_not_specified,
                     fmt::format("No subnets found for the default VPC '{}'. Please specify a subnet.", vpc->id));
    }
    return std::move(subnets.front());
}

/// A launch's parameters of the instance itself are those of its one interface.
Result<std::vector<LaunchInterface>> asked_for(const VnetRecords& records, const LaunchNetwork& wanted) {
    if (wanted.interfaces.empty()) {
        LaunchInterface one;
        one.subnet = wanted.subnet;
        one.private_ip = wanted.private_ip;
        one.groups = wanted.groups;
        if (!wanted.group_names.empty() && !wanted.subnet.empty()) {
            return invalid_combination("The parameter groupName cannot be used with the parameter subnet");
        }
        for (const std::string& name : wanted.group_names) {
            one.groups.push_back(AMIVIRT_TRY(find_group(records, "", name)).id);
        }
        return std::vector{one};
    }
    const auto clash = [](std::string_view what) {
        return invalid_combination(
            fmt::format("Network interfaces and an instance-level {} may not be specified on the same request", what));
    };
    if (!wanted.subnet.empty()) {
        return clash("subnet ID");
    }
    if (!wanted.groups.empty() || !wanted.group_names.empty()) {
        return clash("security groups");
    }
    if (!wanted.private_ip.empty()) {
        return clash("private address");
    }
    std::set<unsigned> indices;
    for (const LaunchInterface& each : wanted.interfaces) {
        if (!indices.insert(each.device_index).second) {
            return Error(Code::invalid_parameter_value, "Each network interface requires a unique device index.");
        }
    }
    if (!indices.contains(0)) {
        return Error(Code::invalid_parameter_value, "One of the network interfaces must have the device index 0.");
    }
    return wanted.interfaces;
}

/// Everything named is there and fits together.
Result<std::vector<Place>> places_for(const VnetRecords& records, const LaunchNetwork& wanted, std::size_t count) {
    std::vector<Place> places;
    for (LaunchInterface& asked : AMIVIRT_TRY(asked_for(records, wanted))) {
        Place place;
        if (!asked.id.empty()) {
            if (!asked.subnet.empty() || !asked.groups.empty() || !asked.private_ip.empty() || asked.public_ip) {
                return invalid_combination("A network interface that there is has its own subnet, groups and addresses");
            }
            if (count > 1) {
                return invalid_combination("A network interface cannot be attached to several instances");
            }
            place.existing = AMIVIRT_TRY(records.get<NetworkInterface>(asked.id));
            if (!place.existing->instance.empty()) {
                return interface_in_use(*place.existing);
            }
            place.subnet = AMIVIRT_TRY(records.get<Subnet>(place.existing->subnet));
        } else {
            place.subnet =
                asked.subnet.empty() ? AMIVIRT_TRY(default_subnet(records, wanted.zone)) : AMIVIRT_TRY(records.get<Subnet>(asked.subnet));
            place.groups = AMIVIRT_TRY(check_groups(records, place.subnet, asked.groups));
            if (count > 1 && !asked.private_ip.empty()) {
                return invalid_combination("A private address cannot be given to several instances");
            }
        }
        if (!wanted.zone.empty() && place.subnet.zone != wanted.zone) {
            return Error(Code::invalid_parameter_value, fmt::format("The subnet '{}' is in the availability zone '{}', not in '{}'",
                                                                    place.subnet.id, place.subnet.zone, wanted.zone));
        }
        if (!places.empty() && places.front().subnet.zone != place.subnet.zone) {
            return Error(Code::invalid_parameter_value, "All network interfaces of an instance must be in one availability zone");
        }
        place.asked = std::move(asked);
        places.push_back(std::move(place));
    }
    return places;
}

Result<NetworkInterface> interface_of_device(const VnetRecords& records, const std::string& instance, unsigned index) {
    auto all = AMIVIRT_TRY(records.list<NetworkInterface>(
        [&](const NetworkInterface& each) { return each.instance == instance && each.device_index == index; }));
    if (all.empty()) {
        return Error(Code::invalid_instance_id_not_found, fmt::format("The instance ID '{}' does not exist", instance));
    }
    return std::move(all.front());
}

std::string random_mac(IdSource& ids) {
    const std::string hex = ids.hex17();
    return fmt::format("02:{}:{}:{}:{}:{}", hex.substr(0, 2), hex.substr(2, 2), hex.substr(4, 2), hex.substr(6, 2), hex.substr(8, 2));
}

/// `wanted` and `more` others, free ones; they are added to the interface, which stands for itself in `all`.
Result<std::vector<std::string>> add_addresses(NetworkInterface& its, const Subnet& subnet, std::vector<NetworkInterface> all,
                                               const std::vector<std::string>& wanted, unsigned more) {
    std::vector<std::string> added;
    std::erase_if(all, [&](const NetworkInterface& each) { return each.id == its.id; });
    const auto add = [&](const std::string& ip) -> Result<void> {
        all.push_back(its);
        auto picked = pick_private_ip(subnet, all, ip);
        all.pop_back();
        if (!picked) {
            return std::move(picked.error());
        }
        its.addresses.push_back(*picked);
        added.push_back(std::move(*picked));
        return {};
    };
    for (const std::string& ip : wanted) {
        AMIVIRT_TRY(add(ip));
    }
    for (unsigned i = 0; i < more; ++i) {
        AMIVIRT_TRY(add(""));
    }
    return added;
}

}  // namespace

Result<void> NetworkInterfaces::check_launch(const AccountId& caller, const LaunchNetwork& wanted, std::size_t count) {
    AMIVIRT_TRY(check_tags(wanted.tags));
    return look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const auto all = AMIVIRT_TRY(records.list<NetworkInterface>());
        for (const Place& place : AMIVIRT_TRY(places_for(records, wanted, count))) {
            if (place.existing) {
                continue;
            }
            if (!place.asked.private_ip.empty()) {
                AMIVIRT_TRY(pick_private_ip(place.subnet, all, place.asked.private_ip));
            } else if (free_addresses(place.subnet, all) < count) {
                return Error(Code::insufficient_free_addresses,
                             fmt::format("There are not enough free addresses in subnet '{}'", place.subnet.id));
            }
        }
        return {};
    });
}

Result<void> NetworkInterfaces::place(CatalogSession& session, const AccountId& caller, const LaunchNetwork& wanted,
                                      const std::vector<Instance>& instances) {
    const VnetRecords records(session, caller);
    AMIVIRT_TRY(ensure_network(ports_, records));
    const auto places = AMIVIRT_TRY(places_for(records, wanted, instances.size()));
    auto all = AMIVIRT_TRY(records.list<NetworkInterface>());
    const std::string& zone = places.front().subnet.zone;
    if (zone != zones_of(ports_.region).front()) {  // so that a volume that outlives its instance is still there
        for (const Volume& volume : AMIVIRT_TRY(session.volumes().list()).records) {
            if (volume.attachment && std::any_of(instances.begin(), instances.end(),
                                                 [&](const Instance& each) { return each.id == volume.attachment->instance; })) {
                AMIVIRT_TRY(Zones(ports_).put(session, volume, zone));
            }
        }
    }
    for (const Instance& instance : instances) {
        for (const Place& place : places) {
            const LaunchInterface& asked = place.asked;
            NetworkInterface its = place.existing ? *place.existing : primary_interface(ports_, place.subnet, instance);
            its.instance = instance.id.str();
            its.attachment = "eni-attach-" + ports_.ids.hex17();
            its.attached = instance.launched;
            its.device_index = asked.device_index;
            its.delete_on_termination = asked.delete_on_termination.value_or(!place.existing);
            its.mac = asked.device_index == 0 ? instance.mac_address : place.existing ? its.mac : random_mac(ports_.ids);
            if (place.existing) {
                AMIVIRT_TRY(records.update(its));
                AMIVIRT_TRY(lead_addresses(records, its));
                continue;
            }
            its.addresses = {AMIVIRT_TRY(pick_private_ip(place.subnet, all, asked.private_ip))};
            its.groups = place.groups;
            its.description = asked.description;
            its.public_ip = asked.public_ip.value_or(its.public_ip);
            its.tags = wanted.tags;
            AMIVIRT_TRY(records.insert(its, ports_.clock.now()));
            all.push_back(std::move(its));
        }
    }
    return {};
}

std::string NetworkInterfaces::digest(const LaunchNetwork& wanted) {
    std::string text = fmt::format("{}|{}|{}|{}|{}", wanted.zone, wanted.subnet, wanted.private_ip, fmt::join(wanted.groups, ","),
                                   fmt::join(wanted.group_names, ","));
    if (text == "||||") {
        text.clear();  // as before there were networks
    }
    const auto flag = [](const std::optional<bool>& value) { return !value ? "" : *value ? "yes" : "no"; };
    for (const LaunchInterface& each : wanted.interfaces) {
        text += fmt::format("|{} {} {} {} {} {} {} {}", each.device_index, each.id, each.subnet, each.private_ip,
                            fmt::join(each.groups, ","), each.description, flag(each.public_ip), flag(each.delete_on_termination));
    }
    for (const auto& [key, value] : wanted.tags) {
        text += fmt::format("|tag {}={}", key, value);
    }
    return text;
}

Result<std::vector<InterfaceView>> NetworkInterfaces::describe(const AccountId& caller, const std::vector<std::string>& ids,
                                                               const std::vector<Filter>& filters) {
    AMIVIRT_TRY(check_network_filters<InterfaceView>(filters));
    std::vector<InterfaceView> views;
    AMIVIRT_TRY(look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        views = AMIVIRT_TRY(view_interfaces(ports_, records, AMIVIRT_TRY(choose_records<NetworkInterface>(records, ids))));
        return {};
    }));
    std::erase_if(views, [&](const InterfaceView& view) { return !network_matches(view, filters); });
    return views;
}

Result<std::map<std::string, std::vector<InterfaceView>>> NetworkInterfaces::of_instances(const AccountId& caller,
                                                                                          const std::vector<const Instance*>& instances) {
    std::set<std::string> wanted;
    for (const Instance* each : instances) {
        if (each->state != InstanceState::terminated) {
            wanted.insert(each->id.str());
        }
    }
    std::map<std::string, std::vector<InterfaceView>> found;
    const auto collect = [&](const VnetRecords& records) -> Result<void> {
        found.clear();
        auto its = AMIVIRT_TRY(records.list_attached([&](const std::string& instance) { return wanted.contains(instance); }));
        for (InterfaceView& view : AMIVIRT_TRY(view_interfaces(ports_, records, std::move(its)))) {
            found[view.its.instance].push_back(std::move(view));
        }
        return {};
    };
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) { return collect(VnetRecords(session, caller)); }));
    if (found.size() < wanted.size()) {
        AMIVIRT_TRY(look_at_network(ports_, caller, collect));
    }
    for (auto& [instance, views] : found) {
        std::sort(views.begin(), views.end(),
                  [](const InterfaceView& one, const InterfaceView& other) { return one.its.device_index < other.its.device_index; });
    }
    return found;
}

Result<InterfaceView> NetworkInterfaces::create(const AccountId& caller, const CreateInterfaceRequest& request) {
    AMIVIRT_TRY(check_tags(request.tags));
    InterfaceView view;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const Subnet subnet = AMIVIRT_TRY(records.get<Subnet>(request.subnet));
        NetworkInterface its;
        its.id = fresh_id<NetworkInterface>(ports_.ids);
        its.owner = caller.str();
        its.vpc = subnet.vpc;
        its.subnet = subnet.id;
        its.zone = subnet.zone;
        its.description = request.description;
        its.mac = random_mac(ports_.ids);
        its.groups = AMIVIRT_TRY(check_groups(records, subnet, request.groups));
        its.tags = request.tags;
        const auto all = AMIVIRT_TRY(records.list<NetworkInterface>());
        AMIVIRT_TRY(add_addresses(its, subnet, all, {request.private_ip}, 0));
        AMIVIRT_TRY(add_addresses(its, subnet, all, request.more_ips, request.more));
        AMIVIRT_TRY(records.insert(its, ports_.clock.now()));
        view = std::move(AMIVIRT_TRY(view_interfaces(ports_, records, {its})).front());
        return {};
    }));
    return view;
}

Result<void> NetworkInterfaces::erase(const AccountId& caller, const std::string& id) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const NetworkInterface its = AMIVIRT_TRY(records.get<NetworkInterface>(id));
        if (!its.instance.empty()) {
            return interface_in_use(its);
        }
        AMIVIRT_TRY(dissociate_addresses(records, id));
        return records.erase(its);
    });
}

Result<std::string> NetworkInterfaces::attach(const AccountId& caller, const std::string& id, const std::string& instance,
                                              unsigned device_index) {
    std::string attachment;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        NetworkInterface its = AMIVIRT_TRY(records.get<NetworkInterface>(id));
        if (!its.instance.empty()) {
            return interface_in_use(its);
        }
        const NetworkInterface first = AMIVIRT_TRY(interface_of_device(records, instance, 0));
        const auto others =
            AMIVIRT_TRY(records.list<NetworkInterface>([&](const NetworkInterface& each) { return each.instance == instance; }));
        if (device_index > k_most_devices ||
            std::any_of(others.begin(), others.end(), [&](const NetworkInterface& other) { return other.device_index == device_index; })) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("Instance '{}' already has an interface attached at device index '{}', or there is no such index.",
                                     instance, device_index));
        }
        if (first.zone != its.zone) {
            return Error(Code::invalid_parameter_combination,
                         "You may not attach a network interface to an instance if they are not in the same availability zone");
        }
        its.instance = instance;
        its.attachment = "eni-attach-" + ports_.ids.hex17();
        its.device_index = device_index;
        its.delete_on_termination = false;
        its.attached = ports_.clock.now();
        attachment = its.attachment;
        AMIVIRT_TRY(records.update(its));
        return lead_addresses(records, its);
    }));
    return attachment;
}

Result<void> NetworkInterfaces::detach(const AccountId& caller, const std::string& attachment) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        auto all = AMIVIRT_TRY(records.list<NetworkInterface>(
            [&](const NetworkInterface& each) { return !each.instance.empty() && each.attachment == attachment; }));
        if (all.empty()) {
            return Error(Code::invalid_attachment_id_not_found, fmt::format("Attachment '{}' does not exist.", attachment));
        }
        NetworkInterface& its = all.front();
        if (its.device_index == 0) {
            return Error(Code::operation_not_permitted, "The network interface at device index 0 cannot be detached.");
        }
        its.instance.clear();
        its.attachment.clear();
        its.device_index = 0;
        AMIVIRT_TRY(records.update(its));
        return lead_addresses(records, its);
    });
}

Result<void> NetworkInterfaces::modify(const AccountId& caller, const std::string& id, const InterfaceChange& change) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        NetworkInterface its = AMIVIRT_TRY(records.get<NetworkInterface>(id));
        if (change.groups) {
            its.groups = AMIVIRT_TRY(check_groups(records, AMIVIRT_TRY(records.get<Subnet>(its.subnet)), *change.groups));
        }
        if (change.delete_on_termination) {
            if (its.instance.empty() || its.attachment != change.attachment) {
                return Error(Code::invalid_attachment_id_not_found, fmt::format("Attachment '{}' does not exist.", change.attachment));
            }
            its.delete_on_termination = *change.delete_on_termination;
        }
        its.description = change.description.value_or(its.description);
        its.source_dest_check = change.source_dest_check.value_or(its.source_dest_check);
        return records.update(its);
    });
}

Result<void> NetworkInterfaces::set_instance_groups(const AccountId& caller, const std::string& instance,
                                                    const std::vector<std::string>& groups) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        NetworkInterface its = AMIVIRT_TRY(interface_of_device(records, instance, 0));
        its.groups = AMIVIRT_TRY(check_groups(records, AMIVIRT_TRY(records.get<Subnet>(its.subnet)), groups));
        return records.update(its);
    });
}

Result<std::vector<std::string>> NetworkInterfaces::assign_addresses(const AccountId& caller, const std::string& id,
                                                                     const std::vector<std::string>& wanted, unsigned more) {
    std::vector<std::string> added;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        NetworkInterface its = AMIVIRT_TRY(records.get<NetworkInterface>(id));
        added = AMIVIRT_TRY(
            add_addresses(its, AMIVIRT_TRY(records.get<Subnet>(its.subnet)), AMIVIRT_TRY(records.list<NetworkInterface>()), wanted, more));
        return records.update(its);
    }));
    return added;
}

Result<void> NetworkInterfaces::unassign_addresses(const AccountId& caller, const std::string& id, const std::vector<std::string>& which) {
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        NetworkInterface its = AMIVIRT_TRY(records.get<NetworkInterface>(id));
        for (const std::string& ip : which) {
            const auto at = std::find(its.addresses.begin(), its.addresses.end(), ip);
            if (at == its.addresses.end() || at == its.addresses.begin()) {
                return Error(Code::invalid_parameter_value,
                             fmt::format("'{}' is no secondary private address of the network interface '{}'", ip, id));
            }
            its.addresses.erase(at);
        }
        return records.update(its);
    });
}

}  // namespace amivirt
