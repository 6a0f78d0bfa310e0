// What a reset did, as a tree. Pure.
#pragma once

#include "amivirt/services/reset.hpp"
#include "faces/cli/output.hpp"

namespace amivirt::cli {

/// {"TerminatingInstances": [{"InstanceId"}], "Deleted": {"Images", "Snapshots", "Volumes", "KeyPairs"}}
[[nodiscard]] Document reset_document(const ResetReport& report);

}  // namespace amivirt::cli
