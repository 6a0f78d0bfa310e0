#include "amivirt/services/volumes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/domain/device_name.hpp"
#include "amivirt/services/ebs_settings.hpp"
#include "faults.hpp"
#include "instance_records.hpp"
#include "machine.hpp"
#include "records.hpp"
#include "revert_log.hpp"
#include "snapshot_permission.hpp"

namespace amivirt {

namespace {

constexpr Duration k_recovery_patience = std::chrono::seconds(10);
constexpr RecordWords k_words{"volume", Code::invalid_volume_not_found, "amivirt volume list"};

auto seen_by(const AccountId& caller) {
    return [&caller](const Volume& volume) { return volume.owner == caller && !volume.instance_store; };
}

Result<Volume> find_volume(CatalogSession& session, const VolumeId& id) {
    auto found = AMIVIRT_TRY(session.volumes().find(id));
    if (!found) {
        return record_not_found(k_words, id.str(), {});
    }
    return std::move(*found);
}

/// Running or stopped: the states in which its disks may be changed.
Result<void> check_settled(const Instance& instance, std::string_view doing) {
    if (instance.state == InstanceState::running || instance.state == InstanceState::stopped) {
        return {};
    }
    return Error(Code::incorrect_instance_state,
                 fmt::format("a volume cannot be {} instance \"{}\": it is {}", doing, instance.id.str(), to_string(instance.state)));
}

/// `wanted` if it is free, or the first name that is; EC2 recommends /dev/sdf to /dev/sdp for attached volumes.
Result<std::string> choose_device(CatalogSession& session, const Instance& instance, const std::string& wanted) {
    std::vector<std::string> taken;
    for (const auto& volume : volumes_of(instance.id, AMIVIRT_TRY(session.volumes().list()).records)) {
        taken.push_back(volume.attachment->device_name);
    }
    for (const auto& disk : instance.ephemeral) {
        taken.push_back(disk.device_name);
    }
    const auto is_taken = [&](const std::string& name) {
        return std::any_of(taken.begin(), taken.end(), [&](const std::string& other) { return same_device(name, other); });
    };
    if (!wanted.empty()) {
        if (!parse_device_name(wanted)) {
            return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is not a device name such as /dev/sdf", wanted));
        }
        if (is_taken(wanted)) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("device \"{}\" of instance \"{}\" is already in use", wanted, instance.id.str()));
        }
        return wanted;
    }
    for (const char letter : std::string_view("fghijklmnopbcdeqrstuvwxyz")) {
        if (auto name = fmt::format("/dev/sd{}", letter); !is_taken(name)) {
            return name;
        }
    }
    return Error(Code::invalid_parameter_value, fmt::format("instance \"{}\" has no free device name left", instance.id.str()),
                 "name one: --device /dev/xvdba");
}

/// False instead of an error when the domain does not run: then the change is one of catalog and file alone. Asked of libvirt, never told
/// from the catalog: a machine may have been started or stopped behind our back.
Result<bool> on_running(Result<void> done) {
    if (done) {
        return true;
    }
    if (done.error().code == Code::incorrect_instance_state) {
        return false;
    }
    return std::move(done.error());
}

/// The same while settling, where a disk that the domain lacks leaves nothing to settle.
Result<bool> on_having(Result<void> done) {
    if (!done && done.error().code == Code::invalid_attachment_not_found) {
        return false;
    }
    return on_running(std::move(done));
}

struct Held {
    VolumeId volume;
    std::optional<InstanceId> instance;
    std::optional<LayerId> layer;
};

Result<Held> objects_of(const Operation& row) {
    Held held;
    for (const auto& object : row.objects) {
        if (VolumeId::looks_like(object)) {
            held.volume = AMIVIRT_TRY(VolumeId::parse(object));
        } else if (InstanceId::looks_like(object)) {
            held.instance = AMIVIRT_TRY(InstanceId::parse(object));
        } else {
            held.layer = AMIVIRT_TRY(LayerId::parse(object));
        }
    }
    return held;
}

}  // namespace

Result<Volume> Volumes::reread(const VolumeId& id) {
    std::optional<Volume> volume;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        volume = AMIVIRT_TRY(find_volume(session, id));
        return {};
    }));
    return std::move(*volume);
}

