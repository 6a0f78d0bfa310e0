// Who sees a snapshot and may make volumes of it. Private to src/services.
#pragma once

#include <map>
#include <string>

#include "amivirt/domain/image.hpp"
#include "amivirt/ports/catalog.hpp"

namespace amivirt {

/// As its owner wrote them.
[[nodiscard]] Result<LaunchPermissions> snapshot_permissions(CatalogSession& session, const SnapshotId& id);
/// Of all that are shared with anybody; public ones whose owner blocks all public access are not among them as such.
[[nodiscard]] Result<std::map<SnapshotId, LaunchPermissions>> shared_snapshots(CatalogSession& session);
/// Owner, listed account, or public. One in the recycle bin is its owner's alone.
[[nodiscard]] Result<bool> may_use(CatalogSession& session, const Snapshot& snapshot, const AccountId& account);
/// auth_failure for whoever is not its owner.
[[nodiscard]] Result<void> check_owner(const Snapshot& snapshot, const AccountId& caller);

}  // namespace amivirt
