// The region's policy: what its images may be used for, whoever owns them.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "amivirt/domain/governance.hpp"
#include "amivirt/ports/catalog.hpp"

namespace amivirt {

class RegionSettings {
public:
    /// What is said is changed, the rest stays.
    struct Change {
        std::optional<bool> block_public_access = std::nullopt;
        std::optional<AllowedImages> allowed_images = std::nullopt;
        std::optional<std::vector<ImageCriterion>> criteria = std::nullopt;  ///< instead of those there were
    };

    explicit RegionSettings(Catalog& catalog) : catalog_(catalog) {}
    [[nodiscard]] Result<RegionPolicy> policy();
    /// In one transaction; the policy as it is then. Public images stay public when public access is blocked (source: EC2
    /// EnableImageBlockPublicAccess, "block-new-sharing"). Errors of check_criteria().
    [[nodiscard]] Result<RegionPolicy> change(const Change& wanted);

private:
    Catalog& catalog_;
};

}  // namespace amivirt
