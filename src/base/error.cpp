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
    add(Code::invalid_ami_name_malformed, "InvalidAMIName.Malformed", k_bad_request, ExitStatus::usage);
    add(Code::invalid_block_device_mapping, "InvalidBlockDeviceMapping", k_bad_request, ExitStatus::usage);
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
    add(Code::tag_limit_exceeded, "TagLimitExceeded", k_bad_request, ExitStatus::usage);
    add(Code::unauthorized_operation, "UnauthorizedOperation", k_forbidden, ExitStatus::not_permitted);
    add(Code::unknown_parameter, "UnknownParameter", k_bad_request, ExitStatus::usage);
    add(Code::unsupported_operation, "UnsupportedOperation", k_bad_request, ExitStatus::failed);
    add(Code::volume_in_use, "VolumeInUse", k_bad_request, ExitStatus::wrong_state);
    // ours
    add(Code::busy, "Busy", k_service_unavailable, ExitStatus::wrong_state);
    add(Code::checksum_mismatch, "ChecksumMismatch", k_bad_request, ExitStatus::failed);
    add(Code::fetch_failed, "FetchFailed", k_bad_request, ExitStatus::failed);
    add(Code::hypervisor_failed, "HypervisorFailed", k_internal_server_error, ExitStatus::hypervisor);
    add(Code::hypervisor_unavailable, "HypervisorUnavailable", k_service_unavailable, ExitStatus::hypervisor);
    add(Code::invalid_disk_image, "InvalidDiskImage", k_bad_request, ExitStatus::usage);
    add(Code::invalid_manifest, "InvalidManifest", k_bad_request, ExitStatus::usage);
    add(Code::io_error, "IOError", k_internal_server_error, ExitStatus::failed);
    add(Code::lock_timeout, "LockTimeout", k_service_unavailable, ExitStatus::timed_out);
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
