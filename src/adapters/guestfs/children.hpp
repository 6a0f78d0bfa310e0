// The processes a library starts behind our back: found, and tied to our life.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace amivirt::guestfs {

/// From now on, what this thread forks gets SIGKILL when the thread (so also when the process) ends, in whatever way.
void tie_children_to_this_thread();
/// Children, living or not yet waited for, that the thread `tid` of this process forked.
[[nodiscard]] std::vector<pid_t> children_of(pid_t tid);
/// SIGKILL to all of them.
void kill_children_of(pid_t tid);
/// Its arguments; empty if it is gone.
[[nodiscard]] std::vector<std::string> arguments_of(pid_t pid);

}  // namespace amivirt::guestfs
