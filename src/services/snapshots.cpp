#include "amivirt/services/snapshots.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "bin_rules.hpp"
#include "faults.hpp"
#include "images_on.hpp"
#include "machine.hpp"
#include "records.hpp"
#include "revert_log.hpp"
#include "sealing.hpp"
#include "snapshot_permission.hpp"

namespace amivirt {

namespace {

constexpr RecordWords k_words{"snapshot", Code::invalid_snapshot_not_found, "amivirt snapshot list"};
/// What flattening leaves at least: the base, the merged layer, the volume's top.
constexpr std::size_t k_flattest = 3;
/// Claimed beside the new layer, so that a volume is flattened once at a time, and nothing that its instance needs is claimed.
constexpr std::string_view k_flatten_claim = "flatten ";

using Shared = std::map<SnapshotId, LaunchPermissions>;

auto seen_by(const AccountId& caller, const Shared& shared) {
    return [&caller, &shared](const Snapshot& snapshot) {
        const auto at = shared.find(snapshot.id);
        return !snapshot.bin &&
               (snapshot.owner == caller || (at != shared.end() && (at->second.everyone || at->second.accounts.contains(caller))));
    };
}

/// What `caller` may know of a snapshot that it sees.
Snapshot as_shown_to(const AccountId& caller, Snapshot snapshot) {
    if (snapshot.owner != caller) {
        snapshot.tags.clear();
    }
    return snapshot;
}

/// Whom others' permissions name is their owners' business: they are asked for `caller` alone.
bool restorable_by(const Snapshot& snapshot, const LaunchPermissions& whom, const AccountId& caller, const Shared& shared) {
    if (whom.accounts.contains(snapshot.owner)) {
        return true;
    }
    const auto at = shared.find(snapshot.id);
    if (at == shared.end()) {
        return false;
    }
    return (whom.everyone && at->second.everyone) || std::any_of(whom.accounts.begin(), whom.accounts.end(), [&](const AccountId& account) {
               return at->second.accounts.contains(account) && (snapshot.owner == caller || account == caller);
           });
}

}  // namespace

Result<Snapshot> Snapshots::resolve(const AccountId& caller, const std::string& id_or_name) {
    std::optional<Snapshot> snapshot;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        const auto shared = AMIVIRT_TRY(shared_snapshots(session));
        snapshot = AMIVIRT_TRY(find_record(session.snapshots(), k_words, id_or_name, seen_by(caller, shared)));
        return {};
    }));
    return as_shown_to(caller, std::move(*snapshot));
}

Result<Listing<Snapshot>> Snapshots::describe(const AccountId& caller, const SnapshotQuery& query) {
    AMIVIRT_TRY(check_snapshot_filters(query.filters));
    std::vector<SnapshotId> wanted;
    for (const auto& text : query.ids_or_names) {
        wanted.push_back(AMIVIRT_TRY(resolve(caller, text)).id);
    }
    Listing<Snapshot> listing;
    Shared shared;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        shared = AMIVIRT_TRY(shared_snapshots(session));
        listing = AMIVIRT_TRY(session.snapshots().list());
        return {};
    }));
    const auto is_seen = seen_by(caller, shared);
    std::erase_if(listing.records, [&](const Snapshot& snapshot) {
        const bool named = wanted.empty() || std::find(wanted.begin(), wanted.end(), snapshot.id) != wanted.end();
        const bool owned = !query.owners || std::find(query.owners->begin(), query.owners->end(), snapshot.owner) != query.owners->end();
        return !is_seen(snapshot) || !named || !owned ||
               (query.restorable_by && !restorable_by(snapshot, *query.restorable_by, caller, shared)) ||
               !matches(as_shown_to(caller, snapshot), query.filters);
    });
    for (auto& snapshot : listing.records) {
        snapshot = as_shown_to(caller, std::move(snapshot));
    }
    return listing;
}

Result<std::vector<VolumeId>> Snapshots::volumes_of_instance(const AccountId& caller, const Instance& instance) {
    std::vector<VolumeId> ids;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (const auto& volume : volumes_of(instance.id, AMIVIRT_TRY(session.volumes().list()).records)) {
            if (volume.owner == caller && !volume.instance_store) {
                ids.push_back(volume.id);
            }
        }
        return {};
    }));
    if (ids.empty()) {
        return Error(Code::unsupported_operation,
                     fmt::format("instance \"{}\" has no EBS volume to take a snapshot of", instance.id.str()));
    }
    return ids;
}

