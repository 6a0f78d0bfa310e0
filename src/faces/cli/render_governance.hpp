// Permissions, ancestry, usage, the recycle bin and the region's policy: trees in the shape of the EC2 and the Recycle Bin API's answers,
// tables and field lists. Pure.
#pragma once

#include <string>
#include <vector>

#include "amivirt/services/image_governance.hpp"
#include "amivirt/services/recycle_bin.hpp"
#include "faces/cli/output.hpp"

namespace amivirt::cli {

/// {"ImageId", "LaunchPermissions": [{"Group": "all"}, {"UserId"}]}: as describe-image-attribute.
[[nodiscard]] Document permissions_document(const Image& image);
[[nodiscard]] std::string permissions_table(const Image& image);

/// {"ImageAncestryEntries": [{"CreationDate", "ImageId", "SourceImageId", "SourceImageRegion"}]}: as get-image-ancestry. `region` is this
/// one.
[[nodiscard]] Document ancestry_document(const std::vector<ImageAncestor>& chain, const std::string& region);
/// The source that is not in this catalog has a line of its own.
[[nodiscard]] std::string ancestry_table(const std::vector<ImageAncestor>& chain);

/// {"ImageId", "LastLaunchedTime", "ImageReferences": [{"ImageId", "ResourceType": "ec2:Instance", "ResourceId", "OwnerId", "State"}]}: as
/// describe-image-references, with ids for ARNs.
[[nodiscard]] Document image_usage_document(const ImageUsage& usage);
[[nodiscard]] std::string image_usage_table(const ImageUsage& usage);

/// {"Images": [{"ImageId", "Name", "Description", "RecycleBinEnterTime", "RecycleBinExitTime"}], "Snapshots": [...]}: as
/// list-images-in-recycle-bin and list-snapshots-in-recycle-bin.
[[nodiscard]] Document bin_document(const BinListing& listing);
[[nodiscard]] std::string bin_table(const BinListing& listing);

/// One rule by itself: {"Identifier", "ResourceType", "RetentionPeriod": {...}, "ResourceTags": [...], "Description", "Status"}, as rbin's.
[[nodiscard]] Document rule_document(const RetentionRule& rule);
/// {"Rules": [...]}
[[nodiscard]] Document rules_document(const std::vector<RetentionRule>& rules);
[[nodiscard]] std::string rules_table(const std::vector<RetentionRule>& rules);

/// {"RegionName", "ImageBlockPublicAccessState": "unblocked" | "block-new-sharing", "State", "ImageCriteria": [...]}: as
/// get-image-block-public-access-state and get-allowed-images-settings.
[[nodiscard]] Document policy_document(const RegionPolicy& policy, const std::string& region);
[[nodiscard]] std::string policy_fields(const RegionPolicy& policy, const std::string& region);

}  // namespace amivirt::cli
