// What can be wrong with a request on the wire, beyond what the services know of. These codes travel in an Error as theirs do.
#pragma once

#include <string>
#include <string_view>

#include "amivirt/base/error.hpp"

namespace amivirt::ec2 {

namespace wire {
inline constexpr int k_first = static_cast<int>(Code::usage) + 1;  // after the last one of ours
inline constexpr Code invalid_action{k_first};
inline constexpr Code invalid_client_token_id{k_first + 1};  ///< STS's and IAM's
inline constexpr Code invalid_user_data_malformed{k_first + 2};
inline constexpr Code invalid_image_attribute_item{k_first + 3};
inline constexpr Code invalid_instance_type{k_first + 4};
inline constexpr Code missing_action{k_first + 5};
inline constexpr Code missing_authentication_token{k_first + 6};
inline constexpr Code no_such_version{k_first + 7};
inline constexpr Code request_expired{k_first + 8};
inline constexpr Code request_limit_exceeded{k_first + 9};
inline constexpr Code signature_does_not_match{k_first + 10};
inline constexpr Code filter_limit_exceeded{k_first + 11};
inline constexpr Code invalid_volume_modification_not_found{k_first + 12};
inline constexpr Code validation_error{k_first + 13};  ///< STS's and IAM's
// Of requests that never get as far as an action (source: the errors common to all of AWS's APIs, and S3's for the last).
inline constexpr Code malformed_http_request{k_first + 14};
inline constexpr Code request_entity_too_large{k_first + 15};
inline constexpr Code request_header_section_too_large{k_first + 16};
}  // namespace wire

struct CodeOnWire {
    std::string_view name;
    unsigned http_status = 400;
};

/// Of any code, the services' too.
[[nodiscard]] CodeOnWire on_wire(Code code) noexcept;
/// As amivirt::describe(), of any code.
[[nodiscard]] std::string describe_any(const Error& error);

}  // namespace amivirt::ec2
