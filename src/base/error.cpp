#include "amivirt/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace amivirt {

namespace {

constexpr int k_bad_request = 400;
constexpr int k_unauthorized = 401;
constexpr int k_forbidden = 403;
constexpr int k_precondition_failed = 412;
constexpr int k_internal_server_error = 500;
constexpr int k_service_unavailable = 503;  // clients try again by themselves

std::vector<CodeFacts> make_table() {
    std::vector<CodeFacts> table;
    const auto add = [&table](Code code, std::string_view name, int http, ExitStatus exit) {
        table.push_back({code, name, http, static_cast<int>(exit)});
    };
    // EC2's. A dry run that would have succeeded is a success to a shell.
    add(Code::auth_failure, "AuthFailure", k_unauthorized, ExitStatus::not_permitted);
    add(Code::dry_run_operation, "DryRunOperation", k_precondition_failed, ExitStatus::done);
    add(Code::idempotent_parameter_mismatch, "IdempotentParameterMismatch", k_bad_request, ExitStatus::usage);
    add(Code::incorrect_instance_state, "IncorrectInstanceState", k_bad_request, ExitStatus::wrong_state);
    add(Code::incorrect_state, "IncorrectState", k_bad_request, ExitStatus::wrong_state);
    add(Code::insufficient_instance_capacity, "InsufficientInstanceCapacity", k_bad_request, ExitStatus::failed);
    add(Code::instance_limit_exceeded, "InstanceLimitExceeded", k_bad_request, ExitStatus::failed);
    add(Code::internal_error, "InternalError", k_internal_server_error, ExitStatus::failed);
    add(Code::invalid_attachment_not_found, "InvalidAttachment.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_ami_id_malformed, "InvalidAMIID.Malformed", k_bad_request, ExitStatus::usage);
    add(Code::invalid_ami_id_not_found, "InvalidAMIID.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_ami_id_unavailable, "InvalidAMIID.Unavailable", k_bad_request, ExitStatus::wrong_state);
    add(Code::invalid_ami_name_duplicate, "InvalidAMIName.Duplicate", k_bad_request, ExitStatus::usage);
    add(Code::invalid_key_pair_not_found, "InvalidKeyPair.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_key_pair_duplicate, "InvalidKeyPair.Duplicate", k_bad_request, ExitStatus::usage);
    add(Code::invalid_key_format, "InvalidKey.Format", k_bad_request, ExitStatus::usage);
    add(Code::invalid_ami_name_malformed, "InvalidAMIName.Malformed", k_bad_request, ExitStatus::usage);
    add(Code::invalid_block_device_mapping, "InvalidBlockDeviceMapping", k_bad_request, ExitStatus::usage);
    add(Code::invalid_id, "InvalidID", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_instance_id_malformed, "InvalidInstanceID.Malformed", k_bad_request, ExitStatus::usage);
    add(Code::invalid_instance_id_not_found, "InvalidInstanceID.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_parameter, "InvalidParameter", k_bad_request, ExitStatus::usage);
    add(Code::invalid_parameter_combination, "InvalidParameterCombination", k_bad_request, ExitStatus::usage);
    add(Code::invalid_parameter_value, "InvalidParameterValue", k_bad_request, ExitStatus::usage);
    add(Code::invalid_snapshot_id_malformed, "InvalidSnapshotID.Malformed", k_bad_request, ExitStatus::usage);
    add(Code::invalid_snapshot_in_use, "InvalidSnapshot.InUse", k_bad_request, ExitStatus::wrong_state);
    add(Code::invalid_snapshot_not_found, "InvalidSnapshot.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_volume_id_malformed, "InvalidVolumeID.Malformed", k_bad_request, ExitStatus::usage);
    add(Code::invalid_volume_not_found, "InvalidVolume.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::missing_parameter, "MissingParameter", k_bad_request, ExitStatus::usage);
    add(Code::operation_not_permitted, "OperationNotPermitted", k_bad_request, ExitStatus::not_permitted);
    add(Code::resource_not_found, "ResourceNotFoundException", k_bad_request, ExitStatus::not_found);  // the Recycle Bin API's
    add(Code::tag_limit_exceeded, "TagLimitExceeded", k_bad_request, ExitStatus::usage);
    add(Code::unauthorized_operation, "UnauthorizedOperation", k_forbidden, ExitStatus::not_permitted);
    add(Code::unknown_parameter, "UnknownParameter", k_bad_request, ExitStatus::usage);
    add(Code::unsupported_operation, "UnsupportedOperation", k_bad_request, ExitStatus::failed);
    add(Code::volume_in_use, "VolumeInUse", k_bad_request, ExitStatus::wrong_state);
    // EC2's, of its virtual network
    add(Code::address_limit_exceeded, "AddressLimitExceeded", k_bad_request, ExitStatus::failed);
    add(Code::cannot_delete, "CannotDelete", k_bad_request, ExitStatus::wrong_state);
    add(Code::default_subnet_exists, "DefaultSubnetAlreadyExistsInAvailabilityZone", k_bad_request, ExitStatus::wrong_state);
    add(Code::default_vpc_exists, "DefaultVpcAlreadyExists", k_bad_request, ExitStatus::wrong_state);
    add(Code::dependency_violation, "DependencyViolation", k_bad_request, ExitStatus::wrong_state);
    add(Code::gateway_not_attached, "Gateway.NotAttached", k_bad_request, ExitStatus::wrong_state);
    add(Code::insufficient_free_addresses, "InsufficientFreeAddressesInSubnet", k_bad_request, ExitStatus::failed);
    add(Code::invalid_address_not_found, "InvalidAddress.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_allocation_not_found, "InvalidAllocationID.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_association_not_found, "InvalidAssociationID.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_attachment_id_not_found, "InvalidAttachmentID.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_dhcp_options_not_found, "InvalidDhcpOptionID.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_group_duplicate, "InvalidGroup.Duplicate", k_bad_request, ExitStatus::usage);
    add(Code::invalid_group_id_malformed, "InvalidGroupId.Malformed", k_bad_request, ExitStatus::usage);
    add(Code::invalid_group_in_use, "InvalidGroup.InUse", k_bad_request, ExitStatus::wrong_state);
    add(Code::invalid_group_not_found, "InvalidGroup.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_internet_gateway_not_found, "InvalidInternetGatewayID.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_ip_address_in_use, "InvalidIPAddress.InUse", k_bad_request, ExitStatus::wrong_state);
    add(Code::invalid_network_acl_entry_not_found, "InvalidNetworkAclEntry.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_network_acl_not_found, "InvalidNetworkAclID.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_network_interface_in_use, "InvalidNetworkInterface.InUse", k_bad_request, ExitStatus::wrong_state);
    add(Code::invalid_network_interface_not_found, "InvalidNetworkInterfaceID.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_permission_duplicate, "InvalidPermission.Duplicate", k_bad_request, ExitStatus::usage);
    add(Code::invalid_permission_malformed, "InvalidPermission.Malformed", k_bad_request, ExitStatus::usage);
    add(Code::invalid_permission_not_found, "InvalidPermission.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_route_not_found, "InvalidRoute.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_route_table_not_found, "InvalidRouteTableID.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_security_group_rule_not_found, "InvalidSecurityGroupRuleId.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_subnet_conflict, "InvalidSubnet.Conflict", k_bad_request, ExitStatus::usage);
    add(Code::invalid_subnet_not_found, "InvalidSubnetID.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_subnet_range, "InvalidSubnet.Range", k_bad_request, ExitStatus::usage);
    add(Code::invalid_vpc_not_found, "InvalidVpcID.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_vpc_range, "InvalidVpc.Range", k_bad_request, ExitStatus::usage);
    add(Code::invalid_zone_mismatch, "InvalidVolume.ZoneMismatch", k_bad_request, ExitStatus::usage);
    add(Code::network_acl_entry_exists, "NetworkAclEntryAlreadyExists", k_bad_request, ExitStatus::wrong_state);
    add(Code::resource_already_associated, "Resource.AlreadyAssociated", k_bad_request, ExitStatus::wrong_state);
    add(Code::route_already_exists, "RouteAlreadyExists", k_bad_request, ExitStatus::wrong_state);
    add(Code::rules_per_group_exceeded, "RulesPerSecurityGroupLimitExceeded", k_bad_request, ExitStatus::failed);
    add(Code::security_group_limit_exceeded, "SecurityGroupLimitExceeded", k_bad_request, ExitStatus::failed);
    add(Code::security_groups_per_interface_exceeded, "SecurityGroupsPerInterfaceLimitExceeded", k_bad_request, ExitStatus::failed);
    add(Code::vpc_id_not_specified, "VPCIdNotSpecified", k_bad_request, ExitStatus::usage);
    add(Code::vpc_limit_exceeded, "VpcLimitExceeded", k_bad_request, ExitStatus::failed);
    // EC2's, of launch templates
    add(Code::invalid_launch_template_id_malformed, "InvalidLaunchTemplateId.Malformed", k_bad_request, ExitStatus::usage);
    add(Code::invalid_launch_template_id_not_found, "InvalidLaunchTemplateId.NotFound", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_launch_template_name_exists, "InvalidLaunchTemplateName.AlreadyExistsException", k_bad_request, ExitStatus::usage);
    add(Code::invalid_launch_template_name_malformed, "InvalidLaunchTemplateName.MalformedException", k_bad_request, ExitStatus::usage);
    add(Code::invalid_launch_template_name_not_found, "InvalidLaunchTemplateName.NotFoundException", k_bad_request, ExitStatus::not_found);
    add(Code::invalid_launch_template_version_not_found, "InvalidLaunchTemplateId.VersionNotFound", k_bad_request, ExitStatus::not_found);
    // ours
    add(Code::busy, "Busy", k_service_unavailable, ExitStatus::wrong_state);
    add(Code::checksum_mismatch, "ChecksumMismatch", k_bad_request, ExitStatus::failed);
    add(Code::fetch_failed, "FetchFailed", k_bad_request, ExitStatus::failed);
    add(Code::guest_failed, "GuestFailed", k_internal_server_error, ExitStatus::failed);
    add(Code::hypervisor_failed, "HypervisorFailed", k_internal_server_error, ExitStatus::hypervisor);
    add(Code::hypervisor_unavailable, "HypervisorUnavailable", k_service_unavailable, ExitStatus::hypervisor);
    add(Code::invalid_disk_image, "InvalidDiskImage", k_bad_request, ExitStatus::usage);
    add(Code::invalid_manifest, "InvalidManifest", k_bad_request, ExitStatus::usage);
    add(Code::io_error, "IOError", k_internal_server_error, ExitStatus::failed);
    add(Code::lock_timeout, "LockTimeout", k_service_unavailable, ExitStatus::timed_out);
    add(Code::login_failed, "LoginFailed", k_internal_server_error, ExitStatus::failed);
    add(Code::store_corrupt, "StoreCorrupt", k_internal_server_error, ExitStatus::failed);
    add(Code::store_full, "StoreFull", k_service_unavailable, ExitStatus::failed);
    add(Code::store_too_new, "StoreTooNew", k_internal_server_error, ExitStatus::failed);
    add(Code::timed_out, "TimedOut", k_service_unavailable, ExitStatus::timed_out);
    add(Code::tool_failed, "ToolFailed", k_internal_server_error, ExitStatus::hypervisor);
    add(Code::tool_missing, "ToolMissing", k_service_unavailable, ExitStatus::hypervisor);
    add(Code::usage, "Usage", k_bad_request, ExitStatus::usage);
    return table;
}

}  // namespace

const std::vector<CodeFacts>& all_code_facts() noexcept {
    static const std::vector<CodeFacts> table = make_table();
    return table;
}

const CodeFacts& facts(Code code) noexcept {
    const std::vector<CodeFacts>& table = all_code_facts();
    const auto found = std::find_if(table.begin(), table.end(), [code](const CodeFacts& row) { return row.code == code; });
    if (found == table.end()) {
        std::abort();  // a code without its row is a bug that the unit test of the table finds first
    }
    return *found;
}

std::string describe(const Error& error) {
    const std::string_view name = facts(error.code).name;
    const std::string_view message = error.message;
    if (const std::size_t end = message.find(":\n"); end != std::string_view::npos) {
        return fmt::format("{} ({}){}", message.substr(0, end), name, message.substr(end));
    }
    return fmt::format("{} ({})", message, name);
}

}  // namespace amivirt
