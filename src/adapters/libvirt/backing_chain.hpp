// The layers a disk consists of, from the qcow2 headers that our own qemu-img wrote.
#pragma once

#include "adapters/libvirt/disk_xml.hpp"

namespace amivirt::libvirt {

/// What lies below is left out if it cannot be told completely (a file that is not within this process's reach, a backing file without a
/// format): libvirt then looks by itself.
[[nodiscard]] DiskChain disk_chain(const DiskSource& disk);

}  // namespace amivirt::libvirt
