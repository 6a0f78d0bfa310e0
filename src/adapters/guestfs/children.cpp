#include "adapters/guestfs/children.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <fstream>
#include <mutex>

namespace amivirt::guestfs {

namespace {

thread_local bool t_tied = false;

/// Runs in the child, between fork and exec; the setting outlasts the exec. A parent that died before it ran is seen by its absence only
/// by libguestfs's own recovery process; the window is microseconds.
void in_child() {
    if (t_tied) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
}

}  // namespace

void tie_children_to_this_thread() {
    static std::once_flag once;
    std::call_once(once, [] { ::pthread_atfork(nullptr, nullptr, in_child); });
    t_tied = true;
}

std::vector<pid_t> children_of(pid_t tid) {
    std::ifstream list(fmt::format("/proc/self/task/{}/children", tid));
    std::vector<pid_t> result;
    for (pid_t pid = 0; list >> pid;) {
        result.push_back(pid);
    }
    return result;
}

void kill_children_of(pid_t tid) {
    for (const pid_t pid : children_of(tid)) {
        ::kill(pid, SIGKILL);
    }
}

std::vector<std::string> arguments_of(pid_t pid) {
    std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
    std::vector<std::string> result;
    for (std::string argument; std::getline(file, argument, '\0');) {
        result.push_back(argument);
    }
    return result;
}

}  // namespace amivirt::guestfs
