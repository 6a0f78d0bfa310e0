#include "amivirt/services/capture.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/domain/device_name.hpp"
#include "amivirt/domain/signing.hpp"
#include "amivirt/services/image_extras.hpp"
#include "capture_mapping.hpp"
#include "faults.hpp"
#include "guest_care.hpp"
#include "machine.hpp"
#include "promised.hpp"
#include "revert_log.hpp"
#include "sealing.hpp"
#include "snapshot_signer.hpp"
#include "snapshot_use.hpp"

namespace amivirt {

namespace {

constexpr Duration k_grace = std::chrono::seconds(120);
constexpr Duration k_poll{100};
/// How long after a killed process asked a guest to shut down it is still awaited.
constexpr Duration k_goes_down = std::chrono::seconds(30);
/// Held beside the instance while it is to be booted again: "reboot i-... GRACE", in milliseconds.
constexpr std::string_view k_reboot = "reboot ";

std::string reboot_mark(const InstanceId& id, Duration grace) { return fmt::format("{}{} {}", k_reboot, id.str(), grace.count()); }

struct Objects {
    std::optional<ImageId> image;
    SealingObjects sealing;
    std::string reboot;  ///< the mark; "" none
    Duration grace{};
};

Result<Objects> objects_of(const Operation& row) {
    Objects objects;
    objects.sealing = AMIVIRT_TRY(sealing_objects(row));
    for (const auto& object : row.objects) {
        if (ImageId::looks_like(object)) {
            objects.image = AMIVIRT_TRY(ImageId::parse(object));
        } else if (object.starts_with(k_reboot)) {
            objects.reboot = object;
            std::int64_t grace = 0;
            std::from_chars(object.data() + object.rfind(' ') + 1, object.data() + object.size(), grace);
            objects.grace = Duration{grace};
        }
    }
    return objects;
}

/// What an image takes over from the one that stands behind it. All else begins anew.
Image inherit(const Image& source) {
    Image image;
    image.architecture = source.architecture;
    image.boot_mode = source.boot_mode;
    image.platform = source.platform;
    image.platform_details = source.platform_details;
    image.distribution = source.distribution;
    image.os_version = source.os_version;
    image.default_user = source.default_user;
    image.root_device_name = source.root_device_name;
    image.root_device_type = source.root_device_type;
    image.mapping = source.mapping;
    image.signer = source.signer;  // what nobody vouched for is no better for having been booted once
    return image;
}

Error wrong_state(const Instance& instance) {
    return {Code::incorrect_instance_state,
            fmt::format("no image can be made of instance \"{}\": it is {}", instance.id.str(), to_string(instance.state)),
            instance.state == InstanceState::terminated ? "" : "it must be running or stopped"};
}

Result<void> check_instance(const Instance& instance) {
    if (instance.state != InstanceState::running && instance.state != InstanceState::stopped) {
        return wrong_state(instance);
    }
    if (instance.root_device_type == RootDeviceType::instance_store) {
        return Error(Code::unsupported_operation,
                     fmt::format("The instance '{}' does not have an 'ebs' root device type and no image can be created from it",
                                 instance.id.str()));
    }
    return {};
}

Result<void> check_request(const CreateImageRequest& request) {
    Faults faults;
    faults.check(check_image_name(request.name));
    faults.check(check_description(request.description));
    faults.check(check_tags(request.tags));
    faults.check(check_tags(request.snapshot_tags));
    if (request.quiesce == Quiesce::yes && request.reboot == Reboot::yes) {
        faults.add({Code::invalid_parameter_combination, "a guest that is shut down for its image is not frozen besides",
                    "it is frozen where the image is made without a reboot"});
    }
    if (!faults.none()) {
        return faults.error("this image");
    }
    return {};
}

/// What the volumes were made of.
std::vector<SnapshotId> origins_of(const std::vector<Volume>& volumes) {
    std::vector<SnapshotId> origins;
    for (const auto& volume : volumes) {
        if (volume.snapshot) {
            origins.push_back(*volume.snapshot);
        }
    }
    return origins;
}

/// libguestfs is shown the root alone: on other volumes anything may lie.
void tell_of_others(const Image& image, std::string_view done, Progress& progress) {
    std::vector<std::string> others;
    for (const auto& device : image.mapping) {
        const auto* ebs = std::get_if<EbsDevice>(&device.what);
        if (ebs != nullptr && ebs->snapshot && !same_device(device.device_name, image.root_device_name)) {
            others.push_back(device.device_name);
        }
    }
    if (!others.empty()) {
        progress.note(fmt::format("only the root of {} is {}, not its other volume{} {}", image.id.str(), done,
                                  others.size() == 1 ? "" : "s", fmt::join(others, ", ")));
    }
}

Error encrypted_root(const std::string& what) {
    return {Code::unsupported_operation, fmt::format("the root of {} is encrypted: libguestfs cannot look into it", what)};
}

}  // namespace

struct Capture::Work {
    Image image;
    ImageExtras extras;              ///< of the image that stands behind it
    std::vector<Sealing> sealings;   ///< root first; none where an image is made of an image
    std::optional<Snapshot> root;    ///< whose layer is worked on anew
    std::optional<Layer> layer;      ///< the new one, over the root's
    std::optional<InstanceId> boot;  ///< shut down, to be booted again
    Duration grace{};
};

Result<Capture::Work> Capture::reserve(CatalogSession& session, Operation& row, const AccountId& caller, const CreateImageRequest& request,
                                       const Image& image, const InstanceId& id, const std::vector<VolumeId>& volumes) {
    const auto instance = AMIVIRT_TRY(session.instances().find(id));
    if (!instance) {
        return Error(Code::invalid_instance_id_not_found, fmt::format("instance \"{}\" not found", id.str()));
    }
    AMIVIRT_TRY(check_instance(*instance));
    AMIVIRT_TRY(check_own_snapshots(session, caller, request.mapping));
    const auto now = captured(volumes_of(id, AMIVIRT_TRY(session.volumes().list()).records), request.mapping);
    if (!std::equal(now.begin(), now.end(), volumes.begin(), volumes.end(), [](const Volume& a, const VolumeId& b) { return a.id == b; })) {
        return Error(Code::incorrect_state, fmt::format("the volumes of instance \"{}\" have just become others", id.str()), "try again");
    }
    const auto source = AMIVIRT_TRY(session.images().find(instance->image));

    Work work;
    work.image = source ? inherit(*source) : Image{};
    work.extras = source ? AMIVIRT_TRY(ImageExtrasBook::read(session, source->id)) : ImageExtras();
    if (!source) {
        work.image.boot_mode = instance->firmware == Firmware::uefi ? BootMode::uefi : BootMode::legacy_bios;
    }
    work.image.id = image.id;
    work.image.owner = caller;
    work.image.name = request.name;
    work.image.description = request.description;
    work.image.tags = request.tags;
    work.image.created = ports_.clock.now();
    work.image.architecture = instance->architecture;
    work.image.root_device_name = instance->root_device_name;
    work.image.root_device_type = RootDeviceType::ebs;
    work.image.source_image = instance->image;
    work.image.source_region = ports_.region;
    work.image.source_instance = id;
    work.image.signer = joint_signer(work.image.signer, AMIVIRT_TRY(signer_of(session, origins_of(now))));
    work.image.signer = joint_signer(work.image.signer, AMIVIRT_TRY(signer_of(session, request.mapping)));
    work.image.mapping = AMIVIRT_TRY(mapping_of(*instance, now, source ? source->mapping : BlockDeviceMapping{}, request.mapping));

    Snapshot model;
    model.owner = caller;
    model.created = work.image.created;
    model.tags = request.snapshot_tags;
    model.description = fmt::format("Created by CreateImage({}) for {}", id.str(), image.id.str());
    work.sealings = AMIVIRT_TRY(reserve_sealings(session, row, ports_.ids, model, volumes, id));
    for (auto& entry : work.image.mapping) {
        auto* ebs = std::get_if<EbsDevice>(&entry.what);
        for (const auto& sealing : work.sealings) {
            if (ebs != nullptr && same_device(entry.device_name, sealing.volume.attachment->device_name)) {
                ebs->snapshot = sealing.snapshot.id;
            }
        }
    }
    AMIVIRT_TRY(put_pending(session, session.images(), work.image, request.promise));
    if (request.generalize == Generalize::yes) {
        const auto& root = work.sealings.front();
        work.root = root.snapshot;
        work.layer = Layer{};
        work.layer->id = make_id<LayerId>(ports_.ids);
        work.layer->parent = root.snapshot.layer;
        work.layer->virtual_size = root.top.virtual_size;
        work.layer->created = work.image.created;
    }
    if (instance->state == InstanceState::running && request.reboot == Reboot::yes) {
        work.boot = id;
        work.grace = request.grace.value_or(k_grace);
        row.objects.push_back(reboot_mark(id, work.grace));
    }
    return work;
}

Result<Image> Capture::create(const AccountId& caller, const CreateImageRequest& request, Progress& progress) {
    AMIVIRT_TRY(check_request(request));
    const auto id = AMIVIRT_TRY(ports_.instances.resolve(caller, request.instance)).id;
    // A description writes down what libvirt says: a guest that has switched itself off is not booted for its image.
    InstanceQuery query;
    query.ids_or_names = {id.str()};
    query.include_terminated = true;
    const auto listing = AMIVIRT_TRY(ports_.instances.describe(caller, query));
    if (listing.hypervisor_error) {
        return *listing.hypervisor_error;
    }
    if (listing.views.empty()) {
        return Error(Code::invalid_instance_id_not_found, fmt::format("instance \"{}\" not found", request.instance));
    }
    const auto& view = listing.views.front();
    AMIVIRT_TRY(check_instance(view.instance));
    const auto volumes = captured(view.volumes, request.mapping);
    if (view.volumes.empty() || !view.volumes.front().attachment->is_root) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("Instance {} does not have a volume attached at root ({})", id.str(), view.instance.root_device_name));
    }
    AMIVIRT_TRY(mapping_of(view.instance, volumes, {}, request.mapping));
    if (request.generalize == Generalize::yes && volumes.front().encrypted) {
        return encrypted_root(fmt::format("instance \"{}\"", id.str()));
    }

    Image image;
    image.id = request.promise.again ? *request.promise.again : make_id<ImageId>(ports_.ids);
    std::vector<VolumeId> ids;
    std::vector<std::string> objects{image.id.str(), id.str()};
    for (const auto& volume : volumes) {
        ids.push_back(volume.id);
        objects.push_back(volume.id.str());
    }
    Work work;
    auto operation = AMIVIRT_TRY(ports_.operations.begin(OperationKind::create_image, objects, k_patience,
                                                         [&](CatalogSession& session, Operation& row) -> Result<void> {
                                                             work = AMIVIRT_TRY(reserve(session, row, caller, request, image, id, ids));
                                                             return {};
                                                         }));
    if (request.on_reserved) {
        request.on_reserved(work.image);
    }
    auto made = make(*operation, work, id, request, progress);
    if (!made && request.on_reserved) {
        leave_failed(ports_.catalog, &CatalogSession::images, work.image, made.error(), ports_.log);
    }
    return made;
}

