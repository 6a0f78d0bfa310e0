// Connections to one libvirt daemon: opened when needed, opened again when the daemon was restarted; and its errors, read at once.
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/result.hpp"

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

/// Thread-safe. A connection is lent to one call at a time: where threads share one, the libvirt of Debian 12 follows pointers into stacks
/// that are gone (CVE-2024-4418). They are opened as calls coincide, and kept; when all are lent, calls wait.
class Connections {
public:
    explicit Connections(std::string uri);

    /// Runs `call(const Connection&, Attempt)` -> std::optional<Failure> (nullopt: it went well) and hands its failure on. When the
    /// connection turns out to be dead, once more on a new one, so `call` must bear that its first attempt got half way. Not to be
    /// called from within a `call`, which could wait for itself.
    enum class Attempt { first, repeated };
    template <class Call>
    [[nodiscard]] Result<std::optional<Failure>> use(Call&& call) {
        Attempt attempt = Attempt::first;
        while (true) {
            Lease lease(*this);
            const Connection connection = AMIVIRT_TRY(lease.take(attempt));
            std::optional<Failure> failure = call(connection, attempt);
            if (!failure || !lost(connection, *failure)) {
                return failure;
            }
            lease.dead();
            if (attempt == Attempt::repeated) {
                return unavailable(uri_, *failure);
            }
            attempt = Attempt::repeated;
        }
    }

    [[nodiscard]] const std::string& uri() const noexcept { return uri_; }

private:
    /// One connection, or the right to open one, for as long as it lives.
    class Lease {
    public:
        /// Waits until there is one to be had.
        explicit Lease(Connections& pool);
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        ~Lease();
        /// Attempt::repeated: a new one, whatever was had.
        [[nodiscard]] Result<Connection> take(Attempt attempt);
        /// So are those that nobody uses: the daemon that they lead to has gone.
        void dead();

    private:
        Connections& pool_;
        std::optional<Connection> connection_;
    };

    /// Did the failure come from the way to the daemon rather than from its answer?
    [[nodiscard]] static bool lost(const Connection& connection, const Failure& failure) noexcept;

    std::string uri_;
    std::mutex mutex_;
    std::condition_variable given_back_;
    std::vector<Connection> idle_;
    std::size_t leases_left_;
};

}  // namespace amivirt::libvirt