namespace {

/// To each snapshot those of its volume, but what the snapshot has of its own.
Result<void> copy_tags(CatalogSession& session, std::vector<Sealing>& sealings) {
    for (Sealing& sealing : sealings) {
        Snapshot& snapshot = sealing.snapshot;
        snapshot.tags.merge(own_tags(sealing.volume.tags));
        AMIVIRT_TRY(check_tags(snapshot.tags));
        AMIVIRT_TRY(session.snapshots().update(snapshot));
    }
    return {};
}

}  // namespace

Result<std::vector<Snapshot>> Snapshots::create(const AccountId& caller, const CreateSnapshotsRequest& request) {
    Faults faults;
    faults.check(check_tags(request.tags));
    faults.check(check_description(request.description));
    if (!faults.none()) {
        return faults.error("this snapshot");
    }
    if (request.volumes.empty()) {
        return Error(Code::missing_parameter, "The request must contain the parameter volumeId");
    }
    // Which instance to claim is known from a look; whether it is still that one is seen once it is claimed.
    std::set<InstanceId> attached_to;
    std::vector<std::string> objects;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (const auto& id : request.volumes) {
            const auto volume = AMIVIRT_TRY(session.volumes().find(id));
            if (!volume || volume->owner != caller) {
                return Error(Code::invalid_volume_not_found, fmt::format("volume \"{}\" not found", id.str()));
            }
            if (std::find(objects.begin(), objects.end(), id.str()) != objects.end()) {
                return Error(Code::invalid_parameter_value, fmt::format("volume \"{}\" is named twice", id.str()));
            }
            objects.push_back(id.str());
            if (volume->attachment) {
                attached_to.insert(volume->attachment->instance);
            }
        }
        return {};
    }));
    if (attached_to.size() > 1) {
        return Error(Code::invalid_parameter_combination, "volumes of several instances have no point in time in common");
    }
    std::optional<InstanceId> instance;
    if (!attached_to.empty()) {
        instance = *attached_to.begin();
        objects.push_back(instance->str());
    }

    std::vector<Sealing> sealings;
    const auto reserve = [&](CatalogSession& session, Operation& row) -> Result<void> {
        Snapshot model;
        model.owner = caller;
        model.description = request.description;
        model.created = ports_.clock.now();
        model.tags = request.tags;
        sealings = AMIVIRT_TRY(reserve_sealings(session, row, ports_.ids, model, request.volumes, instance));
        if (request.copied == CopyTags::of_volume) {
            AMIVIRT_TRY(copy_tags(session, sealings));
        }
        if (instance) {
            const auto machine = AMIVIRT_TRY(session.instances().find(*instance));
            if (!machine || (machine->state != InstanceState::running && machine->state != InstanceState::stopped)) {
                return Error(Code::incorrect_instance_state,
                             fmt::format("instance \"{}\" is {}: no snapshot can be taken now", instance->str(),
                                         machine ? to_string(machine->state) : std::string_view("gone")));
            }
        }
        return {};
    };
    auto operation = AMIVIRT_TRY(ports_.operations.begin(OperationKind::create_snapshots, objects, k_patience, reserve));
    Revert revert(logged(ports_.log, "snapshots"));
    revert.push("settle a snapshot that failed", [&] {
        clear_interrupt();
        return settle(*operation);
    });
    AMIVIRT_TRY(move_over(ports_.storage.store(), ports_.live, sealings, instance, request.quiesce, ports_.log));
    std::vector<SnapshotId> ids;
    for (const auto& sealing : sealings) {
        ids.push_back(sealing.snapshot.id);
    }
    AMIVIRT_TRY(complete(*operation, ids));
    revert.commit();
    std::vector<Snapshot> completed;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (const auto& id : ids) {
            if (auto snapshot = AMIVIRT_TRY(session.snapshots().find(id))) {
                completed.push_back(std::move(*snapshot));
            }
        }
        return {};
    }));
    return completed;
}

/// Seals what the volumes wrote to and puts the operation's new layers on top of them, in the catalog.
Result<void> Snapshots::complete(ActiveOperation& operation, const std::vector<SnapshotId>& ids) {
    const auto objects = AMIVIRT_TRY(sealing_objects(operation.row()));
    const auto sealed = AMIVIRT_TRY(seal_all(ports_.catalog, ports_.storage.store(), ids));
    return operation.finish([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(record_tops(session, sealed, objects.layers));
        for (auto snapshot : sealed.snapshots) {
            snapshot.state = SnapshotState::completed;
            AMIVIRT_TRY(session.snapshots().update(snapshot));
        }
        return {};
    });
}

