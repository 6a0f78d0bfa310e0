// What cloud-init would do with a seed, done to the disk before its first boot. Private to src/services.
#pragma once

#include <string>

#include "amivirt/ports/guest_disks.hpp"
#include "amivirt/ports/seed_builder.hpp"

namespace amivirt {

/// The seed's public keys for `user` (root if there is no such user), its host name, its SSH host key (where an OpenSSH server is) and its
/// user data, a script, to be run once at the first boot by systemd or OpenRC. unsupported_operation: it is no Linux, or has neither and
/// the script nobody to run it.
[[nodiscard]] Result<void> put_in(GuestFileSystem& files, const Seed& seed, const std::string& user);

}  // namespace amivirt
