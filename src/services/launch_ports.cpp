// The host's ports that a launch forwards to its machines.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "faults.hpp"
#include "machine.hpp"

namespace amivirt {

namespace {

// Below the kernel's ephemeral range (32768-60999), so that outgoing connections do not take them.
constexpr unsigned k_first_port = 22000;
constexpr unsigned k_ports = 8000;

/// The ports of living instances, and whose they are.
class HeldPorts {
public:
    template <class Which>
    HeldPorts(const std::vector<Instance>& instances, const Which& which) {
        for (const auto& instance : instances) {
            if (instance.state != InstanceState::terminated && which(instance)) {
                for (const auto& port : instance.ports) {
                    add(port, instance.id);
                }
            }
        }
    }

    void add(const PortForward& port, const InstanceId& instance) { held_.emplace(port.host_port, std::pair(port, instance)); }
    /// Who keeps `port` from being forwarded, but for these; null: nobody.
    [[nodiscard]] const InstanceId* holder(const PortForward& port, const std::set<InstanceId>& but_for) const {
        if (port.host_port == 0) {
            return nullptr;
        }
        const auto [begin, end] = held_.equal_range(port.host_port);
        const auto found = std::find_if(
            begin, end, [&](const auto& entry) { return collide(entry.second.first, port) && !but_for.contains(entry.second.second); });
        return found == end ? nullptr : &found->second.second;
    }

private:
    std::multimap<std::uint16_t, std::pair<PortForward, InstanceId>> held_;  // by port
};

Error held_by(const PortForward& port, const InstanceId& instance) {
    return {Code::invalid_parameter_value,
            fmt::format("port {}/{} of {} is forwarded to instance \"{}\"", port.host_port, port.protocol, port.address, instance.str())};
}

Error held_elsewhere(const PortForward& port, Code code) {
    return {code, fmt::format("port {}/{} of {} is taken by another program on this host", port.host_port, port.protocol, port.address),
            fmt::format("`ss -{}lnp 'sport = :{}'` tells which", port.protocol == "udp" ? 'u' : 't', port.host_port)};
}

}  // namespace

Result<void> Instances::check_fixed_ports(CatalogSession& session, const AccountId& caller, const RunRequest& request, Faults& faults) {
    if (std::all_of(request.ports.begin(), request.ports.end(), [](const PortForward& port) { return port.host_port == 0; })) {
        return {};
    }
    const auto instances = AMIVIRT_TRY(session.instances().list()).records;
    const auto is_the_answer = [&](const Instance& other) {
        return !request.client_token.empty() && other.owner == caller && other.client_token == request.client_token;
    };
    if (std::any_of(instances.begin(), instances.end(), is_the_answer)) {
        return {};  // they have them
    }
    const HeldPorts held(instances, [](const Instance&) { return true; });
    for (const auto& port : request.ports) {
        const InstanceId* const holder = held.holder(port, request.leaving);
        if (holder != nullptr) {
            faults.add(held_by(port, *holder));
        } else if (port.host_port != 0 && held.holder(port, {}) == nullptr && ports_.host.may_listen(port.address, port.host_port) &&
                   !ports_.host.port_free(port.address, port.host_port, port.protocol)) {
            faults.add(held_elsewhere(port, Code::invalid_parameter_value));
        }
    }
    return {};
}

Result<std::vector<PortForward>> Instances::pick_ports(CatalogSession& session, const InstanceId& own,
                                                       const std::vector<PortForward>& wanted) {
    HeldPorts held(AMIVIRT_TRY(session.instances().list()).records, [&](const Instance& other) { return other.id != own; });
    const unsigned offset = ports_.ids.random() % k_ports;
    unsigned tried = 0;
    std::vector<PortForward> picked;
    for (PortForward port : wanted) {
        if (const InstanceId* const other = held.holder(port, {})) {
            return held_by(port, *other);
        }
        if (port.host_port != 0 && !ports_.host.port_free(port.address, port.host_port, port.protocol)) {
            return held_elsewhere(port, Code::invalid_parameter_value);
        }
        while (port.host_port == 0) {
            if (tried == k_ports) {
                return Error(Code::insufficient_instance_capacity,
                             fmt::format("no free port between {} and {}", k_first_port, k_first_port + k_ports - 1));
            }
            PortForward candidate = port;
            candidate.host_port = static_cast<std::uint16_t>(k_first_port + (offset + tried++) % k_ports);
            candidate.picked = true;
            if (held.holder(candidate, {}) == nullptr &&
                ports_.host.port_free(candidate.address, candidate.host_port, candidate.protocol)) {
                port = candidate;
            }
        }
        held.add(port, own);
        picked.push_back(port);
    }
    return picked;
}

Result<void> Instances::replace_ports(Instance& instance, Progress& progress) {
    const auto before = instance.ports;
    AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        std::vector<PortForward> wanted = before;
        for (auto& port : wanted) {
            if (ports_.host.port_free(port.address, port.host_port, port.protocol)) {
                continue;
            }
            if (!port.picked) {  // somebody counts on it
                return held_elsewhere(port, Code::insufficient_instance_capacity);
            }
            port.host_port = 0;
        }
        auto row = AMIVIRT_TRY(session.instances().find(instance.id));
        if (!row) {
            return Error(Code::store_corrupt, fmt::format("the record of {} is gone", instance.id.str()));
        }
        row->ports = AMIVIRT_TRY(pick_ports(session, instance.id, wanted));
        AMIVIRT_TRY(session.instances().update(*row));
        instance.ports = row->ports;
        return {};
    }));
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (before[i] != instance.ports[i]) {
            progress.note(
                fmt::format("{}: host port {} is taken, using {}", instance.id.str(), before[i].host_port, instance.ports[i].host_port));
        }
    }
    return {};
}

}  // namespace amivirt
