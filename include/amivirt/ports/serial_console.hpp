// An instance's serial console as a terminal of its own. Implemented on libvirt.
#pragma once

#include "amivirt/base/ids.hpp"
#include "amivirt/base/result.hpp"

namespace amivirt {

class SerialConsole {
public:
    virtual ~SerialConsole() = default;
    enum class End {
        escaped,     ///< Ctrl-] was read from a terminal
        input_over,  ///< the input, no terminal, has ended, and the console has been silent since for a second
        closed,      ///< the machine is off
    };
    enum class Takeover { yes, no };
    /// Copies between the console and two file descriptors until one of the ends above. A terminal behind `input` is raw meanwhile, so that
    /// all but Ctrl-] reaches the guest, and as it was before on return, however that comes (Interrupted too). incorrect_instance_state if
    /// the machine is not running; busy if somebody else is attached (Takeover::yes: he is detached).
    [[nodiscard]] virtual Result<End> attach(const InstanceId& instance, int input, int output, Takeover takeover) = 0;
};

}  // namespace amivirt