Result<Volume> Volumes::resolve(const AccountId& caller, const std::string& id_or_name) {
    std::optional<Volume> volume;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        volume = AMIVIRT_TRY(find_record(session.volumes(), k_words, id_or_name, seen_by(caller)));
        return {};
    }));
    return std::move(*volume);
}

Result<Listing<Volume>> Volumes::describe(const AccountId& caller, const VolumeQuery& query) {
    AMIVIRT_TRY(check_volume_filters(query.filters));
    std::vector<VolumeId> wanted;
    for (const auto& text : query.ids_or_names) {
        wanted.push_back(AMIVIRT_TRY(resolve(caller, text)).id);
    }
    Listing<Volume> listing;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        listing = AMIVIRT_TRY(session.volumes().list());
        return {};
    }));
    std::erase_if(listing.records, [&](const Volume& volume) {
        const bool named = wanted.empty() || std::find(wanted.begin(), wanted.end(), volume.id) != wanted.end();
        return !seen_by(caller)(volume) || !named || !matches(volume, query.filters);
    });
    return listing;
}

Result<Volume> Volumes::create(const AccountId& caller, const CreateVolumeRequest& request) {
    std::optional<Snapshot> snapshot;
    if (!request.snapshot.empty()) {
        snapshot = AMIVIRT_TRY(ports_.snapshots.resolve(caller, request.snapshot));
    }
    Faults faults;
    if (!snapshot && !request.size) {
        faults.add({Code::missing_parameter, "The request must contain the parameter size or snapshotId"});
    }
    if (snapshot && snapshot->state != SnapshotState::completed) {
        faults.add({Code::incorrect_state, fmt::format("snapshot \"{}\" is {}", snapshot->id.str(), to_string(snapshot->state))});
    }
    EbsDevice device;
    device.size = request.size ? request.size : snapshot ? std::optional(snapshot->size) : std::nullopt;
    device.type = request.type.value_or(VolumeType::gp3);
    device.iops = request.iops;
    device.throughput = request.throughput;
    std::vector<Error> limits;
    check_limits("the new volume", device, limits);
    for (auto& fault : limits) {
        faults.add(std::move(fault));
    }
    if (snapshot && request.size && *request.size < snapshot->size) {
        faults.add({Code::invalid_parameter_value, fmt::format("a volume of {} GiB cannot hold snapshot \"{}\", which has {} GiB",
                                                               request.size->count, snapshot->id.str(), snapshot->size.count)});
    }
    faults.check(check_tags(request.tags));
    if (!faults.none()) {
        return faults.error("this volume");
    }

    Volume volume;
    Layer layer;
    auto operation = AMIVIRT_TRY(
        ports_.operations.begin(OperationKind::create_volume, {}, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            volume = {};
            volume.id = make_id<VolumeId>(ports_.ids);
            layer = {};
            layer.id = make_id<LayerId>(ports_.ids);
            if (snapshot) {
                const auto now = AMIVIRT_TRY(session.snapshots().find(snapshot->id));
                if (!now || now->bin || !AMIVIRT_TRY(may_use(session, *now, caller))) {
                    return Error(Code::invalid_snapshot_not_found, fmt::format("snapshot \"{}\" is gone", snapshot->id.str()));
                }
                layer.parent = now->layer;
                volume.snapshot = now->id;
            }
            volume.owner = caller;
            volume.layer = layer.id;
            volume.size = *device.size;
            volume.type = *device.type;
            volume.iops = device.iops;
            volume.throughput = device.throughput;
            volume.encrypted = request.encrypted || (snapshot && snapshot->encrypted) ||
                               AMIVIRT_TRY(EbsSettings::encryption(session, caller)) == Encryption::by_default;
            volume.created = ports_.clock.now();
            volume.tags = request.tags;
            layer.virtual_size = volume.size.bytes();
            layer.encrypted = volume.encrypted;
            layer.created = volume.created;
            AMIVIRT_TRY(session.layers().insert(layer));
            AMIVIRT_TRY(session.volumes().insert(volume));
            row.objects = {volume.id.str(), layer.id.str()};
            return request.with_reservation ? request.with_reservation(session, volume) : Result<void>();
        }));
    Revert revert(logged(ports_.log, "volumes"));
    revert.push("undo the creation of a volume", [&] { return undo_create(*operation); });
    if (layer.parent) {
        AMIVIRT_TRY(ports_.storage.verify_chain(ports_.catalog, *layer.parent));
    }
    AMIVIRT_TRY_CONTEXT(
        ports_.storage.store().create(layer.id, layer.parent, layer.virtual_size, volume.encrypted ? Encrypted::yes : Encrypted::no),
        fmt::format("making volume {}", volume.id.str()));
    AMIVIRT_TRY(ports_.storage.store().persist({layer.id}));
    fault_point("volume.made");
    AMIVIRT_TRY(operation->finish([&](CatalogSession& session) -> Result<void> {
        volume.state = AMIVIRT_TRY(next(VolumeState::creating, VolumeEvent::created));
        layer.state = LayerState::writable;
        AMIVIRT_TRY(session.layers().update(layer));
        return session.volumes().update(volume);
    }));
    revert.commit();
    return volume;
}