Result<Image> Capture::make(ActiveOperation& operation, Work& work, const InstanceId& id, const CreateImageRequest& request,
                            Progress& progress) {
    Revert revert(logged(ports_.log, "capture"));
    revert.push("undo an image that failed", [&] {
        clear_interrupt();
        return settle(operation);
    });
    if (work.boot) {
        progress.phase("shutting down", std::nullopt);
        AMIVIRT_TRY_CONTEXT(ports_.instances.power_down(id, work.grace, work.grace == Duration{0} ? Force::yes : Force::no),
                            fmt::format("shutting down {}", id.str()));
        fault_point("image.down");
    }
    AMIVIRT_TRY(move_over(ports_.storage.store(), ports_.live, work.sealings, id, work.boot ? Quiesce::no : request.quiesce, ports_.log));
    check_interrupt();
    AMIVIRT_TRY(record(operation, work));
    if (work.boot) {
        progress.phase("booting", std::nullopt);
        AMIVIRT_TRY(boot_again(operation, progress));
    }
    if (work.layer) {
        progress.phase("generalizing", std::nullopt);
        tell_of_others(work.image, "generalized", progress);
        AMIVIRT_TRY(rework(work, generalize));
        AMIVIRT_TRY(publish(operation, work));
    }
    revert.commit();
    ports_.log.write(LogLevel::info, "capture", fmt::format("{} \"{}\" of {} is available", work.image.id.str(), request.name, id.str()));
    return work.image;
}

