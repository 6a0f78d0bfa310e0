// What `amivirt doctor` asks.
#pragma once

#include <string>
#include <vector>

namespace amivirt {

enum class Health { ok, warning, fault };  ///< a fault: a launch would not work

struct Finding {
    std::string subject;  ///< "libvirt", "qemu-img", "accelerator"
    Health health = Health::ok;
    std::string detail;  ///< what was seen
    std::string remedy;  ///< the command that mends it; "" if there is nothing to mend
};

class HealthCheck {
public:
    virtual ~HealthCheck() = default;
    /// Never fails as such: what cannot be asked is a Finding.
    [[nodiscard]] virtual std::vector<Finding> check() = 0;
};

}  // namespace amivirt