Result<void> Volumes::undo_create(ActiveOperation& operation) {
    if (operation.finished()) {
        return {};
    }
    const auto held = AMIVIRT_TRY(objects_of(operation.row()));
    if (held.layer) {
        AMIVIRT_TRY(ports_.storage.store().remove(*held.layer));
    }
    fault_point("volume.removed");
    // What it was to stand on may have lost its last other user meanwhile.
    AMIVIRT_TRY(operation.turn_into(OperationKind::collect_layers, [&](CatalogSession& session, Operation& row) -> Result<void> {
        AMIVIRT_TRY(session.volumes().erase(held.volume));
        if (held.layer) {
            AMIVIRT_TRY(session.layers().erase(*held.layer));
        }
        return ports_.storage.mark_unreachable(session, row);
    }));
    return ports_.storage.finish(operation);
}

Result<Volume> Volumes::attach(const AccountId& caller, const AttachVolumeRequest& request) {
    const auto id = AMIVIRT_TRY(resolve(caller, request.volume)).id;
    const auto to = AMIVIRT_TRY(ports_.instances.resolve(caller, request.instance)).id;
    AMIVIRT_TRY(ports_.storage.verify_chain(ports_.catalog, AMIVIRT_TRY(reread(id)).layer));
    Volume volume;
    auto operation = AMIVIRT_TRY(ports_.operations.begin(
        OperationKind::attach_volume, {id.str(), to.str()}, k_patience, [&](CatalogSession& session, Operation&) -> Result<void> {
            volume = AMIVIRT_TRY(find_volume(session, id));
            if (volume.attachment) {
                return Error(Code::volume_in_use, fmt::format("volume \"{}\" is attached to instance \"{}\" as {}", id.str(),
                                                              volume.attachment->instance.str(), volume.attachment->device_name));
            }
            const auto in_use = next(volume.state, VolumeEvent::attach);
            if (!in_use) {
                return Error(in_use.error().code,
                             fmt::format("volume \"{}\" cannot be attached: it is {}", id.str(), to_string(volume.state)));
            }
            const auto instance = AMIVIRT_TRY(find_instance(session, to));
            AMIVIRT_TRY(check_settled(instance, "attached to"));
            const auto device = AMIVIRT_TRY(choose_device(session, instance, request.device));
            volume.state = *in_use;
            volume.attachment =
                Attachment{to, device, same_device(device, instance.root_device_name), request.delete_on_termination, ports_.clock.now()};
            return session.volumes().update(volume);
        }));
    Revert revert(logged(ports_.log, "volumes"));
    revert.push("settle an attachment that failed", [&] {
        clear_interrupt();
        return settle_attachment(*operation);
    });
    AMIVIRT_TRY_CONTEXT(on_running(ports_.live.attach(to, disk_of(volume, ports_.storage.store()))),
                        fmt::format("attaching volume {} to {}", id.str(), to.str()));
    fault_point("attach.plugged");
    AMIVIRT_TRY(operation->finish([](CatalogSession&) -> Result<void> { return {}; }));
    revert.commit();
    return volume;
}

