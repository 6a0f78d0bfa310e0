// Who signed what an image was restored from, and whether a region believes it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"
#include "amivirt/domain/governance.hpp"
#include "amivirt/domain/image.hpp"

namespace amivirt {

/// Image::signer of an image that was restored from a bundle nobody signed; "" is for images that came in another way.
inline constexpr std::string_view k_unsigned = "unsigned";

/// Null: not trusted.
[[nodiscard]] const TrustedSigner* find_signer(const RegionPolicy& policy, std::string_view fingerprint) noexcept;
/// Image::signer of what is made of two things: nobody signed the whole where two did, or where nobody signed one of them.
[[nodiscard]] std::string joint_signer(const std::string& one, const std::string& other);
/// Where the region demands signatures, a restored image must be signed by one that it trusts now: operation_not_permitted.
[[nodiscard]] Result<void> check_signer(const RegionPolicy& policy, const Image& image);
/// The same for `what` ("image ...") of this Image::signer.
[[nodiscard]] Result<void> check_signer(const RegionPolicy& policy, const std::string& signer, const std::string& what);

}  // namespace amivirt
