// Ports that lead to others, by sockets of this process.
#pragma once

#include <memory>

#include "amivirt/base/log.hpp"
#include "amivirt/ports/port_forwarder.hpp"

namespace amivirt {

/// Has one thread of its own, from the first open() on. At most 1024 connections at a time: what comes beyond is closed at once.
[[nodiscard]] std::unique_ptr<PortForwarder> make_port_forwarder(Log& log);

}  // namespace amivirt
