// Addresses of 127.0.0.0/8, one for each running instance, where this host reaches it as others reach a machine in the cloud: port 22 is
// the guest's SSH, and each port of the guest that is forwarded is there under its own number.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "amivirt/base/log.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/liveness.hpp"
#include "amivirt/ports/port_forwarder.hpp"

namespace amivirt {

/// An address that this catalog has given out.
struct LoopbackAddress {
    std::string address;
    std::string holder;          ///< what has it: an instance's id, or that of an elastic address
    std::string instance;        ///< where it leads; "" nowhere
    std::uint16_t ssh_port = 0;  ///< of `address`, where a server lets the instance's SSH be reached; 0: nowhere
};

/// A fresh one, held by `holder`. Never of 127.0.0.0/16; which of the others depends on the store, so that two stores of a host hardly
/// meet. The same holder may have several. `avoid`: others that are not to be had. insufficient_instance_capacity: there is none.
[[nodiscard]] Result<LoopbackAddress> claim_loopback_address(CatalogSession& session, const std::string& store_id,
                                                             const std::string& holder, const std::string& owner, TimePoint now,
                                                             const std::set<std::string>& avoid = {});
/// All that are given out, in the order in which they were.
[[nodiscard]] Result<std::vector<LoopbackAddress>> loopback_addresses(CatalogSession& session);
/// Lets it lead to this instance ("": nowhere); the server that listens follows. internal_error: it is not given out.
[[nodiscard]] Result<void> lead_loopback_address(CatalogSession& session, const std::string& address, const std::string& instance);
/// Idempotent.
[[nodiscard]] Result<void> release_loopback_address(CatalogSession& session, const std::string& address);

/// The server's: of several processes that serve a region, one listens, and another when it has ended.
class PublicAddresses {
public:
    struct Ports {
        Catalog& catalog;
        Liveness& liveness;
        PortForwarder& forwarder;
        const Clock& clock;
        Log& log;
    };
    explicit PublicAddresses(Ports ports) : ports_(ports) {}
    PublicAddresses(const PublicAddresses&) = delete;
    PublicAddresses& operator=(const PublicAddresses&) = delete;

    /// The address of each of these, as far as they run and have one that answers; an elastic one (one that another holds) goes before its
    /// own. Where what is listened for is not what they need, it is first put right for all instances there are.
    [[nodiscard]] Result<std::map<InstanceId, std::string>> of(const std::vector<const Instance*>& seen);
    /// Puts right what is listened for, also after lead_loopback_address(); addresses of instances that are gone are given back.
    [[nodiscard]] Result<void> tidy();
    /// Listens no more, and leaves it to others. Until the next tidy() or of().
    void close();

private:
    struct Served {
        std::vector<PortForward> ports;      ///< as the instance had them
        std::vector<std::string> addresses;  ///< that lead to it
        std::string told;                    ///< the one that clients are told; "" none answers
        std::vector<TcpForward> open;
    };
    [[nodiscard]] bool as_needed(const Instance& instance) const;
    [[nodiscard]] Result<bool> leads();
    [[nodiscard]] Result<std::map<InstanceId, std::string>> told_by_others(const std::vector<const Instance*>& seen);
    [[nodiscard]] Result<void> put_right();
    void shut(Served& served);
    [[nodiscard]] Result<Served> serve(const Instance& instance, const std::vector<LoopbackAddress>& its);
    [[nodiscard]] Result<void> serve_on(LoopbackAddress& address, const Instance& instance, Served& served);
    [[nodiscard]] bool can_be_had_elsewhere(std::uint16_t port);
    [[nodiscard]] Result<void> exchange(LoopbackAddress& address, const Instance& instance, const std::set<std::string>& avoid);
    [[nodiscard]] Result<void> note(const LoopbackAddress& address, std::uint16_t ssh_port);
    void say_once(const std::string& sentence);

    Ports ports_;
    std::mutex mutex_;
    std::unique_ptr<Liveness::Held> held_;  ///< set: this process listens
    std::map<InstanceId, Served> served_;
    std::uint16_t ssh_port_ = 22;  ///< another one once it turned out that 22 cannot be had
    std::set<std::string> said_;
};

}  // namespace amivirt
