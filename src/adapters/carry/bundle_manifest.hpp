// A bundle's manifest.json. Pure.
#pragma once

#include <string>
#include <string_view>

#include "amivirt/ports/image_archives.hpp"

namespace amivirt {

inline constexpr unsigned k_bundle_major = 1;
inline constexpr std::string_view k_bundle_manifest = "manifest.json";
inline constexpr std::string_view k_bundle_checksums = "SHA256SUMS";

/// `disks` have their part, size and virtual size.
[[nodiscard]] std::string write_bundle_manifest(const CarriedImage& image);
/// invalid_disk_image naming the field; store_too_new for a later major version. `shown_as` is the bundle.
[[nodiscard]] Result<CarriedImage> read_bundle_manifest(std::string_view text, const std::string& shown_as);

}  // namespace amivirt
