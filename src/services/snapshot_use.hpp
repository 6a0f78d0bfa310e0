// Which snapshots an image's mapping may name. Private to src/services.
#pragma once

#include <fmt/format.h>

#include <string>

#include "amivirt/ports/catalog.hpp"

namespace amivirt {

/// Those that a request names must be the caller's own, whole, and not in the recycle bin: whoever may launch the image reads them, and
/// deregistering it may delete them. invalid_snapshot_not_found, for others' as well.
[[nodiscard]] inline Result<void> check_own_snapshots(CatalogSession& session, const AccountId& caller,
                                                      const BlockDeviceMapping& requested) {
    for (const auto& entry : requested) {
        const auto* ebs = std::get_if<EbsDevice>(&entry.what);
        if (ebs == nullptr || !ebs->snapshot) {
            continue;
        }
        const auto snapshot = AMIVIRT_TRY(session.snapshots().find(*ebs->snapshot));
        if (!snapshot || snapshot->owner != caller || snapshot->state != SnapshotState::completed || snapshot->bin) {
            return Error(Code::invalid_snapshot_not_found,
                         fmt::format("the snapshot \"{}\" of the device \"{}\" does not exist", ebs->snapshot->str(), entry.device_name));
        }
    }
    return {};
}

}  // namespace amivirt