Result<Volume> Volumes::detach(const AccountId& caller, const std::string& id_or_name, Duration patience) {
    const auto seen = AMIVIRT_TRY(resolve(caller, id_or_name));
    if (!seen.attachment) {
        return seen;
    }
    const auto from = seen.attachment->instance;
    bool is_root = false;
    auto operation = AMIVIRT_TRY(ports_.operations.begin(
        OperationKind::detach_volume, {seen.id.str(), from.str()}, k_patience,
        [&](CatalogSession& session, Operation& row) -> Result<void> {
            const auto volume = AMIVIRT_TRY(find_volume(session, seen.id));
            if (!volume.attachment) {
                row.objects.clear();
                return {};
            }
            if (volume.attachment->instance != from) {
                return Error(Code::incorrect_state, fmt::format("volume \"{}\" has just been attached to instance \"{}\"", seen.id.str(),
                                                                volume.attachment->instance.str()));
            }
            const auto instance = AMIVIRT_TRY(find_instance(session, from));
            AMIVIRT_TRY(check_settled(instance, "detached from"));
            is_root = volume.attachment->is_root;
            return {};
        }));
    if (!operation) {
        return reread(seen.id);
    }
    Revert revert(logged(ports_.log, "volumes"));
    revert.push("settle a detachment that failed", [&] {
        clear_interrupt();
        return settle_attachment(*operation);
    });
    if (is_root && AMIVIRT_TRY(ports_.live.attached(from))) {
        return Error(Code::operation_not_permitted,
                     fmt::format("volume \"{}\" is the root of instance \"{}\", which is running", seen.id.str(), from.str()),
                     fmt::format("amivirt stop {}", from.str()));
    }
    if (auto let_go = on_running(ports_.live.detach(from, serial_of(seen.id), patience)); !let_go) {
        if (let_go.error().code == Code::timed_out) {
            let_go.error().hint = fmt::format(
                "it stays attached until the guest does: the same command again waits on, and `amivirt reboot --force {}` ends a hung one",
                from.str());
        }
        return std::move(let_go.error()).with_context(fmt::format("detaching volume {} from {}", seen.id.str(), from.str()));
    }
    fault_point("detach.unplugged");
    AMIVIRT_TRY(operation->finish([&](CatalogSession& session) { return drop_attachment(session, seen.id); }));
    revert.commit();
    return reread(seen.id);
}

Result<void> Volumes::drop_attachment(CatalogSession& session, const VolumeId& id) {
    auto volume = AMIVIRT_TRY(session.volumes().find(id));
    if (volume && volume->attachment) {
        volume->attachment.reset();
        volume->state = AMIVIRT_TRY(next(volume->state, VolumeEvent::detach));
        AMIVIRT_TRY(session.volumes().update(*volume));
    }
    return {};
}

/// The dead process may have asked the guest to let go: it would, at some later moment, and nobody would write that down.
Result<void> Volumes::go_on_detaching(ActiveOperation& operation) {
    const auto held = AMIVIRT_TRY(objects_of(operation.row()));
    if (held.instance) {
        if (auto gone = on_running(ports_.live.detach(*held.instance, serial_of(held.volume), k_recovery_patience));
            !gone && gone.error().code != Code::timed_out) {
            return std::move(gone.error());
        }
    }
    return {};
}

/// After an attach or detach that did not come to its end: a running domain says what is. Where none runs, neither leaves the volume
/// attached: an attach was not acknowledged, and there is no guest that would have to let go.
Result<void> Volumes::settle_attachment(ActiveOperation& operation) {
    if (operation.finished()) {
        return {};
    }
    const auto held = AMIVIRT_TRY(objects_of(operation.row()));
    bool attached = false;
    if (held.instance) {
        if (const auto disks = AMIVIRT_TRY(ports_.live.attached(*held.instance))) {
            attached =
                std::any_of(disks->begin(), disks->end(), [&](const LiveDisk& disk) { return disk.serial == serial_of(held.volume); });
        }
    }
    return operation.finish(
        [&](CatalogSession& session) -> Result<void> { return attached ? Result<void>{} : drop_attachment(session, held.volume); });
}

