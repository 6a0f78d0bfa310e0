// Multi-step changes that survive a kill: claim, intend, do, finish.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/log.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/id_source.hpp"
#include "amivirt/ports/liveness.hpp"

namespace amivirt {

/// The first catalog change of an operation. May add to `row.objects`; an operation that ends up holding nothing is not begun
/// (its change is kept), which is how "there is nothing to do" is said.
using FirstChange = std::function<Result<void>(CatalogSession&, Operation& row)>;

/// A begun operation. finish() ends it with its last catalog change; destroyed without, its row stays and is treated like a dead
/// process's: the next recovery undoes or finishes it.
class ActiveOperation {
public:
    ActiveOperation(Catalog& catalog, Operation row, std::unique_ptr<Liveness::Held> held);
    [[nodiscard]] const Operation& row() const noexcept { return row_; }
    /// `last` and the removal of the row in one transaction; then the liveness lock goes.
    [[nodiscard]] Result<void> finish(const Catalog::Body& last);
    /// In one transaction: `change`, which fills in the objects of the next stage, and the row says `kind` from now on. Nothing to
    /// hold: the operation is finished.
    [[nodiscard]] Result<void> turn_into(OperationKind kind, const FirstChange& change);
    [[nodiscard]] bool finished() const noexcept { return held_ == nullptr; }

private:
    Catalog& catalog_;
    Operation row_;
    std::unique_ptr<Liveness::Held> held_;
};

class Operations {
public:
    Operations(Catalog& catalog, Liveness& liveness, IdSource& ids, const Clock& clock, Log& log, long pid);
    /// Claims `objects` and runs `first` in one transaction. While another operation holds one of them, tries again until
    /// `patience` is over, then `busy` naming the holder. `first` sees the objects as they are at that moment. Null: nothing to do.
    [[nodiscard]] Result<std::unique_ptr<ActiveOperation>> begin(OperationKind kind, const std::vector<std::string>& objects,
                                                                 Duration patience, const FirstChange& first);
    /// Operations whose process is dead, each adopted: the caller finishes or undoes it. Locks of the dead are swept.
    [[nodiscard]] Result<std::vector<std::unique_ptr<ActiveOperation>>> adopt_dead();

private:
    Catalog& catalog_;
    Liveness& liveness_;
    IdSource& ids_;
    const Clock& clock_;
    Log& log_;
    long pid_;
};

}  // namespace amivirt
