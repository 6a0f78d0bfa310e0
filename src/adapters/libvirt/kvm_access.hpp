// /dev/kvm as libvirt's QEMU sees it: of a user that may not open it, libvirt examines QEMU anew at every launch.
#pragma once

#include <optional>
#include <string>

#include "adapters/libvirt/capabilities.hpp"
#include "amivirt/ports/health.hpp"

namespace amivirt::libvirt {

struct KvmAccess {
    bool opens_for_us = false;    ///< for root, as libvirt finds it when it examines QEMU
    bool opens_for_qemu = false;  ///< for the user that QEMU runs as
    std::string user;             ///< that user's name
    bool in_group_kvm = false;    ///< that user is
};

/// Pure. nullopt: there is nothing to say, as root cannot open it either.
[[nodiscard]] std::optional<Finding> judge_kvm_access(const KvmAccess& access);

/// Only root can look with another's eyes: for everybody else, and where /dev/kvm is no device, nothing opens.
[[nodiscard]] KvmAccess collect_kvm_access(const Identity& qemu);

/// Its name, or "uid N".
[[nodiscard]] std::string user_name(uid_t user);

}  // namespace amivirt::libvirt
