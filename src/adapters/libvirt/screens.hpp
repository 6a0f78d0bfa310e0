// What a machine's display shows, as a picture.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "adapters/libvirt/domains.hpp"
#include "amivirt/ports/screens.hpp"

namespace amivirt::libvirt {

/// A PNG, or a binary PPM of 8 bits (QEMU's screendump is one or the other, by its version), as JPEG. hypervisor_failed if it is neither,
/// or one of more than 16384 pixels a side. Pure.
[[nodiscard]] Result<std::string> jpeg_of(std::string_view picture);

[[nodiscard]] std::unique_ptr<Screens> make_screens(std::shared_ptr<Domains> domains);

}  // namespace amivirt::libvirt
