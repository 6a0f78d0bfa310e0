// Images out of the store as files, and back in.
#include "amivirt/services/carrying.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/domain/signing.hpp"
#include "bin_rules.hpp"
#include "faults.hpp"
#include "image_ids.hpp"
#include "machine.hpp"
#include "pins.hpp"
#include "promised.hpp"
#include "revert_log.hpp"

namespace amivirt {

namespace {

/// Among an operation's objects: all its files are whole, only their names are to be given. With the second, not to what is there already.
constexpr std::string_view k_whole = "whole:";
constexpr std::string_view k_whole_new = "whole:new:";
constexpr std::string_view k_signature_suffix = ".sig";
// What an OVA says its machine needs, which an image does not know (the size of EC2's t3.small).
constexpr unsigned k_ova_vcpus = 2;
constexpr MiB k_ova_memory{2048};

struct FormatWord {
    ExportFormat format;
    std::string_view text;
    DiskFileFormat disk;
};
constexpr std::array<FormatWord, 5> k_formats{{
    {ExportFormat::qcow2, "qcow2", DiskFileFormat::qcow2},
    {ExportFormat::raw, "raw", DiskFileFormat::raw},
    {ExportFormat::vmdk, "vmdk", DiskFileFormat::vmdk},
    {ExportFormat::vhd, "vhd", DiskFileFormat::vhd},
    {ExportFormat::ova, "ova", DiskFileFormat::stream_vmdk},
}};

bool is_path(const std::string& object) { return object.starts_with('/'); }

DiskFileFormat disk_format(ExportFormat format) {
    return std::find_if(k_formats.begin(), k_formats.end(), [&](const FormatWord& word) { return word.format == format; })->disk;
}

}  // namespace

std::string_view to_string(ExportFormat value) noexcept {
    const auto at = std::find_if(k_formats.begin(), k_formats.end(), [&](const FormatWord& word) { return word.format == value; });
    return at == k_formats.end() ? "unknown" : at->text;
}

Result<ExportFormat> parse_export_format(std::string_view text) {
    std::vector<std::string> known;
    for (const auto& word : k_formats) {
        if (word.text == text) {
            return word.format;
        }
        known.emplace_back(word.text);
    }
    const auto close = nearest(text, known);
    return Error(Code::invalid_parameter_value, fmt::format("Invalid format \"{}\" (expecting qcow2 | raw | vmdk | vhd | ova)", text),
                 close.empty() ? "" : fmt::format("did you mean \"{}\"?", close));
}

std::string_view to_string(Passage value) noexcept {
    switch (value) {
        case Passage::cloned:
            return "cloned";
        case Passage::linked:
            return "linked";
        case Passage::copied:
            break;
    }
    return "copied";
}

/// An image on its way out, and what holds its layers meanwhile.
struct Carrying::Outgoing {
    struct Volume {
        std::string device_name;
        LayerId top;
        Bytes virtual_size;
        bool flat = false;  ///< its file is complete in itself
    };
    Image image;
    std::vector<Volume> volumes;  ///< root first, then as the mapping has them
    std::vector<Pin> pins;        ///< one for each volume
};

Result<Carrying::Outgoing> Carrying::prepare_outgoing(const AccountId& caller, const std::string& wanted) {
    Outgoing outgoing;
    outgoing.image = AMIVIRT_TRY(ports_.images.resolve_to(ImageAction::export_image, caller, wanted));
    const Image& image = outgoing.image;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (const auto& device : image.mapping) {
            const auto* ebs = std::get_if<EbsDevice>(&device.what);
            if (ebs == nullptr || !ebs->snapshot) {
                continue;
            }
            const auto snapshot = AMIVIRT_TRY(session.snapshots().find(*ebs->snapshot));
            if (!snapshot) {
                return Error(Code::invalid_snapshot_not_found,
                             fmt::format("image \"{}\" names snapshot {}, which is gone", image.id.str(), ebs->snapshot->str()));
            }
            if (snapshot->encrypted) {
                return Error(Code::unsupported_operation,
                             fmt::format("snapshot {} of image \"{}\" is encrypted: what left the store would be plain", snapshot->id.str(),
                                         image.id.str()),
                             "copy the image to another region with `amivirt image copy`, which keeps it encrypted");
            }
            const auto layer = AMIVIRT_TRY(session.layers().find(snapshot->layer));
            if (!layer) {
                return Error(Code::store_corrupt, fmt::format("the record of layer {} is gone", snapshot->layer.str()), "amivirt fsck");
            }
            const Outgoing::Volume volume{device.device_name, layer->id, layer->virtual_size, !layer->parent.has_value()};
            const bool root = device.device_name == image.root_device_name;
            outgoing.volumes.insert(root ? outgoing.volumes.begin() : outgoing.volumes.end(), volume);
        }
        return {};
    }));
    if (outgoing.volumes.empty()) {
        return Error(Code::unsupported_operation, fmt::format("image \"{}\" has no volume with anything in it", image.id.str()));
    }
    for (const auto& volume : outgoing.volumes) {
        AMIVIRT_TRY(ports_.storage.verify_chain(ports_.catalog, volume.top));
        outgoing.pins.push_back({make_id<LayerId>(ports_.ids), volume.top});
    }
    return outgoing;
}

