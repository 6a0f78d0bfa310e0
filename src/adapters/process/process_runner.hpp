// Other programs, by fork and exec.
#pragma once

#include <memory>

#include "amivirt/ports/process_runner.hpp"

namespace amivirt {

/// Safe in a process with many threads; run() may be called from several at once.
[[nodiscard]] std::unique_ptr<ProcessRunner> make_process_runner();

}  // namespace amivirt
