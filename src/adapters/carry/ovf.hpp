// The description of a machine in an OVA (source: DMTF DSP0243, OVF 1.x; CIM resource types of DSP0004). Pure.
#pragma once

#include <string>
#include <string_view>

#include "amivirt/ports/image_archives.hpp"

namespace amivirt {

/// `disks` have their part, device name, size (of the file) and virtual size.
[[nodiscard]] std::string write_ovf(const CarriedImage& image);
/// `disks`: part and virtual size, the first of the first controller first; device names /dev/sda1, /dev/sdb ... and mapping to match.
/// invalid_disk_image names what is missing or not understood: no disks, several machines, compressed or chunked files, an empty disk.
[[nodiscard]] Result<CarriedImage> read_ovf(std::string_view text, const std::string& shown_as);

}  // namespace amivirt