/// The snapshots are taken: written down, with the image unless its root is still to be worked on.
Result<void> Capture::record(ActiveOperation& operation, Work& work) {
    const auto objects = AMIVIRT_TRY(sealing_objects(operation.row()));
    const auto sealed = AMIVIRT_TRY(seal_all(ports_.catalog, ports_.storage.store(), objects.snapshots));
    return operation.turn_into(OperationKind::create_image, [&](CatalogSession& session, Operation& row) -> Result<void> {
        AMIVIRT_TRY(record_tops(session, sealed, objects.layers));
        if (work.boot) {
            row.objects = {work.boot->str(), reboot_mark(*work.boot, work.grace)};
        }
        if (!work.layer) {
            return make_available(session, work, objects.snapshots);
        }
        AMIVIRT_TRY(session.layers().insert(*work.layer));
        row.objects.push_back(work.image.id.str());
        row.objects.push_back(work.layer->id.str());
        for (const auto& snapshot : objects.snapshots) {
            row.objects.push_back(snapshot.str());
        }
        return {};
    });
}

Result<void> Capture::make_available(CatalogSession& session, Work& work, const std::vector<SnapshotId>& snapshots) {
    for (const auto& id : snapshots) {
        auto snapshot = AMIVIRT_TRY(session.snapshots().find(id));
        if (!snapshot) {
            return Error(Code::store_corrupt, fmt::format("the record of {} is gone", id.str()));
        }
        snapshot->state = SnapshotState::completed;
        if (work.root && work.root->id == id) {
            snapshot->layer = work.layer->id;
        }
        AMIVIRT_TRY(session.snapshots().update(*snapshot));
    }
    Image image = work.image;
    image.state = AMIVIRT_TRY(next(image.state, ImageEvent::ready));
    AMIVIRT_TRY(put_made(session.images(), image));
    AMIVIRT_TRY(ImageExtrasBook::inherit(session, image, work.extras, image.created));
    work.image = std::move(image);
    return {};
}

