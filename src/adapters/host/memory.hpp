// Memory: what a guest could have, and what this process keeps.
#pragma once

#include <string>

#include "amivirt/base/result.hpp"
#include "amivirt/base/size.hpp"

namespace amivirt::host {

/// The lesser of what the kernel calls available and what the control groups of this process (a container) leave. `root` holds proc and
/// sys.
[[nodiscard]] Result<Bytes> memory_available(const std::string& root = {});

/// For a process of many threads whose largest answers are many times its small ones: they share two heaps, and what is freed goes back
/// to the kernel. By default each thread has a heap of its own, which keeps it (source: mallopt(3)). Before the threads begin.
void share_heaps() noexcept;

}  // namespace amivirt::host
