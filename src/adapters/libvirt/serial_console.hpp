// A machine's serial console as a terminal, over a stream of libvirt's.
#pragma once

#include <memory>

#include "adapters/libvirt/domains.hpp"
#include "amivirt/ports/serial_console.hpp"

namespace amivirt::libvirt {

[[nodiscard]] std::unique_ptr<SerialConsole> make_serial_console(std::shared_ptr<Domains> domains);

}  // namespace amivirt::libvirt
