// What can be wrong with the key of a region's encrypted layers, told alike by the store and by libvirt's adapter. All are store_corrupt,
// with the hint to restore it.
#pragma once

#include <string>
#include <string_view>

#include "amivirt/base/error.hpp"

namespace amivirt {

[[nodiscard]] Error key_missing(const std::string& key_file);
/// `why`: "is empty"
[[nodiscard]] Error key_unusable(const std::string& key_file, std::string_view why);
/// It opens nothing in the file `disk`.
[[nodiscard]] Error key_refused(const std::string& key_file, const std::string& disk);
/// Are these QEMU's words for a key that does not open an encrypted disk?
[[nodiscard]] bool says_key_refused(std::string_view words) noexcept;

}  // namespace amivirt
