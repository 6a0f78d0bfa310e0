// The hypervisor and its health, on libvirt.
#pragma once

#include <memory>
#include <string>

#include "amivirt/base/log.hpp"
#include "amivirt/ports/health.hpp"
#include "amivirt/ports/hypervisor.hpp"

namespace amivirt {

struct LibvirtOptions {
    std::string uri;            ///< "qemu:///system", "qemu:///session", "test:///file.xml"; "" lets libvirt choose
    std::string template_path;  ///< templates/domain.xml, or the user's own
    Log& log;
    std::string store_path = {};  ///< health only: the folder that QEMU's user must reach; "" is not checked
};

/// Nothing is opened yet. For the whole process libvirt's own messages to stderr are silenced and SIGPIPE is ignored.
[[nodiscard]] std::unique_ptr<Hypervisor> make_libvirt_hypervisor(LibvirtOptions options);

/// Is libvirt reachable and what does it run; QEMU's emulator, UEFI firmware, and whether QEMU's user can reach the store.
[[nodiscard]] std::unique_ptr<HealthCheck> make_libvirt_health(LibvirtOptions options);

}  // namespace amivirt
