// Waiting for cloud-init's end in a guest.
#pragma once

#include "amivirt/services/instances.hpp"

namespace amivirt {

class CloudInit {
public:
    struct Ports {
        Instances& instances;
        Hypervisor& hypervisor;
        InstanceFiles& files;
        MachineLog& machine_log;
        const Clock& clock;
    };
    explicit CloudInit(Ports ports) : ports_(ports) {}

    /// Until the serial console shows that it has finished since the machine was switched on or rebooted: that takes no login, and works
    /// where the user data broke SSH. guest_failed, with the last lines it printed, if it says that user data or a module failed;
    /// timed_out; incorrect_instance_state if the machine goes off or its kernel panics before. Interruptible.
    [[nodiscard]] Result<void> wait(const InstanceId& instance, Duration timeout);

private:
    Ports ports_;
};

}  // namespace amivirt
