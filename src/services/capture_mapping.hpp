// Which disks of an instance an image made of it has. Private to src/services.
#pragma once

#include <string_view>
#include <vector>

#include "amivirt/base/result.hpp"
#include "amivirt/domain/block_device_mapping.hpp"
#include "amivirt/domain/instance.hpp"
#include "amivirt/domain/storage.hpp"

namespace amivirt {

/// nullptr: there is none.
[[nodiscard]] const BlockDevice* entry_for(const BlockDeviceMapping& mapping, std::string_view device_name);
/// Those of an instance's volumes that the request does not leave out.
[[nodiscard]] std::vector<Volume> captured(std::vector<Volume> attached, const BlockDeviceMapping& request);
/// The new image's mapping, its volumes' snapshots still to be put in.
[[nodiscard]] Result<BlockDeviceMapping> mapping_of(const Instance& instance, const std::vector<Volume>& volumes,
                                                    const BlockDeviceMapping& source, const BlockDeviceMapping& request);

}  // namespace amivirt
