// Leases: machines that live for a time, or as long as a process, and go by themselves.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "amivirt/base/log.hpp"
#include "amivirt/ports/liveness.hpp"
#include "amivirt/services/instances.hpp"

namespace amivirt {

/// Held by the process that its instances live for. With its end, however it comes, they are over.
struct Lifeline {
    std::string name;  ///< for RunRequest::lifeline
    std::unique_ptr<Liveness::Held> held;
};

struct Reaped {
    struct One {
        InstanceId id;
        InstanceState previous = InstanceState::running;
    };
    std::vector<One> terminated;
    std::vector<Error> left;  ///< why others, which are over, are still there
};

class Leases {
public:
    Leases(Catalog& catalog, Liveness& liveness, Instances& instances, IdSource& ids, const Clock& clock, Log& log)
        : catalog_(catalog), liveness_(liveness), instances_(instances), ids_(ids), clock_(clock), log_(log) {}

    [[nodiscard]] Result<Lifeline> hold();
    /// Terminates all that are over, whoever's they are; under a millisecond if none is. One that another process is at work on is left to
    /// it. What is under termination protection stays, as an error in `left`. An interrupt stops between two.
    [[nodiscard]] Result<Reaped> reap();
    /// From now on it has `ttl` to live, whatever it had: Instances::modify, and its errors.
    [[nodiscard]] Result<Instance> extend(const AccountId& caller, const std::string& id_or_name, Duration ttl);
    /// Until it is terminated. Idempotent.
    [[nodiscard]] Result<Instance> remove(const AccountId& caller, const std::string& id_or_name);

private:
    Catalog& catalog_;
    Liveness& liveness_;
    Instances& instances_;
    IdSource& ids_;
    const Clock& clock_;
    Log& log_;
};

}  // namespace amivirt