/// Makes the new layer over the root's and lets `body` work on it.
Result<void> Capture::rework(const Work& work, const GuestDisks::Body& body) {
    auto& store = ports_.storage.store();
    AMIVIRT_TRY(store.create(work.layer->id, work.layer->parent, work.layer->virtual_size, Encrypted::no));
    fault_point("image.layer");
    AMIVIRT_TRY_CONTEXT(ports_.guests.visit(store.source(work.layer->id), GuestDisks::Access::write, body),
                        fmt::format("working on the root of {}", work.image.id.str()));
    fault_point("image.reworked");
    check_interrupt();
    return {};
}

Result<void> Capture::publish(ActiveOperation& operation, Work& work) {
    const auto objects = AMIVIRT_TRY(sealing_objects(operation.row()));
    work.layer->seal = AMIVIRT_TRY(ports_.storage.store().seal(work.layer->id));
    work.layer->state = LayerState::sealed;
    fault_point("image.sealed");
    return operation.finish([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.layers().update(*work.layer));
        return make_available(session, work, objects.snapshots);
    });
}

/// Whoever was shut down for an image runs again; where that cannot be, it is stopped, and told.
Result<void> Capture::boot_again(ActiveOperation& operation, Progress& progress) {
    const auto objects = AMIVIRT_TRY(objects_of(operation.row()));
    const auto& id = *objects.sealing.instance;
    const auto booted = ports_.instances.power_up(id, progress);
    fault_point("image.booted");
    if (!booted) {
        if (booted.error().code == Code::hypervisor_unavailable) {
            return booted;
        }
        progress.note(fmt::format("{} is stopped: {}", id.str(), describe(booted.error())));
        ports_.log.write(LogLevel::warning, "capture", fmt::format("{} could not be booted again: {}", id.str(), describe(booted.error())));
    }
    auto rest = operation.row().objects;
    std::erase_if(rest, [&](const std::string& object) { return object == id.str() || object == objects.reboot; });
    return operation.turn_into(OperationKind::create_image, [&](CatalogSession&, Operation& row) -> Result<void> {
        row.objects = rest;
        return {};
    });
}

