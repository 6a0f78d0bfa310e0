#include "amivirt/services/region_settings.hpp"

#include "amivirt/domain/image_access.hpp"

namespace amivirt {

Result<RegionPolicy> RegionSettings::policy() {
    RegionPolicy policy;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        policy = AMIVIRT_TRY(session.policy());
        return {};
    }));
    return policy;
}

Result<RegionPolicy> RegionSettings::change(const Change& wanted) {
    if (wanted.criteria) {
        AMIVIRT_TRY(check_criteria(*wanted.criteria));
    }
    RegionPolicy policy;
    AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) -> Result<void> {
        policy = AMIVIRT_TRY(session.policy());
        policy.block_public_access = wanted.block_public_access.value_or(policy.block_public_access);
        policy.allowed_images = wanted.allowed_images.value_or(policy.allowed_images);
        policy.criteria = wanted.criteria.value_or(policy.criteria);
        return session.set_policy(policy);
    }));
    return policy;
}

}  // namespace amivirt
