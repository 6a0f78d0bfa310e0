// Liveness by flock: the kernel drops the lock when the process dies.
#pragma once

#include <memory>
#include <string>

#include "amivirt/ports/liveness.hpp"

namespace amivirt {

/// One file per operation, `locks_folder`/op-..., made with the folder on first use.
[[nodiscard]] std::unique_ptr<Liveness> make_flock_liveness(const std::string& locks_folder);

}  // namespace amivirt
