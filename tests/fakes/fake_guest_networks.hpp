// Networks in memory.
#pragma once

#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/guest_networks.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// At first there are the active network "default" and the bridge "br0". Steps: "check", "addresses".
class FakeGuestNetworks final : public GuestNetworks {
public:
    [[nodiscard]] Result<void> check(const NetworkChoice& network) override {
        AMIVIRT_TRY(script_.pass("check"));
        auto state = state_.lock();
        if (network.kind == NetworkChoice::Kind::user) {
            return {};
        }
        const auto found = state->active.find(to_string(network));
        if (found == state->active.end()) {
            return Error(Code::resource_not_found,
                         fmt::format("{} not found: there is {}", to_string(network), state->active.begin()->first));
        }
        if (!found->second) {
            return Error(Code::incorrect_state, fmt::format("{} is not active", to_string(network)), "virsh net-start " + network.name);
        }
        return {};
    }
    [[nodiscard]] Result<std::vector<std::string>> addresses(const InstanceId& /*instance*/, const std::string& mac_address) override {
        AMIVIRT_TRY(script_.pass("addresses"));
        auto state = state_.lock();
        const auto found = state->leases.find(mac_address);
        return found == state->leases.end() ? std::vector<std::string>() : std::vector<std::string>{found->second};
    }

    void set_active(const std::string& network, bool active) { state_.lock()->active[network] = active; }
    /// The card of this MAC address has an address from now on.
    void lease(const std::string& mac_address, const std::string& address) { state_.lock()->leases[mac_address] = address; }
    CallScript& script() noexcept { return script_; }

private:
    struct State {
        std::map<std::string, bool> active{{"network:default", true}, {"bridge:br0", true}};
        std::map<std::string, std::string> leases;
    };
    Sync<State> state_;
    CallScript script_;
};

}  // namespace amivirt::fakes