Result<Volume> Volumes::modify(const AccountId& caller, const std::string& id_or_name, const ModifyVolumeRequest& request) {
    const auto seen = AMIVIRT_TRY(resolve(caller, id_or_name));
    std::vector<std::string> objects{seen.id.str()};
    if (seen.attachment) {
        objects.push_back(seen.attachment->instance.str());
    }
    Volume before;
    Volume after;
    auto operation = AMIVIRT_TRY(ports_.operations.begin(
        OperationKind::modify_volume, objects, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            before = AMIVIRT_TRY(find_volume(session, seen.id));
            if (before.attachment.has_value() != seen.attachment.has_value() ||
                (before.attachment && before.attachment->instance != seen.attachment->instance)) {
                return Error(Code::incorrect_state, fmt::format("volume \"{}\" has just been attached or detached", seen.id.str()));
            }
            if (before.state != VolumeState::available && before.state != VolumeState::in_use) {
                return Error(Code::incorrect_state,
                             fmt::format("volume \"{}\" cannot be modified: it is {}", seen.id.str(), to_string(before.state)));
            }
            after = AMIVIRT_TRY(modified(before, request));
            if (before.attachment) {
                const auto instance = AMIVIRT_TRY(find_instance(session, before.attachment->instance));
                AMIVIRT_TRY(check_settled(instance, "modified while attached to"));
            }
            if (after.size == before.size && after.type == before.type && after.iops == before.iops &&
                after.throughput == before.throughput) {
                row.objects.clear();
            }
            return {};
        }));
    if (!operation) {
        return before;
    }
    Revert revert(logged(ports_.log, "volumes"));
    revert.push("settle a modification that failed", [&] {
        clear_interrupt();
        return settle_size(*operation);
    });
    const auto serial = serial_of(seen.id);
    if (after.size != before.size) {
        bool live = false;
        if (before.attachment) {
            auto resized = on_running(ports_.live.resize(before.attachment->instance, serial, after.size.bytes()));
            if (!resized && resized.error().code == Code::invalid_attachment_not_found) {
                resized.error().hint =
                    fmt::format("its guest let go of it: `amivirt volume detach {}`, then attach it again", seen.id.str());
            }
            live = AMIVIRT_TRY(std::move(resized));
        }
        if (!live) {
            AMIVIRT_TRY(ports_.storage.store().grow(before.layer, after.size.bytes()));
        }
        fault_point("modify.grown");
    }
    if (before.attachment && (after.iops != before.iops || after.throughput != before.throughput)) {
        AMIVIRT_TRY(on_running(ports_.live.tune(before.attachment->instance, serial, after.iops, after.throughput)));
        fault_point("modify.tuned");
    }
    AMIVIRT_TRY(operation->finish([&](CatalogSession& session) -> Result<void> {
        auto layer = AMIVIRT_TRY(session.layers().find(after.layer));
        auto row = AMIVIRT_TRY(session.volumes().find(after.id));
        if (!layer || !row) {
            return Error(Code::store_corrupt, fmt::format("the record of {} or its layer is gone", after.id.str()));
        }
        layer->virtual_size = after.size.bytes();
        row->size = after.size;
        row->type = after.type;
        row->iops = after.iops;
        row->throughput = after.throughput;
        AMIVIRT_TRY(session.volumes().update(*row));
        if (request.with_change) {
            AMIVIRT_TRY(request.with_change(session, before, *row));
        }
        return session.layers().update(*layer);
    }));
    revert.commit();
    return after;
}

Result<Volume> Volumes::modified(const Volume& before, const ModifyVolumeRequest& request) {
    Faults faults;
    Volume after = before;
    after.type = request.type.value_or(before.type);
    if (after.type != before.type) {  // a new type begins with its own defaults
        after.iops.reset();
        after.throughput.reset();
    }
    after.size = request.size.value_or(before.size);
    after.iops = request.iops ? request.iops : after.iops;
    after.throughput = request.throughput ? request.throughput : after.throughput;
    if (after.size < before.size) {
        faults.add({Code::invalid_parameter_value, fmt::format("volume \"{}\" has {} GiB and cannot shrink to {} GiB", before.id.str(),
                                                               before.size.count, after.size.count)});
    }
    EbsDevice device;
    device.size = after.size;
    device.type = after.type;
    device.iops = after.iops;
    device.throughput = after.throughput;
    std::vector<Error> limits;
    check_limits(fmt::format("volume \"{}\"", before.id.str()), device, limits);
    for (auto& fault : limits) {
        faults.add(std::move(fault));
    }
    if (!faults.none()) {
        return faults.error(fmt::format("this change of volume \"{}\"", before.id.str()));
    }
    return after;
}