Result<std::unique_ptr<ActiveOperation>> Carrying::begin_outgoing(OperationKind kind, const std::vector<std::string>& files,
                                                                  const Outgoing& outgoing) {
    auto operation = AMIVIRT_TRY(ports_.operations.begin(kind, files, k_patience, [&](CatalogSession& session, Operation& row) {
        return put_pins(session, row, outgoing.pins, ports_.clock.now());
    }));
    fault_point("carry.pinned");
    return operation;
}

Result<Outcome> Carrying::export_image(const AccountId& caller, const ExportRequest& request, Progress& progress) {
    auto outgoing = AMIVIRT_TRY(prepare_outgoing(caller, request.image));
    const bool whole_machine = request.format == ExportFormat::ova;
    if (whole_machine && !request.device.empty()) {
        return Error(Code::invalid_parameter_combination, "an OVA holds all volumes of an image: it takes no device");
    }
    auto volume = outgoing.volumes.begin();
    if (!request.device.empty()) {
        volume = std::find_if(outgoing.volumes.begin(), outgoing.volumes.end(),
                              [&](const Outgoing::Volume& one) { return one.device_name == request.device; });
        if (volume == outgoing.volumes.end()) {
            std::vector<std::string> names;
            for (const auto& one : outgoing.volumes) {
                names.push_back(one.device_name);
            }
            const auto close = nearest(request.device, names);
            return Error(Code::invalid_parameter_value,
                         fmt::format("image \"{}\" has no volume \"{}\"", outgoing.image.id.str(), request.device),
                         close.empty() ? "" : fmt::format("did you mean \"{}\"?", close));
        }
    } else if (!whole_machine && outgoing.volumes.size() > 1) {
        progress.note(
            fmt::format("a {} file holds one disk: {}, without {} more of image \"{}\" (--device chooses, --format ova takes all)",
                        to_string(request.format), volume->device_name, outgoing.volumes.size() - 1, outgoing.image.id.str()));
    }
    Outcome outcome;
    outcome.image = outgoing.image;
    outcome.file = AMIVIRT_TRY(ports_.files.check(request.file, request.replace));

    auto operation = AMIVIRT_TRY(begin_outgoing(OperationKind::export_image, {outcome.file}, outgoing));
    const auto tag = operation->row().id.str();
    Revert revert(logged(ports_.log, "export"));
    revert.push("undo the export", [&]() -> Result<void> {
        clear_interrupt();
        return recover(*operation);
    });
    const auto temporary = ports_.files.temporary(outcome.file, tag);
    if (whole_machine) {
        CarriedImage carried;
        carried.kind = ArchiveKind::ova;
        carried.image = outgoing.image;
        carried.vcpus = k_ova_vcpus;
        carried.memory = k_ova_memory;
        for (std::size_t i = 0; i < outgoing.volumes.size(); ++i) {
            CarriedDisk disk;
            disk.device_name = outgoing.volumes[i].device_name;
            disk.virtual_size = outgoing.volumes[i].virtual_size;
            disk.path = ports_.stager.scratch(outgoing.pins[i].id);
            const auto chain = AMIVIRT_TRY(ports_.carrier.chain(outgoing.volumes[i].top));
            AMIVIRT_TRY(ports_.carrier.write_out(chain, disk.path, DiskFileFormat::stream_vmdk, progress));
            fault_point("carry.disk_written");
            carried.disks.push_back(std::move(disk));
        }
        outcome.sha256 = AMIVIRT_TRY(ports_.archives.write(temporary, carried, progress));
    } else {
        const auto chain = AMIVIRT_TRY(ports_.carrier.chain(volume->top));
        AMIVIRT_TRY(ports_.carrier.write_out(chain, temporary, disk_format(request.format), progress));
    }
    fault_point("carry.written");
    AMIVIRT_TRY(ports_.files.publish(outcome.file, tag, request.replace));
    fault_point("carry.named");
    // What is left to do is what an undo does once the names are given.
    AMIVIRT_TRY(recover(*operation));
    revert.commit();
    return outcome;
}

