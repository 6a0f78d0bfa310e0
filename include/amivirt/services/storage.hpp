// The storage graph's housekeeping: what nothing reaches goes.
#pragma once

#include <optional>
#include <string>

#include "amivirt/ports/volume_store.hpp"
#include "amivirt/services/operations.hpp"

namespace amivirt {

class Storage {
public:
    Storage(VolumeStore& store, Log& log) : store_(store), log_(log) {}
    /// To be called at the end of a change that drops snapshots or volumes, in the same transaction: marks all layers that nothing
    /// reaches any more and hands them to `row`, whose kind must be collect_layers. finish() then removes them.
    [[nodiscard]] Result<void> mark_unreachable(CatalogSession& session, Operation& row);
    /// Removes the files, then the rows of the layers that a collect_layers operation holds. Also what recovery does. Idempotent.
    [[nodiscard]] Result<void> finish(ActiveOperation& operation);
    /// What the file of a layer that no operation holds has against its record, as a clause; nullopt: nothing. Reads headers only.
    [[nodiscard]] std::optional<std::string> wrong_with(const Layer& layer);
    /// Is every file of `top`'s chain there and, where sealed, as it was when it was sealed? store_corrupt naming the first that is not.
    [[nodiscard]] Result<void> verify_chain(Catalog& catalog, const LayerId& top);
    [[nodiscard]] VolumeStore& store() noexcept { return store_; }

private:
    VolumeStore& store_;
    Log& log_;
};

}  // namespace amivirt
