// A bounded pool for the steps of one operation.
#pragma once

#include <cstddef>
#include <functional>

#include "amivirt/base/result.hpp"

namespace amivirt {

/// Calls `task(0) .. task(count - 1)` on at most `width` threads, the calling one among them. After the first error no new task
/// begins; those under way end. Returns that error. An exception (Interrupted) is rethrown here once all threads have ended.
[[nodiscard]] Result<void> for_each_parallel(std::size_t count, std::size_t width, const std::function<Result<void>(std::size_t)>& task);

}  // namespace amivirt