Result<Outcome> Carrying::store(const AccountId& caller, const StoreRequest& request, Progress& progress) {
    auto outgoing = AMIVIRT_TRY(prepare_outgoing(caller, request.image));
    Outcome outcome;
    outcome.image = outgoing.image;
    outcome.file = AMIVIRT_TRY(ports_.files.check(request.file, request.replace));
    std::vector<std::string> files{outcome.file};
    if (!request.key_file.empty()) {
        // A key that cannot sign is told now, not when the bundle is written.
        AMIVIRT_TRY(ports_.signatures.sign(request.key_file, std::string(64, '0')));
        files.push_back(AMIVIRT_TRY(ports_.files.check(outcome.file + std::string(k_signature_suffix), request.replace)));
    } else {
        // A signature that lies there is of other bytes: a restore would refuse the bundle for it.
        AMIVIRT_TRY_CONTEXT(ports_.files.check(outcome.file + std::string(k_signature_suffix), Replace::no),
                            fmt::format("storing \"{}\" without a signature", outcome.file));
    }

    auto operation = AMIVIRT_TRY(begin_outgoing(OperationKind::store_image, files, outgoing));
    const auto tag = operation->row().id.str();
    Revert revert(logged(ports_.log, "store"));
    revert.push("undo the bundle", [&]() -> Result<void> {
        clear_interrupt();
        return recover(*operation);
    });
    CarriedImage carried;
    carried.kind = ArchiveKind::bundle;
    carried.image = outgoing.image;
    carried.image.source_region = ports_.region;
    for (std::size_t i = 0; i < outgoing.volumes.size(); ++i) {
        const auto& volume = outgoing.volumes[i];
        CarriedDisk disk;
        disk.device_name = volume.device_name;
        disk.virtual_size = volume.virtual_size;
        disk.path = ports_.storage.store().source(volume.top).location;
        if (!volume.flat) {
            disk.path = ports_.stager.scratch(outgoing.pins[i].id);
            const auto chain = AMIVIRT_TRY(ports_.carrier.chain(volume.top));
            AMIVIRT_TRY(ports_.carrier.write_out(chain, disk.path, DiskFileFormat::qcow2, progress));
            fault_point("carry.disk_written");
        }
        carried.disks.push_back(std::move(disk));
    }
    outcome.sha256 = AMIVIRT_TRY(ports_.archives.write(ports_.files.temporary(outcome.file, tag), carried, progress));
    fault_point("carry.written");
    if (!request.key_file.empty()) {
        const auto text = AMIVIRT_TRY(ports_.signatures.sign(request.key_file, outcome.sha256));
        AMIVIRT_TRY(ports_.files.write_text(files.back(), tag, text));
        fault_point("carry.signed");
        // Two names cannot be given at once: from here on a recovery goes forward.
        AMIVIRT_TRY(operation->turn_into(OperationKind::store_image, [&](CatalogSession& /*session*/, Operation& row) -> Result<void> {
            row.objects = operation->row().objects;
            row.objects.push_back(std::string(request.replace == Replace::yes ? k_whole : k_whole_new) + outcome.file);
            return {};
        }));
    }
    for (auto file = files.rbegin(); file != files.rend(); ++file) {
        AMIVIRT_TRY(ports_.files.publish(*file, tag, request.replace));
        fault_point("carry.one_named");
    }
    fault_point("carry.named");
    // What is left to do is what an undo does once the names are given.
    AMIVIRT_TRY(recover(*operation));
    revert.commit();
    return outcome;
}

/// An image on its way in: what it is to be, but for its snapshots.
struct Carrying::Incoming {
    CarriedImage carried;
    Image image;
    std::string sha256;                                          ///< the file's, if it was signed; "" any
    std::function<void(Image&, const LayerId& root)> look_into;  ///< once the root is there; may be empty
    std::function<void(const Image&)> on_reserved;               ///< may be empty
    std::optional<ImageId> id;                                   ///< a fresh one if not said
    PromiseOf<ImageId> promise;
};

Result<Image> Carrying::restore(const AccountId& caller, const RestoreRequest& request, Progress& progress) {
    return make_promised(ports_.catalog, ports_.log, &CatalogSession::images, request,
                         [&](const RestoreRequest& noted) { return make_restored(caller, noted, progress); });
}

