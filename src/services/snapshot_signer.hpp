// Who vouched for what is on a snapshot. Private to src/services.
#pragma once

#include <string>
#include <vector>

#include "amivirt/ports/catalog.hpp"

namespace amivirt {

/// What Image::signer is of an image made of these snapshots: that of the images they are of; of those that stand on none, of the images
/// that their volume was made of, or else whose layers they have. So what nobody signed does not lose that by being registered anew,
/// copied, or written to for a while. "" where none of them came out of a bundle.
[[nodiscard]] Result<std::string> signer_of(CatalogSession& session, const std::vector<SnapshotId>& snapshots);
[[nodiscard]] Result<std::string> signer_of(CatalogSession& session, const BlockDeviceMapping& mapping);

}  // namespace amivirt