Result<void> Snapshots::settle(ActiveOperation& operation) {
    if (operation.finished()) {
        return {};
    }
    if (operation.row().kind == OperationKind::collect_layers) {
        return ports_.storage.finish(operation);
    }
    const auto objects = AMIVIRT_TRY(sealing_objects(operation.row()));
    auto& store = ports_.storage.store();
    if (AMIVIRT_TRY(went_over(store, ports_.live, objects))) {
        return complete(operation, objects.snapshots);
    }
    for (const auto& top : objects.layers) {
        AMIVIRT_TRY(store.remove(top));
        fault_point("snapshot.undone");
    }
    AMIVIRT_TRY(operation.turn_into(OperationKind::collect_layers, [&](CatalogSession& session, Operation& row) -> Result<void> {
        for (const auto& id : objects.snapshots) {
            AMIVIRT_TRY(session.snapshots().erase(id));
        }
        for (const auto& id : objects.layers) {
            AMIVIRT_TRY(session.layers().erase(id));
        }
        return ports_.storage.mark_unreachable(session, row);
    }));
    return ports_.storage.finish(operation);
}

Result<Snapshot> Snapshots::remove(const AccountId& caller, const std::string& id_or_name) {
    const auto id = AMIVIRT_TRY(resolve(caller, id_or_name)).id;
    Snapshot snapshot;
    auto operation = AMIVIRT_TRY(ports_.operations.begin(
        OperationKind::collect_layers, {id.str()}, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            auto found = AMIVIRT_TRY(session.snapshots().find(id));
            if (!found || found->bin) {
                return record_not_found(k_words, id.str(), {});
            }
            snapshot = std::move(*found);
            AMIVIRT_TRY(check_owner(snapshot, caller));
            std::vector<std::string> users;
            for (const auto& image : AMIVIRT_TRY(images_keeping(session, id))) {
                users.push_back(image.id.str());
            }
            if (!users.empty()) {
                return Error(Code::invalid_snapshot_in_use,
                             fmt::format("The snapshot {} is currently in use by {}", id.str(), fmt::join(users, ", ")),
                             "deregister the image first");
            }
            const auto rules = AMIVIRT_TRY(session.retention_rules().list()).records;
            snapshot.bin = AMIVIRT_TRY(discard_snapshot(session, snapshot, rules, ports_.clock.now(), std::nullopt));
            row.objects.clear();
            return ports_.storage.mark_unreachable(session, row);
        }));
    if (operation) {
        AMIVIRT_TRY_CONTEXT(ports_.storage.finish(*operation), fmt::format("deleting snapshot {}", id.str()));
    }
    return snapshot;
}

Result<bool> Snapshots::at_rest(CatalogSession& session, const Volume& volume) {
    if (!volume.attachment) {
        return volume.state == VolumeState::available;
    }
    const auto instance = AMIVIRT_TRY(session.instances().find(volume.attachment->instance));
    return instance && instance->state == InstanceState::stopped;
}

Result<std::vector<VolumeId>> Snapshots::too_deep() {
    std::vector<VolumeId> deep;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        const auto layers = AMIVIRT_TRY(session.layers().list()).records;
        for (const auto& volume : AMIVIRT_TRY(session.volumes().list()).records) {
            if (chain_of(volume.layer, layers).size() > std::max<std::size_t>(ports_.chain_limit, k_flattest) &&
                AMIVIRT_TRY(at_rest(session, volume))) {
                deep.push_back(volume.id);
            }
        }
        return {};
    }));
    return deep;
}