Result<Image> Carrying::make_restored(const AccountId& caller, const RestoreRequest& request, Progress& progress) {
    RegionPolicy policy;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        policy = AMIVIRT_TRY(session.policy());
        return {};
    }));
    Incoming incoming;
    incoming.carried = AMIVIRT_TRY(ports_.archives.look(request.file));
    if (incoming.carried.kind != ArchiveKind::bundle) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" is an OVA, no bundle of amivirt's", request.file),
                     "`amivirt image import` takes it");
    }
    std::string signer(k_unsigned);
    const auto signature = AMIVIRT_TRY(ports_.signatures.read(request.file + std::string(k_signature_suffix)));
    if (signature) {
        const auto* trusted = find_signer(policy, signature->fingerprint);
        if (trusted == nullptr) {
            return Error(Code::operation_not_permitted,
                         fmt::format("\"{}\" is signed by {}, whom this region does not trust", request.file, signature->fingerprint),
                         "if you do: `amivirt signer trust PUBLIC-KEY.pem --name NAME`");
        }
        AMIVIRT_TRY_CONTEXT(ports_.signatures.verify(*signature, *trusted), fmt::format("checking the signature of \"{}\"", request.file));
        signer = trusted->fingerprint;
        incoming.sha256 = signature->sha256;
    } else if (request.require_signature || policy.demand_signature) {
        return Error(Code::operation_not_permitted,
                     fmt::format("\"{}\" is not signed: there is no \"{}{}\"", request.file, request.file, k_signature_suffix),
                     "`amivirt image store --sign KEY.pem` signs a bundle");
    }

    Image& image = incoming.image;
    image = incoming.carried.image;
    if (!image.id.empty()) {
        image.source_image = image.id;
    }
    image.owner = caller;
    image.name = request.name.empty() ? image.name : request.name;
    for (const auto& [key, value] : request.tags) {
        image.tags.insert_or_assign(key, value);
    }
    image.source_location = request.file;
    image.signer = signer;
    incoming.on_reserved = request.on_reserved;
    incoming.promise = request.promise;
    return take_in(caller, request.file, OperationKind::restore_image, std::move(incoming), progress);
}

bool Carrying::is_ova(const std::string& file) { return ports_.archives.recognise(file) == ArchiveKind::ova; }

Result<Image> Carrying::import_ova(const AccountId& caller, const OvaImportRequest& request, Progress& progress) {
    const ImportRequest& as = request.as;
    if (!as.sha256.empty()) {
        return Error(Code::invalid_parameter_combination, "the SHA-256 of an OVA is not compared: its own list of checksums is");
    }
    Incoming incoming;
    incoming.carried = AMIVIRT_TRY(ports_.archives.look(request.file));
    Image& image = incoming.image;
    image = incoming.carried.image;
    image.owner = caller;
    image.name = as.name;
    image.description = as.description.empty() ? image.description.substr(0, 255) : as.description;
    image.tags = as.tags;
    image.permissions = as.permissions;
    image.platform = as.platform.empty() ? image.platform : as.platform;
    image.default_user = as.default_user;
    image.architecture = as.architecture.value_or(image.architecture);
    image.boot_mode = as.boot_mode.value_or(image.boot_mode);
    image.source_location = request.file;
    incoming.id = as.id;
    suggest_type(incoming.carried, progress);
    if (as.inspect == Inspect::yes) {
        incoming.look_into = [this, as, said = incoming.carried.boot_mode_said, &progress](Image& into, const LayerId& root) {
            ImportRequest known = as;
            if (said && !known.boot_mode) {
                known.boot_mode = into.boot_mode;
            }
            ports_.images.fill_in(into, known, root, progress);
        };
    }
    return take_in(caller, request.file, OperationKind::import_image, std::move(incoming), progress);
}

void Carrying::suggest_type(const CarriedImage& carried, Progress& progress) {
    if (carried.vcpus == 0 && carried.memory.count == 0) {
        return;
    }
    const auto types = ports_.types.list().value_or(std::vector<InstanceType>{});
    const InstanceType* best = nullptr;
    for (const auto& type : types) {
        const bool fits = type.vcpus >= carried.vcpus && type.memory >= carried.memory;
        if (fits && (best == nullptr || std::pair(type.memory, type.vcpus) < std::pair(best->memory, best->vcpus))) {
            best = &type;
        }
    }
    progress.note(fmt::format("the machine was made for {} CPUs and {}{}", carried.vcpus, human(carried.memory.bytes()),
                              best == nullptr ? "" : fmt::format(": `amivirt run --type {}` fits", best->name)));
}

