// Connections to one libvirt daemon: opened when needed, opened again when the daemon was restarted; and its errors, read at once.
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "amivirt/base/result.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt::libvirt {

/// What libvirt said last in this thread.
struct Failure {
    int code = VIR_ERR_OK;
    int domain = VIR_FROM_NONE;
    std::string message;
};
[[nodiscard]] Failure last_failure();
/// hypervisor_unavailable, with the way to find out more.
[[nodiscard]] Error unavailable(const std::string& uri, const Failure& failure);
/// Silences libvirt's own messages to stderr and ignores SIGPIPE (unless somebody handles it), for the whole process.
void initialize();

enum class Driver { qemu, test };

struct Connection {
    std::shared_ptr<virConnect> handle;
    Driver driver = Driver::qemu;
};
enum class Access { read_write, read_only };
[[nodiscard]] Result<Connection> open_connection(const std::string& uri, Access access);

/// Thread-safe. libvirtd works on few calls of one connection at a time (max_client_requests, 5), so a launch of many is spread over
/// two connections; the second is opened only when the first is busy.
class Connections {
public:
    explicit Connections(std::string uri);

    /// Runs `call(const Connection&, Attempt)` -> std::optional<Failure> (nullopt: it went well) and hands its failure on. When the
    /// connection turns out to be dead, once more on a new one, so `call` must bear that its first attempt got half way.
    enum class Attempt { first, repeated };
    template <class Call>
    [[nodiscard]] Result<std::optional<Failure>> use(Call&& call) {
        Attempt attempt = Attempt::first;
        while (true) {
            const Lease lease(slots_, spread_);
            const Connection connection = AMIVIRT_TRY(lease.connection(uri_));
            std::optional<Failure> failure = call(connection, attempt);
            if (!failure || !lost(connection, *failure)) {
                return failure;
            }
            lease.drop(connection);
            if (attempt == Attempt::repeated) {
                return unavailable(uri_, *failure);
            }
            attempt = Attempt::repeated;
        }
    }

    [[nodiscard]] const std::string& uri() const noexcept { return uri_; }

private:
    struct Slot {
        Sync<std::optional<Connection>> connection;
        std::atomic<unsigned> users{0};
    };
    using Slots = std::array<Slot, 2>;

    /// The test driver's domains are those of one connection.
    enum class Spread { yes, no };

    class Lease {
    public:
        Lease(Slots& slots, Spread spread);
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        ~Lease() { --slot_.users; }
        [[nodiscard]] Result<Connection> connection(const std::string& uri) const;
        void drop(const Connection& dead) const;

    private:
        Slot& slot_;
    };

    /// Did the failure come from the way to the daemon rather than from its answer?
    [[nodiscard]] static bool lost(const Connection& connection, const Failure& failure) noexcept;

    std::string uri_;
    Spread spread_;
    Slots slots_;
};

}  // namespace amivirt::libvirt
