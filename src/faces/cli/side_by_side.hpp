// Work on several objects at a time, where one that fails does not stop the others.
#pragma once

#include <cstddef>
#include <functional>

namespace amivirt::cli {

/// Calls `task(0) .. task(count - 1)`, each once, on at most `width` threads, the calling one among them. After an exception
/// (Interrupted) no new task begins; it is rethrown here once all threads have ended.
void side_by_side(std::size_t count, std::size_t width, const std::function<void(std::size_t)>& task);

}  // namespace amivirt::cli
