// The layers a disk consists of, from their files' headers. libvirt and QEMU are told them all and follow no header themselves.
#pragma once

#include "adapters/libvirt/disk_xml.hpp"

namespace amivirt::libvirt {

/// store_corrupt if the chain does not consist of layers of one folder to its end.
[[nodiscard]] Result<DiskChain> disk_chain(const DiskSource& disk);
/// What a new top is, whose chain is the one that its disk has already. store_corrupt if it is no layer.
[[nodiscard]] Result<Encrypted> disk_top(const DiskSource& disk);

}  // namespace amivirt::libvirt
