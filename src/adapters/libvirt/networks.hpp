// Networks and addresses of machines, on libvirt.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/libvirt/domains.hpp"
#include "amivirt/ports/guest_networks.hpp"

namespace amivirt::libvirt {

/// The IPv4 addresses of the card with this MAC address in what a guest's agent answers to guest-network-get-interfaces; none if it is no
/// such answer, for it comes from the guest. Pure.
[[nodiscard]] std::vector<std::string> addresses_in(std::string_view answer, std::string_view mac_address);

/// The same of the kernel's table of neighbours, /proc/net/arp (source: proc(5)): complete entries only. Pure.
[[nodiscard]] std::vector<std::string> neighbours_in(std::string_view table, std::string_view mac_address);

[[nodiscard]] std::unique_ptr<GuestNetworks> make_networks(std::shared_ptr<Domains> domains);

}  // namespace amivirt::libvirt
