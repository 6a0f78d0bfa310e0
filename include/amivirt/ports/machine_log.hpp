// What the hypervisor wrote down about a machine: QEMU's own words.
#pragma once

#include <string>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/result.hpp"

namespace amivirt {

class MachineLog {
public:
    virtual ~MachineLog() = default;
    /// The file; "" if there is none, or nobody knows where. It outlives the machine, until it is removed.
    [[nodiscard]] virtual std::string path(const InstanceId& instance) = 0;
    /// What QEMU said in the machine's last run, without its command line and libvirt's remarks; at most its last `limit` bytes. "" if it
    /// said nothing; io_error if the file may not be read.
    [[nodiscard]] virtual Result<std::string> last_words(const InstanceId& instance, std::size_t limit) = 0;
    /// Of a machine that is gone for good; what this user may not remove stays. Idempotent.
    virtual void remove(const InstanceId& instance) = 0;
};

}  // namespace amivirt
