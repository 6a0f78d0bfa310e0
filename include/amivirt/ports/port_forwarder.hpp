// TCP ports of this host that lead to others.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "amivirt/base/result.hpp"

namespace amivirt {

/// What connects to `port` of `address` is passed on to `to_port` of `to_address`; all are of IPv4.
struct TcpForward {
    std::string address;
    std::uint16_t port = 0;
    std::string to_address;
    std::uint16_t to_port = 0;
    friend auto operator<=>(const TcpForward&, const TcpForward&) = default;
};

class PortForwarder {
public:
    virtual ~PortForwarder() = default;
    /// Listens from now on, until it is closed. One that is open already is done. busy: another socket has that port of that address, or
    /// of all addresses; operation_not_permitted: this process may not listen on a port so low; io_error.
    [[nodiscard]] virtual Result<void> open(const TcpForward& forward) = 0;
    /// Its port is free on return; connections go on until one of their ends closes. What is not open is done.
    virtual void close(const TcpForward& forward) = 0;
    /// All listeners and all connections. May be opened again.
    virtual void close_all() = 0;
    /// What listens now, in order.
    [[nodiscard]] virtual std::vector<TcpForward> open_ones() const = 0;
};

}  // namespace amivirt
