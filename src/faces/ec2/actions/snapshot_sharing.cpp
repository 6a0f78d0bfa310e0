#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/permissions.hpp"
#include "faces/ec2/render.hpp"

namespace amivirt::ec2 {

namespace {

/// `createVolumePermission`, or what else of a snapshot's attributes `others` allows.
void check_snapshot_attribute(const Parameters& in, const std::string& attribute, bool others) {
    const bool known = attribute == "createVolumePermission" || (others && attribute == "productCodes");
    if (!attribute.empty() && !known) {
        in.fault({Code::invalid_parameter_value,
                  fmt::format("Value ({}) for parameter attribute is invalid. Expected createVolumePermission.", printable(attribute))});
    }
}

void encryption(Call& call, Encryption value) { call.out.boolean("ebsEncryptionByDefault", value == Encryption::by_default); }

Result<void> change_encryption(Call& call, Encryption value) {
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.ebs.set_encryption(call.account, value));
    encryption(call, value);
    return {};
}

}  // namespace

Result<void> copy_snapshot(Call& call) {
    CopySnapshotRequest request;
    request.snapshot = call.id<SnapshotId>("SourceSnapshotId", Call::Seen::elsewhere);
    request.from_region = call.in.required("SourceRegion");
    request.description = call.in.text("Description").value_or("");
    request.encrypted = call.in.flag("Encrypted");
    request.tags = call.tag_specifications({"snapshot"})["snapshot"];
    const auto to = call.in.text("DestinationRegion");
    if (to && *to != call.services.region) {
        call.in.fault({Code::invalid_parameter_value,
                       fmt::format("DestinationRegion ({}) is not the region that is asked, {}", printable(*to), call.services.region)});
    }
    call.in.accept("PresignedUrl");  // what it would prove, the server knows of its own regions
    call.in.accept("CompletionDurationMinutes");
    call.in.refuse("KmsKeyId", "the region has one key of its own");
    call.in.refuse("DestinationOutpostArn", "there are no Outposts here");
    call.in.refuse("DestinationAvailabilityZone", "there are no Local Zones here");
    AMIVIRT_TRY(call.ready());
    if (!SnapshotId::parse(request.snapshot)) {
        return not_found<SnapshotId>({request.snapshot});
    }
    const auto copy = [&carrying = call.services.carrying, account = call.account](const CopySnapshotRequest& promised) {
        SilentProgress silent;
        return carrying.copy_snapshot(account, promised, silent);
    };
    call.out.text("snapshotId", AMIVIRT_TRY(call.promised("CopySnapshot of " + request.snapshot, request, copy)));
    call.out.tags(request.tags);
    return {};
}

Result<void> describe_snapshot_attribute(Call& call) {
    const auto id = call.id<SnapshotId>("SnapshotId");
    const auto attribute = attribute_name(call.in.required("Attribute"));
    check_snapshot_attribute(call.in, attribute, true);
    AMIVIRT_TRY(call.ready());
    const auto found = AMIVIRT_TRY(Call::find_one<SnapshotId>(id, call.snapshot()));
    const auto permissions = AMIVIRT_TRY(call.services.sharing.permissions(call.account, found.id));
    call.out.text("snapshotId", found.id.str());
    if (attribute == "productCodes") {
        product_codes(call.out, {});
        return {};
    }
    call.out.in("createVolumePermission", [&] {
        if (permissions.everyone) {
            call.out.in("item", [&] { call.out.text("group", "all"); });
        }
        for (const AccountId& account : permissions.accounts) {
            call.out.in("item", [&] { call.out.text("userId", account.str()); });
        }
    });
    return {};
}

Result<void> modify_snapshot_attribute(Call& call) {
    const auto id = call.id<SnapshotId>("SnapshotId");
    check_snapshot_attribute(call.in, attribute_name(call.in.text("Attribute").value_or("")), false);
    const auto change = permission_change(call.in, "CreateVolumePermission", Code::invalid_parameter_value);
    if (!change.any()) {
        call.in.fault({Code::invalid_parameter_combination, "No attributes specified."});
    }
    call.wants_own_snapshot(id);
    AMIVIRT_TRY(call.ready());
    const auto found = AMIVIRT_TRY(Call::find_one<SnapshotId>(id, call.snapshot()));
    AMIVIRT_TRY(call.services.sharing.modify(call.account, found.id, change.added, change.removed));
    call.yes();
    return {};
}

Result<void> reset_snapshot_attribute(Call& call) {
    const auto id = call.id<SnapshotId>("SnapshotId");
    check_snapshot_attribute(call.in, attribute_name(call.in.required("Attribute")), false);
    call.wants_own_snapshot(id);
    AMIVIRT_TRY(call.ready());
    const auto found = AMIVIRT_TRY(Call::find_one<SnapshotId>(id, call.snapshot()));
    AMIVIRT_TRY(call.services.sharing.reset(call.account, found.id));
    call.yes();
    return {};
}

Result<void> enable_ebs_encryption_by_default(Call& call) { return change_encryption(call, Encryption::by_default); }

Result<void> disable_ebs_encryption_by_default(Call& call) { return change_encryption(call, Encryption::none); }

Result<void> get_ebs_encryption_by_default(Call& call) {
    AMIVIRT_TRY(call.ready());
    encryption(call, AMIVIRT_TRY(call.services.ebs.encryption(call.account)));
    return {};
}

Result<void> enable_snapshot_block_public_access(Call& call) {
    const auto word = call.in.required("State");
    const auto state = parse_snapshot_public_access(word);
    if (!word.empty() && (!state || *state == SnapshotPublicAccess::unblocked)) {
        call.in.fault(
            {Code::invalid_parameter_value,
             fmt::format("Value ({}) for parameter State is invalid. Expected block-all-sharing or block-new-sharing.", printable(word))});
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.ebs.set_public_access(call.account, *state));
    call.out.text("state", to_string(*state));
    return {};
}

Result<void> disable_snapshot_block_public_access(Call& call) {
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.ebs.set_public_access(call.account, SnapshotPublicAccess::unblocked));
    call.out.text("state", to_string(SnapshotPublicAccess::unblocked));
    return {};
}

Result<void> get_snapshot_block_public_access_state(Call& call) {
    AMIVIRT_TRY(call.ready());
    call.out.text("state", to_string(AMIVIRT_TRY(call.services.ebs.public_access(call.account))));
    call.out.text("managedBy", "account");
    return {};
}

}  // namespace amivirt::ec2
