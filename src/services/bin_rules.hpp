// What deleting a snapshot means, and who may make an image public: shared by the services that do so. Private to src/services.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/domain/governance.hpp"
#include "amivirt/ports/catalog.hpp"
#include "promised.hpp"

namespace amivirt {

/// The snapshot goes, and is shared with nobody any more: into the recycle bin, by a rule of its own or along with its image (`with_image`,
/// that one's stay), whichever is longer; else for good. Returns its stay.
[[nodiscard]] inline Result<std::optional<BinStay>> discard_snapshot(CatalogSession& session, Snapshot snapshot,
                                                                     const std::vector<RetentionRule>& rules, TimePoint now,
                                                                     const std::optional<BinStay>& with_image) {
    snapshot.bin = stay_in_bin(RetainedKind::snapshot, snapshot.tags, rules, now);
    if (with_image && (!snapshot.bin || snapshot.bin->expires < with_image->expires)) {
        snapshot.bin = with_image;
    }
    AMIVIRT_TRY(session.documents().erase(document_key("snapshot-permission", snapshot.id.str())));  // whom it was shared with
    if (snapshot.state != SnapshotState::completed) {  // nothing to be had back; of a pending one, a promise that is given up
        AMIVIRT_TRY(kept::erase(session, k_promise, snapshot.id.str()));
        AMIVIRT_TRY(session.snapshots().erase(snapshot.id));
        return std::optional<BinStay>();
    }
    AMIVIRT_TRY(snapshot.bin ? session.snapshots().update(snapshot) : session.snapshots().erase(snapshot.id));
    return snapshot.bin;
}

/// operation_not_permitted while the region blocks public access.
[[nodiscard]] inline Result<void> check_public_access(CatalogSession& session, const std::string& image) {
    if (AMIVIRT_TRY(session.policy()).block_public_access) {
        return Error(Code::operation_not_permitted,
                     fmt::format("image \"{}\" cannot be shared publicly: block public access is enabled for images in this region", image),
                     "`amivirt region set --block-public-access off`, or share it with single accounts");
    }
    return {};
}

}  // namespace amivirt
