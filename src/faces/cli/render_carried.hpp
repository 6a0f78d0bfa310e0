// Exports, bundles and their signers, in all forms. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "amivirt/services/carrying.hpp"
#include "amivirt/services/signers.hpp"
#include "faces/cli/output.hpp"

namespace amivirt::cli {

/// As `aws ec2 describe-export-image-tasks` tells it; its "id" is the file's path.
[[nodiscard]] Answer export_answer(const Outcome& outcome, std::string_view format);
/// As `aws ec2 create-store-image-task` tells it, and whose image it is; its "id" is the file's path.
[[nodiscard]] Answer store_answer(const Outcome& outcome);
/// A signer's "id" is its fingerprint.
[[nodiscard]] Answer signers_answer(const std::vector<TrustedSigner>& signers);
/// {"RegionName", "SignatureDemanded"}; its "id" is the region.
[[nodiscard]] Answer demand_answer(Demand demand, const std::string& region);

}  // namespace amivirt::cli
