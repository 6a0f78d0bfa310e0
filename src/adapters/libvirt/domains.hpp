// What all calls about domains share: the connections, finding a domain by name, and errors that name it.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/libvirt/connection.hpp"
#include "adapters/libvirt/disk_xml.hpp"
#include "adapters/libvirt/handles.hpp"
#include "adapters/libvirt/hypervisor.hpp"
#include "adapters/libvirt/secrets.hpp"
#include "amivirt/base/ids.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt::libvirt {

using Attempt = Connections::Attempt;
/// nullopt: it went well.
using Outcome = std::optional<Failure>;

[[nodiscard]] bool says(const Failure& failure, std::string_view words);
/// Has the machine no place left for another device?
[[nodiscard]] bool out_of_slots(const Failure& failure);

/// Thread-safe.
class Domains {
public:
    explicit Domains(LibvirtOptions options);

    [[nodiscard]] const LibvirtOptions& options() const noexcept { return options_; }
    [[nodiscard]] Connections& connections() noexcept { return connections_; }

    enum class Found { yes, no };
    /// Runs `call(domain, connection, attempt)` -> Outcome on the domain of that name; Found::no without calling it if there is none, or if
    /// it vanished meanwhile.
    template <class Call>
    [[nodiscard]] Result<Found> with(const std::string& name, const std::string& doing, Call&& call) {
        const Outcome outcome = AMIVIRT_TRY(connections_.use([&](const Connection& connection, Attempt attempt) -> Outcome {
            const DomainPtr domain(virDomainLookupByName(connection.handle.get(), name.c_str()));
            return domain ? call(domain.get(), connection, attempt) : last_failure();
        }));
        if (!outcome) {
            return Found::yes;
        }
        if (outcome->code == VIR_ERR_NO_DOMAIN) {
            return Found::no;
        }
        return failed(name, doing, *outcome);
    }
    /// with() for what makes sense only on a running domain.
    template <class Call>
    [[nodiscard]] Result<void> with_running(const InstanceId& instance, const std::string& doing, Call&& call) {
        bool off = false;
        const Found found =
            AMIVIRT_TRY(with(instance.str(), doing, [&](virDomainPtr domain, const Connection& connection, Attempt attempt) -> Outcome {
                const Outcome outcome = call(domain, connection, attempt);
                // Told from the failure, not asked before: in between it may have gone.
                off = outcome && virDomainIsActive(domain) == 0;
                return off ? Outcome{} : outcome;
            }));
        if (found == Found::no) {
            return Error(Code::incorrect_instance_state, fmt::format("cannot {} \"{}\": it has no domain", doing, instance.str()));
        }
        return off ? Result<void>(not_running(instance, doing)) : Result<void>();
    }

    [[nodiscard]] Error not_running(const InstanceId& instance, const std::string& doing) const;
    [[nodiscard]] Error failed(const std::string& name, const std::string& doing, const Failure& failure) const;
    /// `failed`, with what helps where QEMU may not reach one of `paths`; store_corrupt where our key does not open one of `encrypted`.
    [[nodiscard]] Error failed_on_files(const std::string& name, const std::string& doing, const Failure& failure,
                                        const std::vector<std::string>& paths, const std::vector<std::string>& encrypted) const;

    /// The disk's chain as this daemon must be told it. store_corrupt as disk_chain().
    [[nodiscard]] Result<DiskChain> chain(const Connection& connection, const DiskSource& disk);
    /// What a new top is, likewise.
    [[nodiscard]] static Result<Encrypted> top(const Connection& connection, const DiskSource& disk);
    /// Lends the store's key to the daemon, for as long as `lent` lives.
    [[nodiscard]] Result<Outcome> lend_key(const Connection& connection, const std::string& store_id, LentKey& lent) const;

private:
    /// Does libvirt give disks to QEMU's own user? If not there is nothing to keep from it, and no "dac" model to name.
    bool gives_files_away(const Connection& connection);

    LibvirtOptions options_;
    Connections connections_;
    Sync<std::optional<bool>> gives_files_away_;
};

}  // namespace amivirt::libvirt