Result<void> Capture::undo_snapshots(ActiveOperation& operation) {
    const auto objects = AMIVIRT_TRY(objects_of(operation.row()));
    auto& store = ports_.storage.store();
    bool goes_down = false;
    if (!objects.reboot.empty()) {
        // Asked to shut down, it goes off at some moment, and is booted again after that.
        const auto until = operation.row().started + std::min(objects.grace, k_goes_down);
        while (AMIVIRT_TRY(ports_.live.attached(*objects.sealing.instance)) && ports_.clock.now() < until) {
            ports_.clock.sleep(k_poll);
        }
        goes_down = AMIVIRT_TRY(ports_.live.attached(*objects.sealing.instance)).has_value();
    }
    // A guest that has gone over writes to the new layers: they stay, without the snapshots.
    const bool over = AMIVIRT_TRY(went_over(store, ports_.live, objects.sealing));
    Sealed sealed;
    if (over) {
        sealed = AMIVIRT_TRY(seal_all(ports_.catalog, store, objects.sealing.snapshots));
    } else {
        for (const auto& top : objects.sealing.layers) {
            AMIVIRT_TRY(store.remove(top));
            fault_point("image.undone");
        }
    }
    return operation.turn_into(OperationKind::create_image, [&](CatalogSession& session, Operation& row) -> Result<void> {
        if (over) {
            AMIVIRT_TRY(record_tops(session, sealed, objects.sealing.layers));
        }
        if (auto instance = goes_down ? AMIVIRT_TRY(session.instances().find(*objects.sealing.instance)) : std::optional<Instance>();
            instance && instance->state == InstanceState::running) {
            set_asked_to_stop(*instance);
            AMIVIRT_TRY(session.instances().update(*instance));
        }
        if (objects.image) {
            AMIVIRT_TRY(withdraw(session, session.images(), *objects.image));
        }
        for (const auto& id : objects.sealing.snapshots) {
            AMIVIRT_TRY(session.snapshots().erase(id));
        }
        for (const auto& id : over ? std::vector<LayerId>{} : objects.sealing.layers) {
            AMIVIRT_TRY(session.layers().erase(id));
        }
        if (!objects.reboot.empty()) {
            row.objects = {objects.sealing.instance->str(), objects.reboot};
        }
        return {};
    });
}

Result<void> Capture::undo_image(ActiveOperation& operation) {
    const auto objects = AMIVIRT_TRY(objects_of(operation.row()));
    for (const auto& layer : objects.sealing.layers) {
        AMIVIRT_TRY(ports_.storage.store().remove(layer));
        fault_point("image.undone");
    }
    AMIVIRT_TRY(operation.turn_into(OperationKind::collect_layers, [&](CatalogSession& session, Operation& row) -> Result<void> {
        if (objects.image) {
            AMIVIRT_TRY(withdraw(session, session.images(), *objects.image));
        }
        for (const auto& id : objects.sealing.snapshots) {
            AMIVIRT_TRY(session.snapshots().erase(id));
        }
        for (const auto& id : objects.sealing.layers) {
            AMIVIRT_TRY(session.layers().erase(id));
        }
        return ports_.storage.mark_unreachable(session, row);
    }));
    return ports_.storage.finish(operation);
}

/// What the operation holds tells how far it came: volumes until the snapshots are taken, then what is to be booted, then what is to be
/// worked on.
Result<void> Capture::settle(ActiveOperation& operation) {
    if (operation.finished()) {
        return {};
    }
    if (operation.row().kind == OperationKind::collect_layers) {
        return ports_.storage.finish(operation);
    }
    if (!AMIVIRT_TRY(objects_of(operation.row())).sealing.volumes.empty()) {
        AMIVIRT_TRY(undo_snapshots(operation));
    }
    if (!operation.finished() && !AMIVIRT_TRY(objects_of(operation.row())).reboot.empty()) {
        SilentProgress silent;
        AMIVIRT_TRY(boot_again(operation, silent));
    }
    return operation.finished() ? Result<void>{} : undo_image(operation);
}

Result<void> Capture::recover(ActiveOperation& operation) { return settle(operation); }

