// Where distributions keep OVMF.
#pragma once

#include "adapters/libvirt/domain_xml.hpp"

namespace amivirt::libvirt {

/// The first pair that is there; empty if this host has no UEFI firmware.
[[nodiscard]] Ovmf find_ovmf();

}  // namespace amivirt::libvirt
