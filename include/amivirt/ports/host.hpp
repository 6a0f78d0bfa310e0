// This machine: what it can run and who listens where.
#pragma once

#include <cstdint>
#include <string>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/size.hpp"
#include "amivirt/domain/platform.hpp"

namespace amivirt {

struct AcceleratorChoice {
    Accelerator accelerator = Accelerator::tcg;
    std::string reason;      ///< one clause: "/dev/kvm is there, but its module is kvm_pvm, under which stock kernels hang"
    bool fell_back = false;  ///< `automatic` found a /dev/kvm and could not use it
};

class Host {
public:
    virtual ~Host() = default;
    [[nodiscard]] virtual Architecture architecture() const = 0;
    /// `automatic` takes KVM only where a stock guest really runs. `kvm` where it cannot even be opened: unsupported_operation.
    [[nodiscard]] virtual Result<AcceleratorChoice> accelerator(AcceleratorRequest request) = 0;
    [[nodiscard]] virtual Result<Bytes> memory_available() = 0;
    /// What stands against forwarding this port of the host, whoever uses it now: invalid_parameter_value if `address` is no IPv4 address
    /// of this host, or if QEMU, which has no privileges, may not listen on a port so low (0: any that is free).
    [[nodiscard]] virtual Result<void> may_listen(const std::string& address, std::uint16_t port) = 0;
    /// Could a process bind this TCP or UDP port now?
    [[nodiscard]] virtual bool port_free(const std::string& address, std::uint16_t port, const std::string& protocol) = 0;
    /// Waits for an SSH server's greeting ("SSH-2.0-...", returned) on a TCP port; timed_out. Interruptible.
    [[nodiscard]] virtual Result<std::string> wait_ssh_greeting(const std::string& address, std::uint16_t port, Duration timeout) = 0;
};

}  // namespace amivirt
