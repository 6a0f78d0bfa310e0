// What is told of a move from one state to another that an instance cannot make. Pure.
#pragma once

#include <string_view>

#include "amivirt/domain/instance.hpp"

namespace amivirt {

/// incorrect_instance_state. `action`: "started".
[[nodiscard]] Error wrong_state(const Instance& instance, std::string_view action);
/// unsupported_operation for a root on instance store, whatever the state (source: EC2 StopInstances).
[[nodiscard]] Result<void> check_may_stop(const Instance& instance);

}  // namespace amivirt
