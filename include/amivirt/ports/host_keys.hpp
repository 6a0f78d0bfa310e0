// Which host key does an SSH server show? Asked only where a person said to believe it.
#pragma once

#include <cstdint>
#include <string>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/result.hpp"

namespace amivirt {

class HostKeys {
public:
    virtual ~HostKeys() = default;
    /// "ssh-ed25519 AAAA...": of several the strongest. login_failed if it shows none in time.
    [[nodiscard]] virtual Result<std::string> ask(const std::string& address, std::uint16_t port, Duration timeout) = 0;
};

}  // namespace amivirt
