// What a libvirt daemon says of itself and its QEMU.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "adapters/libvirt/connection.hpp"

namespace amivirt::libvirt {

/// The emulator libvirt would start for an x86_64 machine; "" if it knows none.
[[nodiscard]] std::string emulator(const Connection& connection);

struct Identity {
    uid_t user = 0;
    gid_t group = 0;
};
/// The user that libvirt runs QEMU as and gives its files to; nullopt: it does no such thing (a session daemon). hypervisor_failed if it
/// could not be asked.
[[nodiscard]] Result<std::optional<Identity>> qemu_identity(const Connection& connection);

}  // namespace amivirt::libvirt
