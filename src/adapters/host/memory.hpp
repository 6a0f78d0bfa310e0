// Memory that a guest could have.
#pragma once

#include <string>

#include "amivirt/base/result.hpp"
#include "amivirt/base/size.hpp"

namespace amivirt::host {

/// The lesser of what the kernel calls available and what the control groups of this process (a container) leave. `root` holds proc and
/// sys.
[[nodiscard]] Result<Bytes> memory_available(const std::string& root = {});

}  // namespace amivirt::host
