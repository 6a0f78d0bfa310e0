// The one error type: EC2's own code where EC2 has one, a few of ours, a message that names the object, and the way up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace amivirt {

/// What went wrong, in EC2's vocabulary (source: EC2 API error codes, 2016-11-15), then ours.
/// facts(code) gives spelling, HTTP status and exit status; the table there is the only one.
enum class Code {
    // EC2's
    auth_failure,
    dry_run_operation,
    idempotent_parameter_mismatch,
    incorrect_instance_state,
    incorrect_state,
    insufficient_instance_capacity,
    instance_limit_exceeded,
    internal_error,
    invalid_attachment_not_found,
    invalid_ami_id_malformed,
    invalid_ami_id_not_found,
    invalid_ami_id_unavailable,
    invalid_ami_name_duplicate,
    invalid_key_pair_not_found,
    invalid_key_pair_duplicate,
    invalid_key_format,
    invalid_ami_name_malformed,
    invalid_block_device_mapping,
    invalid_id,
    invalid_instance_id_malformed,
    invalid_instance_id_not_found,
    invalid_parameter,
    invalid_parameter_combination,
    invalid_parameter_value,
    invalid_snapshot_id_malformed,
    invalid_snapshot_in_use,
    invalid_snapshot_not_found,
    invalid_volume_id_malformed,
    invalid_volume_not_found,
    missing_parameter,
    operation_not_permitted,
    resource_not_found,
    tag_limit_exceeded,
    unauthorized_operation,
    unknown_parameter,
    unsupported_operation,
    volume_in_use,
    // EC2's, of its virtual network
    address_limit_exceeded,
    cannot_delete,
    default_subnet_exists,
    default_vpc_exists,
    dependency_violation,
    gateway_not_attached,
    insufficient_free_addresses,
    invalid_address_not_found,
    invalid_allocation_not_found,
    invalid_association_not_found,
    invalid_attachment_id_not_found,
    invalid_dhcp_options_not_found,
    invalid_group_duplicate,
    invalid_group_id_malformed,
    invalid_group_in_use,
    invalid_group_not_found,
    invalid_internet_gateway_not_found,
    invalid_ip_address_in_use,
    invalid_network_acl_entry_not_found,
    invalid_network_acl_not_found,
    invalid_network_interface_in_use,
    invalid_network_interface_not_found,
    invalid_permission_duplicate,
    invalid_permission_malformed,
    invalid_permission_not_found,
    invalid_route_not_found,
    invalid_route_table_not_found,
    invalid_security_group_rule_not_found,
    invalid_subnet_conflict,
    invalid_subnet_not_found,
    invalid_subnet_range,
    invalid_vpc_not_found,
    invalid_vpc_range,
    invalid_zone_mismatch,
    network_acl_entry_exists,
    resource_already_associated,
    route_already_exists,
    rules_per_group_exceeded,
    security_group_limit_exceeded,
    security_groups_per_interface_exceeded,
    vpc_id_not_specified,
    vpc_limit_exceeded,
    // EC2's, of launch templates
    invalid_launch_template_id_malformed,
    invalid_launch_template_id_not_found,
    invalid_launch_template_name_exists,
    invalid_launch_template_name_malformed,
    invalid_launch_template_name_not_found,
    invalid_launch_template_version_not_found,
    // ours
    busy,  ///< another operation holds the object: "busy running StopInstances (pid 4711)"
    checksum_mismatch,
    fetch_failed,            ///< a URL or file could not be read to its end
    guest_failed,            ///< a program in the guest, not one of ours
    hypervisor_failed,       ///< libvirt answered, with an error
    hypervisor_unavailable,  ///< libvirt could not be asked
    invalid_disk_image,      ///< refused on ingest: unreadable, hostile, or not what it says
    invalid_manifest,        ///< one or more faults in a YAML file, all in the message
    io_error,
    lock_timeout,
    login_failed,  ///< SSH came to no session
    store_corrupt,
    store_full,
    store_too_new,  ///< the catalog was written by a newer amivirt
    timed_out,
    tool_failed,
    tool_missing,
    usage,  ///< the command line itself
};

/// How a code is told to the outside.
struct CodeFacts {
    Code code;
    std::string_view name;  ///< "InvalidAMIID.NotFound"
    int http_status;
    int exit_status;  ///< see ExitStatus
};

/// Process exit status; scripts depend on these numbers.
enum class ExitStatus : int {
    done = 0,
    failed = 1,
    usage = 2,
    not_found = 3,
    not_permitted = 4,
    wrong_state = 5,
    timed_out = 6,
    hypervisor = 7,
};

[[nodiscard]] const CodeFacts& facts(Code code) noexcept;
/// Every code once, in declaration order.
[[nodiscard]] const std::vector<CodeFacts>& all_code_facts() noexcept;

struct Error {
    Code code = Code::internal_error;
    std::string message;               ///< whole sentence, names the object, quotes the value
    std::vector<std::string> context;  ///< added on the way up, innermost first
    std::string hint;                  ///< one line: the command or change that helps; may be empty

    Error() = default;
    Error(Code c, std::string m, std::string h = {}) : code(c), message(std::move(m)), hint(std::move(h)) {}

    [[nodiscard]] Error&& with_context(std::string what) && {
        context.push_back(std::move(what));
        return std::move(*this);
    }
};

/// `message (Name)`; in a message that is a list, the code belongs to its headline: `this launch has 2 faults (Name):`.
/// The context is printed by the face, below.
[[nodiscard]] std::string describe(const Error& error);

}  // namespace amivirt
