#include "faces/ec2/codes.hpp"

#include <fmt/format.h>

#include <array>

namespace amivirt::ec2 {

CodeOnWire on_wire(Code code) noexcept {
    struct Row {
        Code code;
        CodeOnWire wire;
    };
    static constexpr std::array k_rows{
        Row{wire::filter_limit_exceeded, {"FilterLimitExceeded", 400}},
        Row{wire::invalid_action, {"InvalidAction", 400}},
        Row{wire::invalid_client_token_id, {"InvalidClientTokenId", 403}},
        Row{wire::invalid_user_data_malformed, {"InvalidUserData.Malformed", 400}},
        Row{wire::invalid_image_attribute_item, {"InvalidAMIAttributeItemValue", 400}},
        Row{wire::invalid_instance_type, {"InvalidInstanceType", 400}},
        Row{wire::invalid_volume_modification_not_found, {"InvalidVolumeModification.NotFound", 400}},
        Row{wire::malformed_http_request, {"MalformedHttpRequest", 400}},
        Row{wire::missing_action, {"MissingAction", 400}},
        Row{wire::missing_authentication_token, {"MissingAuthenticationToken", 400}},
        Row{wire::no_such_version, {"NoSuchVersion", 400}},
        Row{wire::request_entity_too_large, {"RequestEntityTooLarge", 413}},
        Row{wire::request_expired, {"RequestExpired", 400}},
        Row{wire::request_header_section_too_large, {"RequestHeaderSectionTooLarge", 431}},
        Row{wire::request_limit_exceeded, {"RequestLimitExceeded", 503}},
        Row{wire::signature_does_not_match, {"SignatureDoesNotMatch", 403}},
        Row{wire::validation_error, {"ValidationError", 400}},
    };
    for (const Row& row : k_rows) {
        if (row.code == code) {
            return row.wire;
        }
    }
    const CodeFacts& known = facts(code);
    return {known.name, static_cast<unsigned>(known.http_status)};
}

std::string describe_any(const Error& error) { return fmt::format("{} ({})", error.message, on_wire(error.code).name); }

}  // namespace amivirt::ec2
