#include "amivirt/services/snapshot_sharing.hpp"

#include <fmt/format.h>

#include "amivirt/services/ebs_settings.hpp"
#include "kept_json.hpp"
#include "snapshot_permission.hpp"

namespace amivirt {

namespace {

const std::string k_snapshot_permission = "snapshot-permission";

LaunchPermissions permissions_in(const kept::Json& body) {
    LaunchPermissions permissions;
    permissions.everyone = kept::flag(body, "all");
    if (const auto users = body.find("userIds"); users != body.end() && users->is_array()) {
        for (const auto& user : *users) {
            if (auto id = AccountId::parse(user.is_string() ? user.get<std::string>() : "")) {
                permissions.accounts.insert(std::move(*id));
            }
        }
    }
    return permissions;
}

Result<Snapshot> own_snapshot(CatalogSession& session, const AccountId& caller, const SnapshotId& id) {
    auto snapshot = AMIVIRT_TRY(session.snapshots().find(id));
    if (!snapshot || snapshot->bin || !AMIVIRT_TRY(may_use(session, *snapshot, caller))) {
        return Error(Code::invalid_snapshot_not_found, fmt::format("The snapshot '{}' does not exist.", id.str()));
    }
    AMIVIRT_TRY(check_owner(*snapshot, caller));
    return std::move(*snapshot);
}

}  // namespace

Result<LaunchPermissions> snapshot_permissions(CatalogSession& session, const SnapshotId& id) {
    const auto body = AMIVIRT_TRY(kept::find(session, k_snapshot_permission, id.str()));
    return body ? permissions_in(*body) : LaunchPermissions();
}

Result<std::map<SnapshotId, LaunchPermissions>> shared_snapshots(CatalogSession& session) {
    std::map<SnapshotId, LaunchPermissions> all;
    std::map<std::string, bool> blocked;  // by owner
    for (const Document& document : AMIVIRT_TRY(session.index().documents(k_snapshot_permission))) {
        const auto id = SnapshotId::parse(kept::id_of(document));
        const auto owner = AccountId::parse(document.owner);
        if (!id || !owner) {
            continue;
        }
        auto permissions = permissions_in(AMIVIRT_TRY(kept::parse(document)));
        if (permissions.everyone) {
            auto known = blocked.find(document.owner);
            if (known == blocked.end()) {
                const auto access = AMIVIRT_TRY(EbsSettings::public_access(session, *owner));
                known = blocked.emplace(document.owner, access == SnapshotPublicAccess::block_all_sharing).first;
            }
            permissions.everyone = !known->second;
        }
        all.emplace(*id, std::move(permissions));
    }
    return all;
}

Result<bool> may_use(CatalogSession& session, const Snapshot& snapshot, const AccountId& account) {
    if (snapshot.owner == account) {
        return true;
    }
    const auto permissions = AMIVIRT_TRY(snapshot_permissions(session, snapshot.id));
    if (snapshot.bin || (!permissions.everyone && permissions.accounts.empty())) {
        return false;
    }
    return permissions.accounts.contains(account) ||
           (permissions.everyone &&
            AMIVIRT_TRY(EbsSettings::public_access(session, snapshot.owner)) != SnapshotPublicAccess::block_all_sharing);
}

Result<void> check_owner(const Snapshot& snapshot, const AccountId& caller) {
    if (snapshot.owner == caller) {
        return {};
    }
    return Error(Code::auth_failure, fmt::format("Not authorized for snapshot: {} belongs to another account", snapshot.id.str()));
}

Result<LaunchPermissions> SnapshotSharing::permissions(const AccountId& caller, const SnapshotId& id) {
    LaunchPermissions permissions;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(own_snapshot(session, caller, id));
        permissions = AMIVIRT_TRY(snapshot_permissions(session, id));
        return {};
    }));
    return permissions;
}

Result<LaunchPermissions> SnapshotSharing::modify(const AccountId& caller, const SnapshotId& id, const LaunchPermissions& added,
                                                  const LaunchPermissions& removed) {
    LaunchPermissions permissions;
    AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) -> Result<void> {
        const auto snapshot = AMIVIRT_TRY(own_snapshot(session, caller, id));
        permissions = AMIVIRT_TRY(snapshot_permissions(session, id));
        if ((added.everyone || !added.accounts.empty()) && snapshot.encrypted) {
            return Error(Code::operation_not_permitted, "Encrypted snapshots with EBS default key cannot be shared");
        }
        if (added.everyone && !permissions.everyone &&
            AMIVIRT_TRY(EbsSettings::public_access(session, caller)) != SnapshotPublicAccess::unblocked) {
            return Error(Code::operation_not_permitted,
                         fmt::format("snapshot \"{}\" cannot be shared publicly: block public access is enabled for snapshots", id.str()));
        }
        permissions.everyone = (permissions.everyone || added.everyone) && !removed.everyone;
        permissions.accounts.insert(added.accounts.begin(), added.accounts.end());
        permissions.accounts.erase(caller);
        for (const auto& account : removed.accounts) {
            permissions.accounts.erase(account);
        }
        if (permissions == LaunchPermissions()) {
            return kept::erase(session, k_snapshot_permission, id.str());
        }
        kept::Json body{{"all", permissions.everyone}, {"userIds", kept::Json::array()}};
        for (const auto& account : permissions.accounts) {
            body["userIds"].push_back(account.str());
        }
        return kept::put(session, k_snapshot_permission, id.str(), caller.str(), body, clock_.now());
    }));
    return permissions;
}

Result<void> SnapshotSharing::reset(const AccountId& caller, const SnapshotId& id) {
    return catalog_.write([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(own_snapshot(session, caller, id));
        return kept::erase(session, k_snapshot_permission, id.str());
    });
}

}  // namespace amivirt
