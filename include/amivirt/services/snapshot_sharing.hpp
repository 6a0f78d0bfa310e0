// Who may make volumes of a snapshot beside its owner (source: EC2's createVolumePermission).
#pragma once

#include <string>

#include "amivirt/domain/image.hpp"
#include "amivirt/ports/catalog.hpp"

namespace amivirt {

/// Whoever may make volumes of a snapshot also sees it and may copy it; its tags, its permissions and its end are its owner's alone.
class SnapshotSharing {
public:
    SnapshotSharing(Catalog& catalog, const Clock& clock) : catalog_(catalog), clock_(clock) {}

    /// invalid_snapshot_not_found for one that `caller` does not see, auth_failure for one of another's that it does.
    [[nodiscard]] Result<LaunchPermissions> permissions(const AccountId& caller, const SnapshotId& id);
    /// All of it or nothing. operation_not_permitted for an encrypted snapshot (the region's key goes to nobody), and for `all` while the
    /// account blocks public access to snapshots. Errors as above. Idempotent.
    [[nodiscard]] Result<LaunchPermissions> modify(const AccountId& caller, const SnapshotId& id, const LaunchPermissions& added,
                                                   const LaunchPermissions& removed);
    /// The owner's alone again.
    [[nodiscard]] Result<void> reset(const AccountId& caller, const SnapshotId& id);

private:
    Catalog& catalog_;
    const Clock& clock_;
};

}  // namespace amivirt
