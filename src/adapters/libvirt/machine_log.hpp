// What QEMU said, from libvirt's log of the machine.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "adapters/libvirt/domains.hpp"
#include "amivirt/ports/machine_log.hpp"

namespace amivirt::libvirt {

/// QEMU's own lines of the last run in such a log, without their timestamps; none of libvirt's, nor QEMU's command line. Pure.
[[nodiscard]] std::string qemus_words(std::string_view log);

[[nodiscard]] std::unique_ptr<MachineLog> make_machine_log(std::shared_ptr<Domains> domains);

}  // namespace amivirt::libvirt