/// After a modification that did not come to its end: the file says how large the disk is, and the limits go back to what the catalog says.
Result<void> Volumes::settle_size(ActiveOperation& operation) {
    if (operation.finished()) {
        return {};
    }
    const auto held = AMIVIRT_TRY(objects_of(operation.row()));
    const auto volume = AMIVIRT_TRY(reread(held.volume));
    const auto file = AMIVIRT_TRY(ports_.storage.store().look(volume.layer));
    if (held.instance) {
        AMIVIRT_TRY(on_having(ports_.live.tune(*held.instance, serial_of(volume.id), volume.iops, volume.throughput)));
    }
    return operation.finish([&](CatalogSession& session) -> Result<void> {
        auto row = AMIVIRT_TRY(session.volumes().find(volume.id));
        auto layer = AMIVIRT_TRY(session.layers().find(volume.layer));
        if (!file || !row || !layer) {
            return {};  // fsck names it
        }
        row->size = GiB::holding(file->virtual_size);
        layer->virtual_size = file->virtual_size;
        AMIVIRT_TRY(session.volumes().update(*row));
        return session.layers().update(*layer);
    });
}

Result<Volume> Volumes::remove(const AccountId& caller, const std::string& id_or_name) {
    const auto id = AMIVIRT_TRY(resolve(caller, id_or_name)).id;
    Volume volume;
    auto operation = AMIVIRT_TRY(ports_.operations.begin(
        OperationKind::collect_layers, {id.str()}, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            volume = AMIVIRT_TRY(find_volume(session, id));
            if (volume.attachment) {
                return Error(Code::volume_in_use,
                             fmt::format("volume \"{}\" is attached to instance \"{}\" as {}", id.str(), volume.attachment->instance.str(),
                                         volume.attachment->device_name),
                             fmt::format("amivirt volume detach {}", id.str()));
            }
            const auto deleting = AMIVIRT_TRY(next(volume.state, VolumeEvent::remove));
            volume.state = AMIVIRT_TRY(next(deleting, VolumeEvent::removed));
            AMIVIRT_TRY(session.volumes().erase(id));
            row.objects.clear();
            return ports_.storage.mark_unreachable(session, row);
        }));
    if (operation) {
        AMIVIRT_TRY_CONTEXT(ports_.storage.finish(*operation), fmt::format("deleting volume {}", id.str()));
    }
    return volume;
}

Result<Volume> Volumes::set_delete_on_termination(const AccountId& caller, const std::string& instance, const std::string& device,
                                                  DeleteOnTermination value) {
    const auto id = AMIVIRT_TRY(ports_.instances.resolve(caller, instance)).id;
    std::optional<Volume> changed;
    // Claimed, so that no operation on the instance overwrites it with what it read before.
    AMIVIRT_TRY(ports_.operations.begin(
        OperationKind::modify_volume, {id.str()}, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            row.objects.clear();
            for (auto& volume : volumes_of(id, AMIVIRT_TRY(session.volumes().list()).records)) {
                if (same_device(volume.attachment->device_name, device) && !volume.instance_store) {
                    volume.attachment->delete_on_termination = value == DeleteOnTermination::yes;
                    AMIVIRT_TRY(session.volumes().update(volume));
                    changed = std::move(volume);
                    return {};
                }
            }
            return Error(Code::invalid_attachment_not_found, fmt::format("instance \"{}\" has no volume at \"{}\"", id.str(), device),
                         fmt::format("`amivirt instance show {}` lists its devices", id.str()));
        }));
    return std::move(*changed);
}

Result<void> Volumes::recover(ActiveOperation& operation) {
    switch (operation.row().kind) {
        case OperationKind::create_volume:
            return undo_create(operation);
        case OperationKind::detach_volume:
            AMIVIRT_TRY(go_on_detaching(operation));
            return settle_attachment(operation);
        case OperationKind::attach_volume:
            return settle_attachment(operation);
        case OperationKind::modify_volume:
            return settle_size(operation);
        default:
            return Error(Code::internal_error, fmt::format("{} is not an operation on volumes", to_string(operation.row().kind)));
    }
}

}  // namespace amivirt
