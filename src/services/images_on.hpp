// Which images stand on a snapshot. Private to src/services.
#pragma once

#include <algorithm>
#include <vector>

#include "amivirt/ports/catalog.hpp"

namespace amivirt {

/// Those whose mapping names one of them, in whatever state, in order of creation.
[[nodiscard]] inline Result<Listing<Image>> list_images_on(CatalogSession& session, const std::vector<SnapshotId>& snapshots) {
    Filter on{"block-device-mapping.snapshot-id", {}};
    for (const auto& snapshot : snapshots) {
        on.values.push_back(snapshot.str());
    }
    ImageSearch search;
    search.filters = {std::move(on)};
    return session.index().images(search);
}

/// Those because of which the snapshot may not be deleted. store_corrupt if a record that names it cannot be read: it may need it.
[[nodiscard]] inline Result<std::vector<Image>> images_keeping(CatalogSession& session, const SnapshotId& snapshot) {
    auto listing = AMIVIRT_TRY(list_images_on(session, {snapshot}));
    if (!listing.unreadable.empty()) {
        return Error(Code::store_corrupt, listing.unreadable.front(), "Until it is mended, the snapshots it names are kept.");
    }
    std::erase_if(listing.records, [](const Image& image) { return !keeps_snapshots(image); });
    return std::move(listing.records);
}

}  // namespace amivirt