Result<Image> Carrying::take_in(const AccountId& caller, const std::string& file, OperationKind kind, Incoming incoming,
                                Progress& progress) {
    Image& image = incoming.image;
    const auto& disks = incoming.carried.disks;
    Faults faults;
    faults.check(check_image_name(image.name));
    faults.check(check_description(image.description));
    faults.check(check_tags(image.tags));
    for (const auto& disk : disks) {
        for (auto& device : image.mapping) {
            auto* ebs = std::get_if<EbsDevice>(&device.what);
            if (device.device_name == disk.device_name && ebs != nullptr) {
                ebs->size = std::max(ebs->size.value_or(GiB{0}), GiB::holding(disk.virtual_size));
            }
        }
    }
    for (auto& error : check_mapping(image.mapping)) {
        faults.add(std::move(error));
    }
    if (!faults.none()) {
        return faults.error(fmt::format("the image in \"{}\"", file));
    }
    image.id = incoming.promise.again ? *incoming.promise.again : incoming.id ? *incoming.id : make_id<ImageId>(ports_.ids);
    image.state = ImageState::pending;
    image.created = ports_.clock.now();
    std::vector<Layer> layers;
    std::vector<SnapshotId> snapshots;
    std::vector<std::string> targets;
    for (const auto& disk : disks) {
        Layer layer;
        layer.id = make_id<LayerId>(ports_.ids);
        layer.created = image.created;
        snapshots.push_back(make_id<SnapshotId>(ports_.ids));
        targets.push_back(ports_.stager.scratch(layer.id));
        layers.push_back(std::move(layer));
        for (auto& device : image.mapping) {
            if (device.device_name == disk.device_name) {
                std::get<EbsDevice>(device.what).snapshot = snapshots.back();
            }
        }
    }

    auto operation = AMIVIRT_TRY(
        ports_.operations.begin(kind, {image.id.str()}, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            // The pending image reserves its name; creating layers keep collections away from their files.
            if (image.permissions.everyone) {
                AMIVIRT_TRY(check_public_access(session, image.name));
            }
            if (!incoming.promise.again) {
                AMIVIRT_TRY(free_image_id(session, image.id));
            }
            AMIVIRT_TRY(put_pending(session, session.images(), image, incoming.promise));
            for (const auto& layer : layers) {
                AMIVIRT_TRY(session.layers().insert(layer));
                row.objects.push_back(layer.id.str());
            }
            return {};
        }));
    Revert revert(logged(ports_.log, "restore"));
    revert.push("undo the restore", [&]() -> Result<void> {
        clear_interrupt();
        return recover(*operation);
    });
    if (incoming.on_reserved) {
        incoming.on_reserved(image);
    }
    const auto extracted = AMIVIRT_TRY(ports_.archives.extract(file, incoming.carried, targets, progress));
    fault_point("carry.extracted");
    if (!incoming.sha256.empty() && incoming.sha256 != extracted.sha256) {
        return Error(Code::checksum_mismatch, fmt::format("\"{}\" is not what was signed: its SHA-256 is {}, the signature is for {}", file,
                                                          extracted.sha256, incoming.sha256));
    }
    // The same disks came in before: their layers serve again.
    std::vector<std::optional<Layer>> shared(layers.size());
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (std::size_t i = 0; i < layers.size(); ++i) {
            shared[i] = AMIVIRT_TRY(session.index().layer_of_content(extracted.disks[i]));
        }
        return {};
    }));
    for (std::size_t i = 0; i < layers.size(); ++i) {
        check_interrupt();
        if (shared[i]) {
            AMIVIRT_TRY(ports_.stager.discard(layers[i].id));
            continue;
        }
        auto& store = ports_.storage.store();
        const StagedDisk staged{targets[i], disks[i].size};
        const auto probed = AMIVIRT_TRY(store.probe(staged, fmt::format("{}:{}", file, disks[i].part)));
        if (GiB::holding(probed.virtual_size) > GiB::holding(disks[i].virtual_size)) {
            return Error(Code::invalid_disk_image, fmt::format("\"{}:{}\" is a disk of {}, and was said to be of {}", file, disks[i].part,
                                                               human(probed.virtual_size), human(disks[i].virtual_size)));
        }
        AMIVIRT_TRY(store.import(layers[i].id, staged, probed, progress));
        fault_point("carry.converted");
        layers[i].seal = AMIVIRT_TRY(store.seal(layers[i].id));
        layers[i].virtual_size = probed.virtual_size;
        layers[i].state = LayerState::sealed;
        AMIVIRT_TRY(ports_.stager.discard(layers[i].id));
    }
    if (incoming.look_into) {
        incoming.look_into(image, shared.front() ? shared.front()->id : layers.front().id);
    }
    check_interrupt();
    image.state = AMIVIRT_TRY(next(ImageState::pending, ImageEvent::ready));
    AMIVIRT_TRY(operation->finish([&](CatalogSession& session) -> Result<void> {
        for (std::size_t i = 0; i < layers.size(); ++i) {
            const auto twin = AMIVIRT_TRY(session.index().layer_of_content(extracted.disks[i]));
            if (shared[i] && !twin) {
                return Error(Code::busy, fmt::format("a disk that \"{}\" was to share has just been deleted", image.name),
                             "run the command again");
            }
            const Layer& layer = shared[i] ? *twin : layers[i];
            if (shared[i]) {
                AMIVIRT_TRY(session.layers().erase(layers[i].id));
            } else {
                layers[i].content_sha256 = twin ? "" : extracted.disks[i];
                AMIVIRT_TRY(session.layers().update(layers[i]));
            }
            Snapshot taken;
            taken.id = snapshots[i];
            taken.owner = caller;
            taken.layer = layer.id;
            taken.size = GiB::holding(layer.virtual_size);
            taken.state = SnapshotState::completed;
            taken.description = fmt::format("Restored for {} from {}", image.id.str(), file);
            taken.created = image.created;
            AMIVIRT_TRY(session.snapshots().insert(taken));
        }
        return put_made(session.images(), image);
    }));
    revert.commit();
    ports_.log.write(LogLevel::info, "restore", fmt::format("{} \"{}\" is available", image.id.str(), image.name));
    return std::move(image);
}

