// `amivirt doctor`: what this host can do, what is missing, the command that mends it.
#pragma once

#include <vector>

#include "amivirt/ports/health.hpp"
#include "amivirt/ports/hypervisor.hpp"
#include "amivirt/ports/instance_files.hpp"
#include "amivirt/ports/instance_types.hpp"
#include "amivirt/services/operations.hpp"
#include "amivirt/services/storage.hpp"

namespace amivirt {

/// Store health and stale operations: what only the services know.
class StoreHealth final : public HealthCheck {
public:
    StoreHealth(Catalog& catalog, Storage& storage, InstanceFiles& files, Hypervisor& hypervisor);
    [[nodiscard]] std::vector<Finding> check() override;

private:
    Catalog& catalog_;
    Storage& storage_;
    InstanceFiles& files_;
    Hypervisor& hypervisor_;
};

/// Can the list of instance types be read, the user's own included?
class TypesHealth final : public HealthCheck {
public:
    explicit TypesHealth(InstanceTypes& types) : types_(types) {}
    [[nodiscard]] std::vector<Finding> check() override;

private:
    InstanceTypes& types_;
};

class Doctor {
public:
    explicit Doctor(std::vector<HealthCheck*> checks) : checks_(std::move(checks)) {}
    /// All findings, in the order of the checks.
    [[nodiscard]] std::vector<Finding> examine();

private:
    std::vector<HealthCheck*> checks_;
};

/// Would a launch work? No finding is a fault.
[[nodiscard]] bool healthy(const std::vector<Finding>& findings) noexcept;

}  // namespace amivirt
