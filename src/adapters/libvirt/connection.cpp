#include "adapters/libvirt/connection.hpp"

#include <fmt/format.h>

#include <csignal>
#include <mutex>
#include <string_view>

namespace amivirt::libvirt {
namespace {

constexpr unsigned k_calls_per_connection = 4;

std::shared_ptr<virConnect> adopt(virConnectPtr raw) {
    return {raw, [](virConnectPtr connection) { virConnectClose(connection); }};
}

}  // namespace

void initialize() {
    static std::once_flag once;
    std::call_once(once, [] {
        // libvirt writes to its socket without guarding against a daemon that has gone; that is an error, not our death.
        struct sigaction current {};
        if (sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) {
            current.sa_handler = SIG_IGN;
            sigaction(SIGPIPE, &current, nullptr);
        }
        virInitialize();
        virSetErrorFunc(nullptr, [](void* /*user_data*/, virErrorPtr /*error*/) {});
    });
}

Failure last_failure() {
    const virErrorPtr error = virGetLastError();
    if (error == nullptr) {
        return {VIR_ERR_INTERNAL_ERROR, VIR_FROM_NONE, "libvirt gave no reason"};
    }
    std::string message = error->message == nullptr ? "libvirt gave no reason" : error->message;
    while (!message.empty() && (message.back() == '\n' || message.back() == '\r' || message.back() == ' ')) {
        message.pop_back();
    }
    return {error->code, error->domain, std::move(message)};
}

Error unavailable(const std::string& uri, const Failure& failure) {
    return {Code::hypervisor_unavailable,
            fmt::format("cannot reach libvirt at \"{}\": {}", uri.empty() ? "(default)" : uri, failure.message),
            "\"amivirt doctor\" says what is missing and the command that mends it"};
}

Result<Connection> open_connection(const std::string& uri, Access access) {
    initialize();
    const char* const name = uri.empty() ? nullptr : uri.c_str();
    const virConnectPtr raw = access == Access::read_only ? virConnectOpenReadOnly(name) : virConnectOpen(name);
    if (raw == nullptr) {
        return unavailable(uri, last_failure());
    }
    Connection connection{adopt(raw), Driver::qemu};
    const char* const type = virConnectGetType(raw);
    if (type != nullptr && std::string_view(type) == "TEST") {
        connection.driver = Driver::test;
    }
    return connection;
}

Connections::Connections(std::string uri) : uri_(std::move(uri)), spread_(uri_.starts_with("test:") ? Spread::no : Spread::yes) {}

Connections::Lease::Lease(Slots& slots, Spread spread)
    : slot_(spread == Spread::no || slots[0].users.load() < k_calls_per_connection ? slots[0] : slots[1]) {
    ++slot_.users;
}

Result<Connection> Connections::Lease::connection(const std::string& uri) const {
    auto slot = slot_.connection.lock();
    if (slot->has_value() && virConnectIsAlive((*slot)->handle.get()) != 1) {
        slot->reset();
    }
    if (!slot->has_value()) {
        *slot = AMIVIRT_TRY(open_connection(uri, Access::read_write));
    }
    return **slot;
}

void Connections::Lease::drop(const Connection& dead) const {
    auto slot = slot_.connection.lock();
    if (slot->has_value() && (*slot)->handle == dead.handle) {
        slot->reset();
    }
}

bool Connections::lost(const Connection& connection, const Failure& failure) noexcept {
    switch (failure.code) {
        case VIR_ERR_RPC:
        case VIR_ERR_NO_CONNECT:
        case VIR_ERR_INVALID_CONN:
            return true;
        default:
            // A daemon that went away shows as a system error of the RPC layer, or the socket's end was seen by another thread.
            return failure.domain == VIR_FROM_RPC || virConnectIsAlive(connection.handle.get()) != 1;
    }
}

}  // namespace amivirt::libvirt
