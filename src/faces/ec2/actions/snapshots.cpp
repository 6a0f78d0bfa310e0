#include <algorithm>

#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/render.hpp"

namespace amivirt::ec2 {

namespace {

/// "self", ids and aliases; a word that names nobody here is nobody.
std::vector<AccountId> accounts_of(Call& call, const std::vector<std::string>& words) {
    std::vector<AccountId> accounts;
    for (const std::string& word : words) {
        if (word == "self") {
            accounts.push_back(call.account);
        } else if (auto known = call.ports.accounts.resolve(word)) {
            accounts.push_back(std::move(*known));
        }
    }
    return accounts;
}

}  // namespace

Result<void> create_snapshot(Call& call) {
    CreateSnapshotsRequest request;
    const auto id = call.id<VolumeId>("VolumeId");
    request.description = call.in.text("Description").value_or("");
    request.tags = call.tag_specifications({"snapshot"})["snapshot"];
    call.in.refuse("OutpostArn", "there are no Outposts here");
    call.in.refuse_unless("Location", "regional", "there are no Local Zones here");
    AMIVIRT_TRY(call.ready());
    request.volumes = {AMIVIRT_TRY(Call::find_one<VolumeId>(id, call.volume())).id};
    const auto taken = AMIVIRT_TRY(call.services.snapshots.create(call.account, request));
    snapshot(call.out, taken.front());
    return {};
}

Result<void> create_snapshots(Call& call) {
    CreateSnapshotsRequest request;
    const Parameters of = call.in.below("InstanceSpecification");
    const auto instance = of.required("InstanceId");
    call.wants<InstanceId>({instance});
    const bool without_root = of.flag("ExcludeBootVolume");
    const auto excluded = of.texts("ExcludeDataVolumeId");
    request.description = call.in.text("Description").value_or("");
    request.tags = call.tag_specifications({"snapshot"})["snapshot"];
    const auto copied = call.in.text("CopyTagsFromSource");
    if (copied && *copied != "volume") {
        call.in.fault({Code::invalid_parameter_value,
                       fmt::format("Value ({}) for parameter CopyTagsFromSource is invalid. Expected volume.", printable(*copied))});
    }
    request.copied = copied ? CopyTags::of_volume : CopyTags::none;
    call.in.refuse("OutpostArn", "there are no Outposts here");
    call.in.refuse_unless("Location", "regional", "there are no Local Zones here");
    AMIVIRT_TRY(call.ready());
    const auto found = AMIVIRT_TRY(Call::find_one<InstanceId>(instance, call.instance()));
    request.volumes = AMIVIRT_TRY(call.services.snapshots.volumes_of_instance(call.account, found));
    if (without_root && !request.volumes.empty()) {
        request.volumes.erase(request.volumes.begin());
    }
    std::erase_if(request.volumes,
                  [&](const VolumeId& id) { return std::find(excluded.begin(), excluded.end(), id.str()) != excluded.end(); });
    const auto taken = AMIVIRT_TRY(call.services.snapshots.create(call.account, request));
    call.out.list("snapshotSet", taken, [&](const Snapshot& each) { snapshot(call.out, each, "state"); });
    return {};
}

Result<void> describe_snapshots(Call& call) {
    const auto ids = call.ids<SnapshotId>("SnapshotId");
    const auto owners = call.in.texts("Owner");
    const auto restorable_by = call.in.texts("RestorableBy");
    SnapshotQuery query;
    query.ids_or_names = ids;
    query.filters = call.filters();
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_all<SnapshotId>(ids, call.snapshot()));
    if (!owners.empty()) {
        query.owners = accounts_of(call, owners);
    }
    if (!restorable_by.empty()) {
        LaunchPermissions whom;
        whom.everyone = std::find(restorable_by.begin(), restorable_by.end(), "all") != restorable_by.end();
        for (AccountId& account : accounts_of(call, restorable_by)) {
            whom.accounts.insert(std::move(account));
        }
        query.restorable_by = std::move(whom);
    }
    auto snapshots = AMIVIRT_TRY(call.services.snapshots.describe(call.account, query)).records;
    std::string next;
    snapshots = Call::cut(
        std::move(snapshots), page, [](const Snapshot& each) { return each.id.str(); }, next);
    call.out.list("snapshotSet", snapshots, [&](const Snapshot& each) { snapshot(call.out, each); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> delete_snapshot(Call& call) {
    const auto id = call.id<SnapshotId>("SnapshotId");
    call.wants_own_snapshot(id);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<SnapshotId>(id, call.snapshot()));
    AMIVIRT_TRY(call.services.snapshots.remove(call.account, id));
    call.yes();
    return {};
}

}  // namespace amivirt::ec2
