// The hypervisor, the disks of its running domains, and its health, on libvirt.
#pragma once

#include <memory>
#include <string>

#include "amivirt/base/log.hpp"
#include "amivirt/ports/guest_networks.hpp"
#include "amivirt/ports/health.hpp"
#include "amivirt/ports/hypervisor.hpp"
#include "amivirt/ports/live_disks.hpp"
#include "amivirt/ports/machine_log.hpp"
#include "amivirt/ports/screens.hpp"
#include "amivirt/ports/serial_console.hpp"

namespace amivirt {

struct LibvirtOptions {
    std::string uri;            ///< "qemu:///system", "qemu:///session", "test:///file.xml"; "" lets libvirt choose
    std::string template_path;  ///< templates/domain.xml, or the user's own
    Log& log;
    std::string store_path = {};  ///< health only: the folder that QEMU's user must reach; "" is not checked
    std::string key_file = {};    ///< the key of encrypted layers (64 hexadecimal digits, no newline); need not be there if none is
};

/// Faces of one libvirt, over the same connections.
struct Libvirt {
    std::unique_ptr<Hypervisor> hypervisor;
    std::unique_ptr<LiveDisks> live_disks;
    std::unique_ptr<GuestNetworks> networks;
    std::unique_ptr<MachineLog> machine_log;
    std::unique_ptr<SerialConsole> serial_console;
    std::unique_ptr<Screens> screens;
};

/// Nothing is opened yet. For the whole process libvirt's own messages to stderr are silenced and SIGPIPE is ignored.
[[nodiscard]] Libvirt make_libvirt(LibvirtOptions options);
[[nodiscard]] std::unique_ptr<Hypervisor> make_libvirt_hypervisor(LibvirtOptions options);

/// Is libvirt reachable and what does it run; QEMU's emulator, UEFI firmware, and whether QEMU's user can reach the store.
[[nodiscard]] std::unique_ptr<HealthCheck> make_libvirt_health(LibvirtOptions options);

}  // namespace amivirt
