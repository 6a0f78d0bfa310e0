// A machine as a test wants it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/host.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// At first: x86_64, no usable KVM, 16 GiB free, every port free, SSH answering nowhere.
/// Steps: "accelerator", "memory_available", "port_free" (counted only), "wait_ssh_greeting".
class FakeHost final : public Host {
public:
    [[nodiscard]] Architecture architecture() const override { return state_.lock()->architecture; }
    [[nodiscard]] Result<AcceleratorChoice> accelerator(AcceleratorRequest request) override {
        AMIVIRT_TRY(script_.pass("accelerator"));
        auto state = state_.lock();
        switch (request) {
            case AcceleratorRequest::automatic:
                return state->automatic;
            case AcceleratorRequest::tcg:
                return AcceleratorChoice{Accelerator::tcg, "asked for", false};
            case AcceleratorRequest::kvm:
                break;
        }
        if (state->automatic.accelerator != Accelerator::kvm) {
            return Error(Code::unsupported_operation, "KVM cannot be used: /dev/kvm is not there.");
        }
        return AcceleratorChoice{Accelerator::kvm, "asked for", false};
    }
    [[nodiscard]] Result<Bytes> memory_available() override {
        AMIVIRT_TRY(script_.pass("memory_available"));
        return state_.lock()->memory;
    }
    [[nodiscard]] Result<void> may_listen(const std::string& address, std::uint16_t port) override {
        if (address != "127.0.0.1" && address != "0.0.0.0") {
            return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is not an IPv4 address of this host", address));
        }
        if (port != 0 && port < 1024) {
            return Error(Code::invalid_parameter_value, fmt::format("port {} cannot be forwarded: it is below 1024", port));
        }
        return {};
    }
    [[nodiscard]] bool port_free(const std::string& /*address*/, std::uint16_t port, const std::string& /*protocol*/) override {
        const auto passed = script_.pass("port_free");
        return passed.has_value() && !state_.lock()->taken_ports.contains(port);
    }
    [[nodiscard]] Result<std::string> wait_ssh_greeting(const std::string& address, std::uint16_t port, Duration timeout) override {
        AMIVIRT_TRY(script_.pass("wait_ssh_greeting"));
        std::function<void(Duration)> on_wait;
        {
            auto state = state_.lock();
            if (const auto found = state->greetings.find(port); found != state->greetings.end()) {
                return found->second;
            }
            on_wait = state->on_wait;
        }
        if (on_wait) {
            on_wait(timeout);
        }
        return Error(Code::timed_out, fmt::format("No SSH server answered on {}:{} within {} ms.", address, port, timeout.count()));
    }

    void set_architecture(Architecture value) { state_.lock()->architecture = value; }
    void set_automatic(AcceleratorChoice choice) { state_.lock()->automatic = std::move(choice); }
    void set_memory(Bytes value) { state_.lock()->memory = value; }
    void take_port(std::uint16_t port) { state_.lock()->taken_ports.insert(port); }
    void release_port(std::uint16_t port) { state_.lock()->taken_ports.erase(port); }
    /// An SSH server answers on `port`.
    void answer_ssh(std::uint16_t port, const std::string& greeting = "SSH-2.0-dropbear") { state_.lock()->greetings[port] = greeting; }
    /// Runs with the time-out when a wait for SSH is in vain: let it move the test's clock.
    void on_vain_wait(std::function<void(Duration)> hook) { state_.lock()->on_wait = std::move(hook); }
    CallScript& script() noexcept { return script_; }

private:
    struct State {
        Architecture architecture = Architecture::x86_64;
        AcceleratorChoice automatic{Accelerator::tcg, "/dev/kvm is not there", false};
        Bytes memory{16ULL << 30U};
        std::set<std::uint16_t> taken_ports;
        std::map<std::uint16_t, std::string> greetings;
        std::function<void(Duration)> on_wait;
    };
    mutable Sync<State> state_;
    CallScript script_;
};

}  // namespace amivirt::fakes
