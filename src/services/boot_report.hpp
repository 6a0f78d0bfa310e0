// What a failed boot leaves to read, for the error that tells of it.
#pragma once

#include <string>

#include "amivirt/ports/instance_files.hpp"
#include "amivirt/ports/machine_log.hpp"

namespace amivirt {

inline constexpr std::size_t k_report_lines = 8;
inline constexpr std::size_t k_full_report_lines = 60;

/// `sentence`, followed by QEMU's own words, if it said any, and the last lines of the instance's serial console (without escape sequences
/// and control characters). What cannot be read is left out; a console on which nothing was printed is told as such.
[[nodiscard]] std::string boot_report(std::string sentence, InstanceFiles& files, MachineLog& machine_log, const InstanceId& instance,
                                      std::size_t lines = k_report_lines);

/// One line that says where all of it is: the console's log and QEMU's.
[[nodiscard]] std::string where_to_read(InstanceFiles& files, MachineLog& machine_log, const InstanceId& instance);

/// Did the kernel of the guest panic, judging by what its console printed since it was switched on? Not where it began again since, as a
/// kernel does that is told to by `panic=SECONDS`.
[[nodiscard]] bool has_panicked(InstanceFiles& files, const InstanceId& instance);

}  // namespace amivirt
