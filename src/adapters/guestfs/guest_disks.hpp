// The files inside guests' disks, through libguestfs.
#pragma once

#include <memory>

#include "adapters/guestfs/inspector.hpp"
#include "amivirt/ports/guest_disks.hpp"

namespace amivirt {

[[nodiscard]] std::unique_ptr<GuestDisks> make_guestfs_disks(GuestfsOptions options);

}  // namespace amivirt