Result<Snapshot> Capture::root_snapshot(CatalogSession& session, const Image& image) {
    const auto* entry = entry_for(image.mapping, image.root_device_name);
    const auto* ebs = entry == nullptr ? nullptr : std::get_if<EbsDevice>(&entry->what);
    auto snapshot = ebs != nullptr && ebs->snapshot ? AMIVIRT_TRY(session.snapshots().find(*ebs->snapshot)) : std::optional<Snapshot>{};
    if (!snapshot || snapshot->state != SnapshotState::completed) {
        return Error(Code::invalid_snapshot_not_found, fmt::format("the root snapshot of image \"{}\" is not there", image.id.str()));
    }
    if (snapshot->encrypted) {
        return encrypted_root(fmt::format("image \"{}\"", image.id.str()));
    }
    return std::move(*snapshot);
}

Result<DiskSource> Capture::root_of(const Image& image) {
    std::optional<Snapshot> snapshot;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        snapshot = AMIVIRT_TRY(root_snapshot(session, image));
        return {};
    }));
    AMIVIRT_TRY(ports_.storage.verify_chain(ports_.catalog, snapshot->layer));
    return ports_.storage.store().source(snapshot->layer);
}

Result<LintReport> Capture::lint(const AccountId& caller, const std::string& id_or_name, Progress& progress) {
    LintReport report;
    report.image = AMIVIRT_TRY(ports_.images.resolve(caller, id_or_name));
    const auto disk = AMIVIRT_TRY(root_of(report.image));
    tell_of_others(report.image, "looked into", progress);
    progress.phase("looking", std::nullopt);
    AMIVIRT_TRY(ports_.guests.visit(disk, GuestDisks::Access::read, [&](GuestFileSystem& files) -> Result<void> {
        report.findings = AMIVIRT_TRY(amivirt::lint(files));
        return {};
    }));
    return report;
}

Result<LintReport> Capture::clean(const AccountId& caller, const std::string& id_or_name, const std::string& name, Progress& progress) {
    AMIVIRT_TRY(check_image_name(name));
    LintReport report;
    report.image = AMIVIRT_TRY(ports_.images.resolve(caller, id_or_name));
    AMIVIRT_TRY(authorize(ImageAction::modify, report.image, caller, ports_.clock.now()));
    AMIVIRT_TRY(root_of(report.image));
    tell_of_others(report.image, "cleaned", progress);

    Work work;
    work.image = inherit(report.image);
    work.image.id = make_id<ImageId>(ports_.ids);
    work.image.owner = caller;
    work.image.name = name;
    work.image.description = report.image.description;
    work.image.tags = report.image.tags;
    work.image.created = ports_.clock.now();
    work.image.source_image = report.image.id;
    work.image.source_region = ports_.region;
    work.image.source_instance = report.image.source_instance;
    work.layer = Layer{};
    work.layer->id = make_id<LayerId>(ports_.ids);
    work.layer->created = work.image.created;
    work.root = Snapshot{};
    work.root->id = make_id<SnapshotId>(ports_.ids);
    auto operation = AMIVIRT_TRY(ports_.operations.begin(
        OperationKind::create_image, {work.image.id.str(), work.root->id.str(), work.layer->id.str()}, k_patience,
        [&](CatalogSession& session, Operation&) -> Result<void> {
            // It may have been deregistered since, with the snapshots of its other volumes, which the new image names as well.
            const auto source = AMIVIRT_TRY(session.images().find(report.image.id));
            if (!source) {
                return Error(Code::invalid_ami_id_not_found, fmt::format("image \"{}\" not found", id_or_name));
            }
            AMIVIRT_TRY(authorize(ImageAction::modify, *source, caller, ports_.clock.now()));
            AMIVIRT_TRY(check_own_snapshots(session, caller, source->mapping));
            work.extras = AMIVIRT_TRY(ImageExtrasBook::read(session, source->id));
            const auto old = AMIVIRT_TRY(root_snapshot(session, *source));
            const auto below = AMIVIRT_TRY(session.layers().find(old.layer));
            if (!below) {
                return Error(Code::store_corrupt, fmt::format("the record of layer {} is gone", old.layer.str()));
            }
            work.root->owner = caller;
            work.root->layer = old.layer;
            work.root->volume = old.volume;
            work.root->size = old.size;
            work.root->created = work.image.created;
            work.root->description = fmt::format("Cleaned for {} from {}", work.image.id.str(), report.image.id.str());
            work.layer->parent = old.layer;
            work.layer->virtual_size = below->virtual_size;
            for (auto& entry : work.image.mapping) {
                if (same_device(entry.device_name, work.image.root_device_name)) {
                    std::get<EbsDevice>(entry.what).snapshot = work.root->id;
                }
            }
            AMIVIRT_TRY(session.layers().insert(*work.layer));
            AMIVIRT_TRY(session.snapshots().insert(*work.root));
            return session.images().insert(work.image);
        }));
    Revert revert(logged(ports_.log, "capture"));
    revert.push("undo an image that failed", [&] {
        clear_interrupt();
        return settle(*operation);
    });
    progress.phase("cleaning", std::nullopt);
    AMIVIRT_TRY(rework(work, [&](GuestFileSystem& files) -> Result<void> {
        report.findings = AMIVIRT_TRY(amivirt::lint(files));
        AMIVIRT_TRY(mend(files, report.findings));
        const auto left = report.findings.empty() ? report.findings : AMIVIRT_TRY(amivirt::lint(files));
        if (!left.empty()) {
            return Error(Code::tool_failed,
                         fmt::format("\"{}\" is still there after cleaning: {}", left.front().path, left.front().message));
        }
        return {};
    }));
    if (report.findings.empty()) {
        return report;  // the image that was begun goes: it would be the same one again
    }
    AMIVIRT_TRY(publish(*operation, work));
    revert.commit();
    report.cleaned = work.image;
    return report;
}

