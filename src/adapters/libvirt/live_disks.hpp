// LiveDisks on libvirt; make_libvirt (hypervisor.hpp) hands it out.
#pragma once

#include <memory>

#include "adapters/libvirt/domains.hpp"
#include "amivirt/ports/live_disks.hpp"

namespace amivirt::libvirt {

[[nodiscard]] std::unique_ptr<LiveDisks> make_live_disks(std::shared_ptr<Domains> domains);

}  // namespace amivirt::libvirt
