#include "adapters/libvirt/connection.hpp"

#include <fmt/format.h>

#include <csignal>
#include <mutex>
#include <string_view>

namespace amivirt::libvirt {
namespace {

// libvirtd has 20 workers for all its clients (max_workers).
constexpr std::size_t k_most_connections = 10;

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

// The test driver's domains are those of one connection.
Connections::Connections(std::string uri) : uri_(std::move(uri)), leases_left_(uri_.starts_with("test:") ? 1 : k_most_connections) {}

Connections::Lease::Lease(Connections& pool) : pool_(pool) {
    std::unique_lock lock(pool_.mutex_);
    pool_.given_back_.wait(lock, [this] { return pool_.leases_left_ > 0; });
    --pool_.leases_left_;
    if (!pool_.idle_.empty()) {
        connection_ = std::move(pool_.idle_.back());
        pool_.idle_.pop_back();
    }
}

Connections::Lease::~Lease() {
    {
        const std::lock_guard lock(pool_.mutex_);
        ++pool_.leases_left_;
        if (connection_) {
            pool_.idle_.push_back(std::move(*connection_));
        }
    }
    pool_.given_back_.notify_one();
}

Result<Connection> Connections::Lease::take(Attempt attempt) {
    if (connection_ && (attempt == Attempt::repeated || virConnectIsAlive(connection_->handle.get()) != 1)) {
        connection_.reset();
    }
    if (!connection_) {
        connection_ = AMIVIRT_TRY(open_connection(pool_.uri_, Access::read_write));
    }
    return *connection_;
}

void Connections::Lease::dead() {
    connection_.reset();
    // Closed when the lock is no longer held.
    std::vector<Connection> others;
    const std::lock_guard lock(pool_.mutex_);
    others.swap(pool_.idle_);
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
