// The layers below a disk, from the qcow2 headers that our own qemu-img wrote.
#pragma once

#include <string>
#include <vector>

#include "adapters/libvirt/domain_xml.hpp"

namespace amivirt::libvirt {

/// What lies below `disk`, nearest first; empty if there is nothing, or if it cannot be told completely (a file that is not within
/// this process's reach, a backing file without a format): libvirt then looks by itself.
[[nodiscard]] std::vector<BackingFile> backing_chain(const DiskSource& disk);

}  // namespace amivirt::libvirt
