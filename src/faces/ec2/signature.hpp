// AWS Signature Version 4, in the header and in the query (source: "Signing AWS API requests"). All pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/domain/account.hpp"
#include "faces/ec2/codes.hpp"
#include "faces/ec2/message.hpp"

namespace amivirt::ec2 {

/// What a request says of who signed it; proven only once verify() has said so.
struct Claim {
    std::string key_id;
    std::string date;  ///< "20261122"
    std::string region;
    std::string service;  ///< "ec2", "sts", "iam"
    std::string signed_headers;
    std::string signature;
    std::string time;                    ///< "20261122T053000Z"
    std::optional<std::uint32_t> valid;  ///< seconds, of a presigned one
    bool presigned = false;
};

/// nullopt: the request is not signed. auth_failure for a form that cannot be read, invalid_parameter_value for a time that is none.
[[nodiscard]] Result<std::optional<Claim>> read_claim(const HttpRequest& request);

/// What is signed, as canonical request: what the claim names of the headers, the query sorted, the hash of the real body.
[[nodiscard]] std::string canonical_request(const HttpRequest& request, const Claim& claim);
/// The signature that `secret` makes, 64 hex digits.
[[nodiscard]] std::string sign(const HttpRequest& request, const Claim& claim, std::string_view secret);

/// Is it `secret`'s, of this time? request_expired beyond 15 minutes or the time it is valid; auth_failure where Host or an x-amz- header
/// that was sent is not among what was signed; signature_does_not_match. Compares in constant time.
[[nodiscard]] Result<void> verify(const HttpRequest& request, const Claim& claim, std::string_view secret, TimePoint now);

}  // namespace amivirt::ec2