Result<bool> Snapshots::flatten(const VolumeId& id, Progress& progress) {
    Layer merged;
    LayerId parent;  // what the volume's top stands on now: it, and all below, are sealed, so they can be read at any time
    auto operation = AMIVIRT_TRY(ports_.operations.begin(OperationKind::flatten_layers, {std::string(k_flatten_claim) + id.str()},
                                                         Duration{0}, [&](CatalogSession& session, Operation& row) -> Result<void> {
                                                             const auto volume = AMIVIRT_TRY(session.volumes().find(id));
                                                             const auto layers = AMIVIRT_TRY(session.layers().list()).records;
                                                             const auto chain =
                                                                 volume ? chain_of(volume->layer, layers) : std::vector<LayerId>{};
                                                             if (chain.size() <= k_flattest) {
                                                                 row.objects.clear();
                                                                 return {};
                                                             }
                                                             parent = chain[1];
                                                             const auto model = AMIVIRT_TRY(session.layers().find(parent));
                                                             merged = {};
                                                             merged.id = make_id<LayerId>(ports_.ids);
                                                             merged.parent = chain.back();
                                                             merged.virtual_size = model->virtual_size;
                                                             merged.encrypted = model->encrypted;
                                                             merged.created = ports_.clock.now();
                                                             row.objects.push_back(merged.id.str());
                                                             return session.layers().insert(merged);
                                                         }));
    if (!operation) {
        return false;
    }
    Revert revert(logged(ports_.log, "snapshots"));
    revert.push("undo a flattening", [&] {
        clear_interrupt();
        return settle_flattening(*operation);
    });
    AMIVIRT_TRY_CONTEXT(ports_.care.merge(merged.id, parent, merged.parent, progress), fmt::format("flattening the chain of {}", id.str()));
    merged.seal = AMIVIRT_TRY(ports_.storage.store().seal(merged.id));
    merged.state = LayerState::sealed;
    fault_point("flatten.merged");

    // Only now, and only if it is still at rest and nobody is at work on it, is the volume claimed.
    Volume volume;
    bool unchanged = false;
    const auto claimed = operation->turn_into(OperationKind::flatten_layers, [&](CatalogSession& session, Operation& row) -> Result<void> {
        row.objects = {std::string(k_flatten_claim) + id.str(), merged.id.str(), id.str()};
        const auto found = AMIVIRT_TRY(session.volumes().find(id));
        const auto top = found ? AMIVIRT_TRY(session.layers().find(found->layer)) : std::optional<Layer>{};
        unchanged = found && top && top->parent == parent && AMIVIRT_TRY(at_rest(session, *found));
        if (unchanged && found->attachment) {
            row.objects.push_back(found->attachment->instance.str());
        }
        volume = found.value_or(Volume{});
        return {};
    });
    if (!claimed && claimed.error().code != Code::busy) {
        return claimed.error();
    }
    if (!claimed || !unchanged || (volume.attachment && AMIVIRT_TRY(ports_.live.attached(volume.attachment->instance)))) {
        return false;
    }
    AMIVIRT_TRY(ports_.care.rebase(volume.layer, merged.id));
    fault_point("flatten.rebased");
    AMIVIRT_TRY(settle_flattening(*operation));
    revert.commit();
    return true;
}

/// The header of the volume's top says whether it stands on the merged layer.
Result<void> Snapshots::settle_flattening(ActiveOperation& operation) {
    if (operation.finished()) {
        return {};
    }
    if (operation.row().kind == OperationKind::collect_layers) {
        return ports_.storage.finish(operation);
    }
    std::optional<LayerId> merged;
    std::optional<VolumeId> id;
    for (const auto& object : operation.row().objects) {
        if (LayerId::looks_like(object)) {
            merged = AMIVIRT_TRY(LayerId::parse(object));
        } else if (VolumeId::looks_like(object)) {
            id = AMIVIRT_TRY(VolumeId::parse(object));
        }
    }
    if (!merged) {
        return Error(Code::internal_error, "a flattening without a layer");
    }
    std::optional<Volume> volume;
    if (id) {
        AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
            volume = AMIVIRT_TRY(session.volumes().find(*id));
            return {};
        }));
    }
    auto& store = ports_.storage.store();
    const auto top = volume ? AMIVIRT_TRY(store.look(volume->layer)) : std::optional<LayerFile>{};
    if (!top || top->parent != merged) {
        AMIVIRT_TRY(store.remove(*merged));
        fault_point("flatten.undone");
        AMIVIRT_TRY(operation.turn_into(OperationKind::collect_layers, [&](CatalogSession& session, Operation& row) -> Result<void> {
            AMIVIRT_TRY(session.layers().erase(*merged));
            return ports_.storage.mark_unreachable(session, row);
        }));
        return ports_.storage.finish(operation);
    }
    const auto seal = AMIVIRT_TRY(store.seal(*merged));
    AMIVIRT_TRY(operation.turn_into(OperationKind::collect_layers, [&](CatalogSession& session, Operation& row) -> Result<void> {
        auto layer = AMIVIRT_TRY(session.layers().find(*merged));
        auto above = AMIVIRT_TRY(session.layers().find(volume->layer));
        if (!layer || !above) {
            return Error(Code::store_corrupt, fmt::format("the row of layer {} or {} is gone", merged->str(), volume->layer.str()));
        }
        layer->state = LayerState::sealed;
        layer->seal = seal;
        above->parent = *merged;
        AMIVIRT_TRY(session.layers().update(*layer));
        AMIVIRT_TRY(session.layers().update(*above));
        return ports_.storage.mark_unreachable(session, row);
    }));
    return ports_.storage.finish(operation);
}

Result<void> Snapshots::recover(ActiveOperation& operation) {
    return operation.row().kind == OperationKind::create_snapshots ? settle(operation) : settle_flattening(operation);
}

}  // namespace amivirt
