// Ports that lead nowhere, as a host has them.
#pragma once

#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/port_forwarder.hpp"

namespace amivirt::fakes {

/// The ports of a host: several forwarders on one of them keep each other out, as processes do.
struct FakeHostPorts {
    std::set<std::pair<std::string, std::uint16_t>> taken;
    std::set<std::uint16_t> taken_everywhere;  ///< by a program that listens on all addresses
    std::uint16_t first_allowed = 0;           ///< those below need a privilege
};

class FakePortForwarder final : public PortForwarder {
public:
    explicit FakePortForwarder(Sync<FakeHostPorts>& host) : host_(host) {}
    FakePortForwarder(const FakePortForwarder&) = delete;
    FakePortForwarder& operator=(const FakePortForwarder&) = delete;
    ~FakePortForwarder() override { close_all(); }

    [[nodiscard]] Result<void> open(const TcpForward& forward) override {
        auto open = open_.lock();
        if (open->contains(forward)) {
            return {};
        }
        auto host = host_.lock();
        if (forward.port < host->first_allowed) {
            return Error(Code::operation_not_permitted, fmt::format("cannot listen on {}:{}: denied", forward.address, forward.port));
        }
        if (host->taken_everywhere.contains(forward.port) || !host->taken.emplace(forward.address, forward.port).second) {
            return Error(Code::busy, fmt::format("cannot listen on {}:{}: in use", forward.address, forward.port));
        }
        open->insert(forward);
        return {};
    }
    void close(const TcpForward& forward) override {
        if (open_.lock()->erase(forward) > 0) {
            host_.lock()->taken.erase({forward.address, forward.port});
        }
    }
    void close_all() override {
        for (const TcpForward& each : open_ones()) {
            close(each);
        }
    }
    [[nodiscard]] std::vector<TcpForward> open_ones() const override {
        auto open = open_.lock();
        return {open->begin(), open->end()};
    }

private:
    Sync<FakeHostPorts>& host_;
    mutable Sync<std::set<TcpForward>> open_;
};

}  // namespace amivirt::fakes
