// Named places at which a test may kill the process or fail a call; nothing at all in a release build.
#pragma once

#include <string_view>

namespace amivirt {

#ifdef AMIVIRT_FAULT_INJECTION
/// Obeys the environment: AMIVIRT_FAULT_TRACE=FILE appends each name as it is passed;
/// AMIVIRT_FAULT_KILL_AT=K kills the process (SIGKILL) at the K-th point, counted from 1 over all threads, or, if K is a name, at the first
/// point of that name.
void fault_point(std::string_view name);
#else
inline void fault_point(std::string_view /*name*/) {}
#endif

}  // namespace amivirt
