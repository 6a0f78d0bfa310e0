#include "amivirt/services/leases.hpp"

#include <fmt/format.h>

#include <optional>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {

Result<Lifeline> Leases::hold() {
    // An operation's id without a row: so its lock is swept like one when its process is dead.
    const auto id = make_id<OperationId>(ids_);
    auto held = AMIVIRT_TRY(liveness_.hold(id));
    return Lifeline{id.str(), std::move(held)};
}

Result<Reaped> Leases::reap() {
    LeasedInstances leased;
    const auto now = clock_.now();
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        leased = AMIVIRT_TRY(session.index().leased(now));
        return {};
    }));
    Reaped reaped;
    const auto end = [&](const InstanceId& id, const std::function<bool(const Instance&)>& over) {
        auto ended = instances_.end_lease(id, over);
        if (!ended) {
            reaped.left.push_back(std::move(ended.error()));
        } else if (*ended) {
            log_.write(LogLevel::info, "leases", fmt::format("terminated {}, which was over", id.str()));
            reaped.terminated.push_back({id, **ended});
        }
        fault_point("reap.ended");
        check_interrupt();
    };
    for (const auto& id : leased.expired) {
        end(id, [&](const Instance& instance) { return instance.expires && *instance.expires <= now; });
    }
    for (const auto& [id, lifeline] : leased.lifelines) {
        const auto name = OperationId::parse(lifeline);
        if (!name) {
            reaped.left.push_back(std::move(name.error()));
            continue;
        }
        // Held until it is gone: a second process that comes by takes its own for alive, and leaves it to us.
        auto dead = liveness_.adopt(*name);
        if (!dead) {
            reaped.left.push_back(std::move(dead.error()));
        } else if (*dead) {
            end(id, [&, wanted = lifeline](const Instance& instance) { return instance.lifeline == wanted; });
        }
    }
    return reaped;
}

Result<Instance> Leases::extend(const AccountId& caller, const std::string& id_or_name, Duration ttl) {
    return instances_.modify(caller, id_or_name, {.lease = NewLease{ttl}});
}

Result<Instance> Leases::remove(const AccountId& caller, const std::string& id_or_name) {
    return instances_.modify(caller, id_or_name, {.lease = NewLease{}});
}

}  // namespace amivirt
