// Steps that depend on one another, side by side where they do not.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "amivirt/base/result.hpp"

namespace amivirt {

/// Calls `task(i)` for each i, on a thread of its own, once all of `after[i]` went well; `after` has no cycle. One that fails keeps those
/// that depend on it from beginning, and no others. The errors, in order of i. An exception (Interrupted) keeps all that have not begun
/// from doing so, and is rethrown here once all threads have ended.
[[nodiscard]] std::vector<Error> for_each_after(const std::vector<std::vector<std::size_t>>& after,
                                                const std::function<Result<void>(std::size_t)>& task);

}  // namespace amivirt
