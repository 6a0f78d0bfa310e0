// Entries of an image's own mapping. Private to src/services.
#pragma once

#include <string>

#include "amivirt/ports/catalog.hpp"

namespace amivirt {

/// The root's Ebs entry; null if it has none.
[[nodiscard]] EbsDevice* find_root_entry(BlockDeviceMapping& mapping, const std::string& root_device_name);
/// Completes the entries by what their snapshots are, and by EC2's defaults. invalid_block_device_mapping for a size below the snapshot's.
[[nodiscard]] Result<void> complete_entries(CatalogSession& session, Image& image);

}  // namespace amivirt
