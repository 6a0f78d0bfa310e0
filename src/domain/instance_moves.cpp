#include "amivirt/domain/instance_moves.hpp"

#include <fmt/format.h>

namespace amivirt {

Error wrong_state(const Instance& instance, std::string_view action) {
    return {Code::incorrect_instance_state,
            fmt::format("instance \"{}\" cannot be {}: it is {}", instance.id.str(), action, to_string(instance.state))};
}

Result<void> check_may_stop(const Instance& instance) {
    if (instance.root_device_type == RootDeviceType::instance_store) {
        return Error(Code::unsupported_operation,
                     fmt::format("The instance '{}' does not have an 'ebs' root device type and cannot be stopped", instance.id.str()),
                     fmt::format("amivirt terminate {}", instance.id.str()));
    }
    return {};
}

}  // namespace amivirt