Result<void> Carrying::recover(ActiveOperation& operation) {
    if (operation.finished()) {
        return {};
    }
    if (operation.row().kind == OperationKind::collect_layers) {
        return ports_.storage.finish(operation);
    }
    const auto& objects = operation.row().objects;
    const auto marked = [&](std::string_view mark) {
        return std::any_of(objects.begin(), objects.end(), [&](const std::string& object) { return object.starts_with(mark); });
    };
    const bool whole = marked(k_whole);
    const Replace replace = marked(k_whole_new) ? Replace::no : Replace::yes;
    const auto tag = operation.row().id.str();
    std::vector<ImageId> images;
    std::vector<SnapshotId> snapshots;
    std::vector<LayerId> layers;
    for (const auto& object : objects) {
        if (is_path(object)) {
            auto settled = whole ? ports_.files.publish(object, tag, replace) : ports_.files.discard(object, tag);
            // Somebody put a file there meanwhile, which was not to be replaced: it stays, and ours goes.
            if (!settled && settled.error().code == Code::invalid_parameter_value) {
                settled = ports_.files.discard(object, tag);
            }
            AMIVIRT_TRY(std::move(settled));
        } else if (ImageId::looks_like(object)) {
            images.push_back(AMIVIRT_TRY(ImageId::parse(object)));
        } else if (SnapshotId::looks_like(object)) {
            snapshots.push_back(AMIVIRT_TRY(SnapshotId::parse(object)));
        } else if (LayerId::looks_like(object)) {
            layers.push_back(AMIVIRT_TRY(LayerId::parse(object)));
        }
    }
    for (const auto& layer : layers) {
        AMIVIRT_TRY(ports_.stager.discard(layer));
        AMIVIRT_TRY(ports_.storage.store().remove(layer));
    }
    fault_point("carry.undone");
    AMIVIRT_TRY(operation.turn_into(OperationKind::collect_layers, [&](CatalogSession& session, Operation& row) -> Result<void> {
        for (const auto& id : images) {
            AMIVIRT_TRY(withdraw(session, session.images(), id));
        }
        for (const auto& id : snapshots) {
            AMIVIRT_TRY(withdraw(session, session.snapshots(), id));
        }
        // Parents were put in before their children.
        for (auto id = layers.rbegin(); id != layers.rend(); ++id) {
            AMIVIRT_TRY(session.layers().erase(*id));
        }
        return ports_.storage.mark_unreachable(session, row);
    }));
    return ports_.storage.finish(operation);
}

}  // namespace amivirt
