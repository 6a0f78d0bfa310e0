// What instances can be waited for.
#pragma once

#include <string_view>
#include <vector>

#include "faces/cli/backend.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

/// Has the instance run, so that one which does not is over? Else it may still be launched, or be about to be started by somebody.
enum class Ran { yes, perhaps };

struct WaitCondition {
    WaitFor what;
    std::string_view word;   ///< on the command line
    std::string_view shown;  ///< "waiting for SSH"
    /// Returns when it holds; an error if it cannot hold any more, or `timeout` is over.
    Result<void> (*wait)(Services& services, const InstanceId& instance, Ran ran, Duration timeout);
};
/// All there are: the one place to add to.
[[nodiscard]] const std::vector<WaitCondition>& wait_conditions();
[[nodiscard]] const WaitCondition& condition_of(WaitFor what);
/// By its word; invalid_parameter_value lists them.
[[nodiscard]] Result<WaitFor> parse_wait_for(std::string_view text);

}  // namespace amivirt::cli