namespace {

/// The layers below the image's root, its own on top.
Result<std::vector<LayerId>> layers_of_root(CatalogSession& session, const Image& image) {
    std::vector<LayerId> chain;
    const auto* entry = entry_for(image.mapping, image.root_device_name);
    const auto* ebs = entry == nullptr ? nullptr : std::get_if<EbsDevice>(&entry->what);
    const auto snapshot =
        ebs != nullptr && ebs->snapshot ? AMIVIRT_TRY(session.snapshots().find(*ebs->snapshot)) : std::optional<Snapshot>();
    for (std::optional<LayerId> at = snapshot ? std::optional(snapshot->layer) : std::nullopt; at;) {
        const auto layer = AMIVIRT_TRY(session.layers().find(*at));
        chain.push_back(*at);
        at = layer ? layer->parent : std::nullopt;
    }
    return chain;
}

Result<Kinship> kinship_of(Catalog& catalog, const Image& one, const Image& other) {
    Kinship kinship = Kinship::none;
    AMIVIRT_TRY(catalog.read([&](CatalogSession& session) -> Result<void> {
        const auto a = AMIVIRT_TRY(layers_of_root(session, one));
        const auto b = AMIVIRT_TRY(layers_of_root(session, other));
        kinship = std::find_first_of(a.begin(), a.end(), b.begin(), b.end()) != a.end() ? Kinship::one_base : Kinship::none;
        return {};
    }));
    return kinship;
}

}  // namespace

Result<ImageDiff> Capture::diff(const AccountId& caller, const std::string& before, const std::string& after, Progress& progress) {
    const auto first = AMIVIRT_TRY(ports_.images.resolve(caller, before));
    const auto second = AMIVIRT_TRY(ports_.images.resolve(caller, after));
    const auto disk = AMIVIRT_TRY(root_of(first));
    const auto other = AMIVIRT_TRY(root_of(second));
    ImageDiff diff;
    for (const auto* image : {&first, &second}) {
        tell_of_others(*image, "compared", progress);
    }
    if (disk.location == other.location) {
        return diff;
    }
    const auto kinship = AMIVIRT_TRY(kinship_of(ports_.catalog, first, second));
    progress.phase("comparing", std::nullopt);
    AMIVIRT_TRY(ports_.guests.visit(disk, GuestDisks::Access::read, [&](GuestFileSystem& files) {
        return ports_.guests.visit(other, GuestDisks::Access::read, [&](GuestFileSystem& others) -> Result<void> {
            diff = AMIVIRT_TRY(compare(files, others, kinship));
            return {};
        });
    }));
    return diff;
}

}  // namespace amivirt
