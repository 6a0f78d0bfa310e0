// What a snapshot and an image have in common: the layers that volumes write to are sealed where they lie, and new tops put over them.
// Private to src/services.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/log.hpp"
#include "amivirt/domain/instance.hpp"
#include "amivirt/domain/operation.hpp"
#include "amivirt/domain/storage.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/id_source.hpp"
#include "amivirt/ports/live_disks.hpp"
#include "amivirt/ports/volume_store.hpp"

namespace amivirt {

/// One volume: what is sealed, and what is put on top of it.
struct Sealing {
    Volume volume;
    Snapshot snapshot;
    Layer top;
};

/// For volumes that the operation holds, all of `instance` or attached to none: inserts their pending snapshots and the layers that will
/// be their tops, and adds both to `row`. `model` has what all snapshots share. incorrect_state, unsupported_operation.
[[nodiscard]] Result<std::vector<Sealing>> reserve_sealings(CatalogSession& session, Operation& row, IdSource& ids, const Snapshot& model,
                                                            const std::vector<VolumeId>& volumes,
                                                            const std::optional<InstanceId>& instance);
/// Makes the new tops and, where the machine runs, moves it over to them: from one moment on it writes there. The log hears whether it was
/// frozen.
[[nodiscard]] Result<void> move_over(VolumeStore& store, LiveDisks& live, const std::vector<Sealing>& sealings,
                                     const std::optional<InstanceId>& instance, Quiesce quiesce, Log& log);

/// What an operation on sealings holds.
struct SealingObjects {
    std::optional<InstanceId> instance;
    std::vector<VolumeId> volumes;
    std::vector<SnapshotId> snapshots;
    std::vector<LayerId> layers;
};
[[nodiscard]] Result<SealingObjects> sealing_objects(const Operation& row);
/// Did the guest's writes go over to the new tops? A running domain says so. One that is off wrote to them if it was switched over, and if
/// it was not they are empty and read the same: with all files there, they are the tops from now on.
[[nodiscard]] Result<bool> went_over(VolumeStore& store, LiveDisks& live, const SealingObjects& objects);

struct Sealed {
    std::vector<Snapshot> snapshots;
    std::map<LayerId, Seal> seals;
};
/// Seals what the volumes wrote to.
[[nodiscard]] Result<Sealed> seal_all(Catalog& catalog, VolumeStore& store, const std::vector<SnapshotId>& snapshots);
/// Writes down that the layers are sealed and that the volumes write to the new ones of `layers`. The snapshots' rows are the caller's.
[[nodiscard]] Result<void> record_tops(CatalogSession& session, const Sealed& sealed, const std::vector<LayerId>& layers);

}  // namespace amivirt
