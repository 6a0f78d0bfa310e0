// An instance's record, and what is written into it. Private to src/services.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "amivirt/domain/filter.hpp"
#include "amivirt/services/instances.hpp"

namespace amivirt {

[[nodiscard]] inline Error instance_not_found(const std::string& wanted, const std::vector<std::string>& names) {
    const auto close = nearest(wanted, names);
    return {Code::invalid_instance_id_not_found, fmt::format("instance \"{}\" not found", wanted),
            close.empty() ? "`amivirt ps -a` shows the instances there are" : fmt::format("did you mean \"{}\"?", close)};
}

inline void set_state(Instance& instance, InstanceState state, std::string code = {}, std::string message = {}) {
    instance.state = state;
    instance.state_reason_code = std::move(code);
    instance.state_reason_message = std::move(message);
}

[[nodiscard]] inline Result<Instance> find_instance(CatalogSession& session, const InstanceId& id) {
    auto found = AMIVIRT_TRY(session.instances().find(id));
    if (!found) {
        return instance_not_found(id.str(), {});
    }
    return std::move(*found);
}

inline void tell(const Begun& begun, const Instance& changing) {
    if (begun) {
        begun(changing);
    }
}

}  // namespace amivirt
