// Layers that a running operation reads. Private to src/services.
#pragma once

#include <vector>

#include "amivirt/services/operations.hpp"
#include "amivirt/services/storage.hpp"

namespace amivirt {

/// A layer row that is being made over another and never will be: while its operation runs, collections leave all below it alone.
struct Pin {
    LayerId id;
    LayerId held;
};

/// In the first change of an operation, which holds the pins from then on. store_corrupt if a held layer has no row.
[[nodiscard]] Result<void> put_pins(CatalogSession& session, Operation& row, const std::vector<Pin>& pins, TimePoint now);
/// Ends an operation that holds nothing but pins and what needs no undoing: they go, and then what only they kept.
[[nodiscard]] Result<void> drop_pins(ActiveOperation& operation, const std::vector<Pin>& pins, Storage& storage);

}  // namespace amivirt
