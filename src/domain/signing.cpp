#include "amivirt/domain/signing.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace amivirt {

const TrustedSigner* find_signer(const RegionPolicy& policy, std::string_view fingerprint) noexcept {
    const auto at = std::find_if(policy.signers.begin(), policy.signers.end(),
                                 [&](const TrustedSigner& signer) { return signer.fingerprint == fingerprint; });
    return at == policy.signers.end() ? nullptr : &*at;
}

std::string joint_signer(const std::string& one, const std::string& other) {
    if (one == other || other.empty()) {
        return one;
    }
    return one.empty() ? other : std::string(k_unsigned);
}

Result<void> check_signer(const RegionPolicy& policy, const std::string& signer, const std::string& what) {
    if (!policy.demand_signature || signer.empty() || find_signer(policy, signer) != nullptr) {
        return {};
    }
    return Error(Code::operation_not_permitted,
                 signer == k_unsigned ? fmt::format("{} came out of a bundle that nobody signed, and this region demands a signature", what)
                                      : fmt::format("{} is signed by {}, whom this region does not trust", what, signer),
                 "`amivirt signer list` shows who is trusted; `amivirt signer demand no` takes any image");
}

Result<void> check_signer(const RegionPolicy& policy, const Image& image) {
    return check_signer(policy, image.signer, fmt::format("image \"{}\"", image.id.str()));
}

}  // namespace amivirt
