// The networks that instances can be plugged into, other than QEMU's own user network. Implemented on libvirt.
#pragma once

#include <string>
#include <vector>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/domain/network.hpp"

namespace amivirt {

/// Every method may answer hypervisor_unavailable. Thread-safe.
class GuestNetworks {
public:
    virtual ~GuestNetworks() = default;
    /// Can a machine be plugged into it now? resource_not_found: there is none of that name (the message lists those there are);
    /// incorrect_state: it is not active (the hint is the command that starts it). The user network is always there.
    [[nodiscard]] virtual Result<void> check(const NetworkChoice& network) = 0;
    /// The IPv4 addresses of a running instance's card, the one of this MAC address, found by the network's leases, else the host's ARP
    /// table, else the guest's agent (if one answers within seconds). Empty: none is known (yet), it is off or has no domain, or it is on
    /// the user network.
    [[nodiscard]] virtual Result<std::vector<std::string>> addresses(const InstanceId& instance, const std::string& mac_address) = 0;
};

}  // namespace amivirt
