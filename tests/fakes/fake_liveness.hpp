// Liveness whose processes die when a test says so.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/liveness.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// Steps: "hold", "adopt", "sweep".
class FakeLiveness final : public Liveness {
public:
    FakeLiveness() : locks_(std::make_shared<Sync<Locks>>()) {}

    [[nodiscard]] Result<std::unique_ptr<Held>> hold(const OperationId& operation) override;
    [[nodiscard]] Result<std::unique_ptr<Held>> adopt(const OperationId& operation) override;
    [[nodiscard]] Result<void> sweep(const std::vector<OperationId>& known) override;

    /// The process that holds it dies: its lock stays, held by nobody. Destroying its Held later changes nothing.
    void kill(const OperationId& operation);
    /// All processes die.
    void kill_all();
    /// Locks that are there, alive or dead.
    [[nodiscard]] std::vector<OperationId> locks() const;
    CallScript& script() noexcept { return script_; }

private:
    struct Locks {
        std::uint64_t last_holder = 0;
        std::map<OperationId, std::uint64_t> holders;  ///< 0: a dead one
    };
    class FakeHeld;
    std::unique_ptr<Held> take(Locks& locks, const OperationId& operation);

    std::shared_ptr<Sync<Locks>> locks_;
    CallScript script_;
};

}  // namespace amivirt::fakes
