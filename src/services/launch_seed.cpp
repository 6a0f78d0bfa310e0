// What a machine is told at its first boot.
#include <fmt/format.h>

#include "amivirt/domain/tag.hpp"
#include "machine.hpp"
#include "vnet_records.hpp"

namespace amivirt {

namespace {
constexpr std::size_t k_max_user_data = 16384;  // source: EC2 instance user data, 16 KiB before base64
constexpr std::size_t k_max_large_user_data = std::size_t{1} << 20U;
constexpr const char* k_user_network_ipv4 = "10.0.2.15";  // source: QEMU's user network gives its one guest this address
}  // namespace

Result<void> check_user_data(const std::string& user_data, LargeUserData large) {
    const std::size_t limit = large == LargeUserData::yes ? k_max_large_user_data : k_max_user_data;
    if (user_data.size() > limit) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("user data is limited to {} bytes, and these are {}", limit, user_data.size()));
    }
    return {};
}

std::string hostname_of(const Instance& instance) {
    std::string host;
    for (const char c : name_tag(instance.tags)) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        const bool capital = c >= 'A' && c <= 'Z';
        if (letter || capital) {
            host += capital ? static_cast<char>(c - 'A' + 'a') : c;
        } else if (!host.empty() && host.back() != '-') {
            host += '-';
        }
    }
    host = host.substr(0, 63);
    while (!host.empty() && host.back() == '-') {
        host.pop_back();
    }
    return host.empty() ? instance.id.str() : host;
}

Result<Seed> Instances::seed_of(const Instance& instance, const std::string& public_key) const {
    Seed seed;
    seed.instance = instance.id;
    seed.hostname = hostname_of(instance);
    if (!public_key.empty()) {
        seed.public_keys.push_back(public_key);
    }
    seed.user_data = instance.user_data;
    seed.reservation = instance.reservation.str();
    seed.launch_index = instance.launch_index;
    seed.image = instance.image.str();
    seed.type = instance.type;
    // What the command line launches has no network interface yet: it gets that of the first zone, with the default group.
    seed.zone = zones_of(ports_.region).front();
    seed.security_groups = {"default"};
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        const VnetRecords records(session, instance.owner);
        for (const auto& its : AMIVIRT_TRY(records.list_attached([&](std::string_view id) { return id == instance.id.str(); }))) {
            if (its.device_index != 0) {
                continue;
            }
            seed.zone = its.zone;
            seed.security_groups.clear();
            for (const auto& id : its.groups) {
                if (const auto group = AMIVIRT_TRY(records.find<SecurityGroup>(id))) {
                    seed.security_groups.push_back(group->name);
                }
            }
        }
        return {};
    }));
    seed.local_ipv4 = instance.network == "user" ? k_user_network_ipv4 : "";
    seed.mac_address = instance.mac_address;
    seed.host_key = instance.host_key;
    seed.host_private_key = instance.host_private_key;
    return seed;
}

}  // namespace amivirt
