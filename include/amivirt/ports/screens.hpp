// What an instance's display shows. Implemented on libvirt.
#pragma once

#include <string>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/result.hpp"

namespace amivirt {

class Screens {
public:
    virtual ~Screens() = default;
    /// Its first display now, as JPEG. unsupported_operation if the machine has none (the domain template gives none by itself);
    /// incorrect_instance_state if it is not running.
    [[nodiscard]] virtual Result<std::string> shoot(const InstanceId& instance) = 0;
};

}  // namespace amivirt
