// What check_mapping and merge_mappings share.
#pragma once

#include <string_view>
#include <vector>

#include "amivirt/domain/block_device_mapping.hpp"

namespace amivirt {

/// Names well-formed, none twice under any spelling, ephemeral numbers in range and none twice. `whose` begins the sentence:
/// "image", "request" or "".
void check_names(const BlockDeviceMapping& mapping, std::string_view whose, std::vector<Error>& faults);
}  // namespace amivirt
