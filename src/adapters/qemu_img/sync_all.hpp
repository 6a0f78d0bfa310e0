// Many new files made durable.
#pragma once

#include <string>
#include <vector>

#include "amivirt/base/result.hpp"

namespace amivirt {

/// Their data and inodes; names are for the caller (files::sync_folder).
[[nodiscard]] Result<void> sync_all(const std::vector<std::string>& paths);

}  // namespace amivirt
