#include "amivirt/services/garbage.hpp"

#include "machine.hpp"

namespace amivirt {

Result<std::size_t> Garbage::collect() {
    const auto operation =
        AMIVIRT_TRY(operations_.begin(OperationKind::collect_layers, {}, k_patience,
                                      [this](CatalogSession& session, Operation& row) { return storage_.mark_unreachable(session, row); }));
    if (!operation) {
        return std::size_t{0};
    }
    const std::size_t count = operation->row().objects.size();
    AMIVIRT_TRY(storage_.finish(*operation));
    return count;
}

}  // namespace amivirt
