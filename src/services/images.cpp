#include "amivirt/services/images.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/domain/signing.hpp"
#include "bin_rules.hpp"
#include "faults.hpp"
#include "image_ids.hpp"
#include "images_on.hpp"
#include "machine.hpp"
#include "promised.hpp"
#include "revert_log.hpp"
#include "snapshot_signer.hpp"
#include "snapshot_use.hpp"

namespace amivirt {

namespace {

constexpr Duration k_download_kept = std::chrono::hours(24);
constexpr Duration k_recipe_timeout = std::chrono::hours(1);
constexpr std::size_t k_looked_at = 100;  ///< images of a layer that are asked what inspection said of it

Error image_not_found(const std::string& wanted, const std::vector<std::string>& names) {
    const auto close = nearest(wanted, names);
    return {Code::invalid_ami_id_not_found, fmt::format("image \"{}\" not found", wanted),
            close.empty() ? "`amivirt image list` shows the images there are" : fmt::format("did you mean \"{}\"?", close)};
}

bool is_sha256(const std::string& text) {
    return text.size() == 64 &&
           std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// The image's own entry for its root, made if it has none.
EbsDevice& root_entry(Image& image) {
    for (auto& device : image.mapping) {
        if (device.device_name == image.root_device_name) {
            if (!std::holds_alternative<EbsDevice>(device.what)) {
                device.what = EbsDevice{};
            }
            return std::get<EbsDevice>(device.what);
        }
    }
    image.mapping.insert(image.mapping.begin(), BlockDevice{image.root_device_name, EbsDevice{}});
    return std::get<EbsDevice>(image.mapping.front().what);
}

Result<void> check_request(const ImportRequest& request) {
    Faults faults;
    faults.check(check_image_name(request.name));
    faults.check(check_description(request.description));
    faults.check(check_tags(request.tags));
    if (!request.sha256.empty() && !is_sha256(request.sha256)) {
        faults.add({Code::invalid_parameter_value, fmt::format("sha256 \"{}\" is not 64 lower-case hex digits", request.sha256)});
    }
    BlockDeviceMapping others;
    for (const auto& device : request.mapping) {
        if (device.device_name != request.root_device_name) {
            others.push_back(device);
            continue;
        }
        const auto* ebs = std::get_if<EbsDevice>(&device.what);
        if (ebs == nullptr || ebs->snapshot) {
            faults.add(
                {Code::invalid_block_device_mapping,
                 fmt::format(
                     "the root device {} comes from the imported disk: its entry may say size, type, IOPS and deleteOnTermination only",
                     device.device_name)});
        }
    }
    for (auto& error : check_mapping(others)) {
        faults.add(std::move(error));
    }
    if (request.root_device_type == RootDeviceType::instance_store) {
        for (const auto& device : request.mapping) {
            if (auto error = check_instance_store_entry(device, request.root_device_name)) {
                faults.add(std::move(*error));
            }
        }
    }
    if (!faults.none()) {
        return faults.error("this image");
    }
    return {};
}

}  // namespace

Result<Image> Images::make_import(const AccountId& caller, const ImportRequest& request, Progress& progress) {
    AMIVIRT_TRY(check_request(request));
    AMIVIRT_TRY(expire_downloads());

    Image image;
    image.id = request.promise.again ? *request.promise.again : request.id ? *request.id : make_id<ImageId>(ports_.ids);
    image.owner = caller;
    image.name = request.name;
    image.description = request.description;
    image.architecture = request.architecture.value_or(ports_.host.architecture());
    image.boot_mode = request.boot_mode.value_or(BootMode::legacy_bios);
    image.platform = request.platform;
    image.default_user = request.default_user;
    image.root_device_name = request.root_device_name;
    image.root_device_type = request.root_device_type;
    image.mapping = request.mapping;
    image.permissions = request.permissions;
    image.tags = request.tags;
    image.source_location = request.build.empty() ? request.source : request.build;
    image.created = ports_.clock.now();
    const auto snapshot = make_id<SnapshotId>(ports_.ids);
    const auto layer = make_id<LayerId>(ports_.ids);
    Layer own;
    own.id = layer;
    own.created = image.created;

    auto operation = AMIVIRT_TRY(ports_.operations.begin(OperationKind::import_image, {image.id.str(), layer.str()}, k_patience,
                                                         [&](CatalogSession& session, Operation&) -> Result<void> {
                                                             // The pending image reserves its name; the creating layer keeps collections
                                                             // away from its file.
                                                             if (image.permissions.everyone) {
                                                                 AMIVIRT_TRY(check_public_access(session, image.name));
                                                             }
                                                             AMIVIRT_TRY(check_own_snapshots(session, caller, request.mapping));
                                                             if (!request.promise.again) {
                                                                 AMIVIRT_TRY(free_image_id(session, image.id));
                                                             }
                                                             image.signer = AMIVIRT_TRY(signer_of(session, request.mapping));
                                                             AMIVIRT_TRY(put_pending(session, session.images(), image, request.promise));
                                                             return session.layers().insert(own);
                                                         }));
    Revert revert(logged(ports_.log, "images"));
    revert.push("undo the import", [&]() -> Result<void> {
        clear_interrupt();
        return recover(*operation);
    });
    if (request.on_reserved) {
        request.on_reserved(image);
    }
    auto done = ingest(*operation, image, snapshot, layer, request, progress);
    if (done) {
        revert.commit();
    }
    return done;
}

Result<Staged> Images::stage(const LayerId& layer, const ImportRequest& request, Progress& progress) {
    StageRequest wanted;
    wanted.layer = layer;
    wanted.source = request.source;
    wanted.sha256 = request.sha256;
    if (!request.build.empty()) {
        progress.phase("building", std::nullopt);
        wanted.source = ports_.stager.scratch(layer);
        Command recipe;
        recipe.argv = {request.build, wanted.source};
        recipe.directory = request.build.substr(0, request.build.find_last_of('/'));
        recipe.timeout = k_recipe_timeout;
        const auto result = AMIVIRT_TRY(ports_.processes.run(recipe));
        if (result.exit_status != 0) {
            return Error(Code::tool_failed,
                         fmt::format("the recipe \"{}\" exited with status {}:\n{}", request.build, result.exit_status, result.errors));
        }
        fault_point("import.built");
    }
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        wanted.resume = AMIVIRT_TRY(session.downloads().find(request.source));
        return {};
    }));
    wanted.on_download = [&](const Download& download) {
        return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
            const auto known = AMIVIRT_TRY(session.downloads().find(download.url));
            Download row = download;
            row.touched = ports_.clock.now();
            return known ? session.downloads().update(row) : session.downloads().insert(row);
        });
    };
    auto staged = AMIVIRT_TRY(ports_.stager.stage(wanted, progress));
    fault_point("import.staged");
    return staged;
}

void Images::fill_in(Image& image, const ImportRequest& request, const LayerId& layer, Progress& progress) {
    progress.phase("inspecting", std::nullopt);
    auto inspected = ports_.inspector.inspect(ports_.storage.store().source(layer));
    if (!inspected) {
        progress.note(fmt::format("the disk was not inspected: {}", amivirt::describe(inspected.error())));
        return;
    }
    const Inspection& seen = *inspected;
    if (image.platform.empty()) {
        image.platform = seen.platform;
    }
    image.distribution = seen.distribution;
    image.os_version = seen.version;
    image.platform_details = seen.product_name;
    if (seen.architecture) {
        if (!request.architecture) {
            image.architecture = *seen.architecture;
        } else if (*seen.architecture != *request.architecture) {
            progress.note(fmt::format("image \"{}\" is registered as {}, but what is on its disk is {}", image.name,
                                      to_string(image.architecture), to_string(*seen.architecture)));
        }
    }
    if (!request.boot_mode) {
        // Where both would do, BIOS: it boots sooner and needs no firmware package.
        image.boot_mode = seen.boots_uefi && !seen.boots_bios ? BootMode::uefi : BootMode::legacy_bios;
    }
    if (!seen.boots_bios && !seen.boots_uefi) {
        progress.note(fmt::format("no boot loader was found on the disk of image \"{}\": machines launched from it will probably not boot",
                                  image.name));
    }
}

Result<Image> Images::ingest(ActiveOperation& operation, Image image, const SnapshotId& snapshot, const LayerId& layer,
                             const ImportRequest& request, Progress& progress) {
    const Staged staged = AMIVIRT_TRY(stage(layer, request, progress));
    const auto& shown_as = request.build.empty() ? request.source : request.build;

    // The same bytes came in before: their layer serves again, and what inspection said of them holds.
    std::optional<Layer> shared;
    std::optional<Image> inspected_before;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        shared = AMIVIRT_TRY(session.index().layer_of_content(staged.content_sha256));
        if (!shared) {
            return {};
        }
        for (auto& other :
             AMIVIRT_TRY(list_images_on(session, AMIVIRT_TRY(session.index().snapshots_of_layer(shared->id, k_looked_at)))).records) {
            if (!other.platform_details.empty()) {
                inspected_before = std::move(other);
                break;
            }
        }
        return {};
    }));

    Bytes virtual_size;
    std::optional<Seal> seal;
    const auto convert = [&]() -> Result<void> {
        const auto probed = AMIVIRT_TRY(ports_.storage.store().probe(staged.disk, shown_as));
        virtual_size = probed.virtual_size;
        AMIVIRT_TRY(ports_.storage.store().import(layer, staged.disk, probed, progress));
        fault_point("import.converted");
        seal = AMIVIRT_TRY(ports_.storage.store().seal(layer));
        return ports_.stager.check_unchanged(staged);
    };
    if (shared) {
        virtual_size = shared->virtual_size;
        progress.note(fmt::format("\"{}\" was imported before: its disk is shared", shown_as));
    } else {
        AMIVIRT_TRY(convert());
    }
    AMIVIRT_TRY(ports_.stager.discard(layer));
    check_interrupt();

    const auto size = GiB::holding(virtual_size);
    auto& root = root_entry(image);
    if (root.size && *root.size < size) {
        return Error(Code::invalid_block_device_mapping,
                     fmt::format("the root volume of {} GiB is smaller than its disk, which needs {} GiB", root.size->count, size.count));
    }
    root.snapshot = snapshot;
    root.size = root.size.value_or(size);
    if (image.root_device_type == RootDeviceType::ebs) {
        root.type = root.type.value_or(VolumeType::gp3);
    }
    root.delete_on_termination = root.delete_on_termination.value_or(true);
    if (request.inspect == Inspect::yes) {
        if (inspected_before) {
            image.platform = image.platform.empty() ? inspected_before->platform : image.platform;
            image.distribution = inspected_before->distribution;
            image.os_version = inspected_before->os_version;
            image.platform_details = inspected_before->platform_details;
            image.architecture = request.architecture.value_or(inspected_before->architecture);
            image.boot_mode = request.boot_mode.value_or(inspected_before->boot_mode);
        } else {
            fill_in(image, request, shared ? shared->id : layer, progress);
            fault_point("import.inspected");
        }
    }
    check_interrupt();
    image.state = AMIVIRT_TRY(next(ImageState::pending, ImageEvent::ready));
    progress.phase("registering", std::nullopt);

    const auto commit = [&](CatalogSession& session, Operation& row) -> Result<void> {
        auto own = AMIVIRT_TRY(session.layers().find(layer));
        if (!own) {
            return Error(Code::store_corrupt, fmt::format("the row of layer {} is gone", layer.str()));
        }
        // Another import of the same bytes may have been faster, or the layer to share may have been collected meanwhile.
        const auto twin = AMIVIRT_TRY(session.index().layer_of_content(staged.content_sha256));
        if (!twin && shared) {
            return Error(Code::busy, fmt::format("the disk that \"{}\" was to share has just been deleted", image.name),
                         "run the import again");
        }
        own->state = LayerState::sealed;
        own->virtual_size = virtual_size;
        own->content_sha256 = twin ? "" : staged.content_sha256;
        own->seal = seal;
        AMIVIRT_TRY(session.layers().update(*own));
        Snapshot taken;
        taken.id = snapshot;
        taken.owner = image.owner;
        taken.layer = twin ? twin->id : layer;
        taken.size = size;
        taken.state = SnapshotState::completed;
        taken.description = fmt::format("Imported for {} from {}", image.id.str(), image.source_location);
        taken.created = image.created;
        AMIVIRT_TRY(session.snapshots().insert(taken));
        AMIVIRT_TRY(put_made(session.images(), image));
        if (request.with_registration) {
            AMIVIRT_TRY(request.with_registration(session, image));
        }
        AMIVIRT_TRY(session.downloads().erase(request.source));
        return ports_.storage.mark_unreachable(session, row);
    };
    AMIVIRT_TRY(operation.turn_into(OperationKind::collect_layers, commit));
    // The image is there from here on; a failure to tidy up is told, and mended by the next command.
    if (auto tidied = ports_.storage.finish(operation); !tidied) {
        ports_.log.write(LogLevel::warning, "images", fmt::format("tidying up after the import: {}", amivirt::describe(tidied.error())));
    }
    ports_.log.write(LogLevel::info, "images", fmt::format("{} \"{}\" is available", image.id.str(), image.name));
    return image;
}

Result<void> Images::recover(ActiveOperation& operation) {
    if (operation.finished()) {
        return {};
    }
    if (operation.row().kind == OperationKind::collect_layers) {
        return ports_.storage.finish(operation);
    }
    std::vector<ImageId> images;
    std::vector<LayerId> layers;
    for (const auto& object : operation.row().objects) {
        if (ImageId::looks_like(object)) {
            images.push_back(AMIVIRT_TRY(ImageId::parse(object)));
        } else {
            layers.push_back(AMIVIRT_TRY(LayerId::parse(object)));
        }
    }
    for (const auto& layer : layers) {
        AMIVIRT_TRY(ports_.stager.discard(layer));
        AMIVIRT_TRY(ports_.storage.store().remove(layer));
    }
    return operation.finish([&](CatalogSession& session) -> Result<void> {
        for (const auto& id : images) {
            AMIVIRT_TRY(withdraw(session, session.images(), id));
        }
        for (const auto& id : layers) {
            AMIVIRT_TRY(session.layers().erase(id));
        }
        return {};
    });
}

Result<void> Images::expire_downloads() {
    std::vector<Download> stale;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (auto& download : AMIVIRT_TRY(session.downloads().list()).records) {
            if (download.touched + k_download_kept < ports_.clock.now()) {
                stale.push_back(std::move(download));
            }
        }
        return {};
    }));
    for (const auto& download : stale) {
        AMIVIRT_TRY(ports_.stager.discard_download(download));
        AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) { return session.downloads().erase(download.url); }));
    }
    return {};
}

Result<ImageSearch> Images::search_of(const AccountId& caller, const ImageQuery& query) {
    // EC2's own list of aliases; who has none of these here owns nothing.
    constexpr std::array<std::string_view, 3> of_ec2{"amazon", "aws-backup-vault", "aws-marketplace"};
    const auto account = [&](const std::string& word) -> Result<std::optional<AccountId>> {
        if (word == "self") {
            return std::optional(caller);
        }
        auto found = ports_.accounts.resolve(word);
        if (!found && std::find(of_ec2.begin(), of_ec2.end(), word) != of_ec2.end()) {
            return std::optional<AccountId>();
        }
        return std::optional(AMIVIRT_TRY(std::move(found)));
    };
    ImageSearch search;
    search.seen_by = caller;
    if (!query.owners.empty()) {
        search.owners.emplace();
        for (const auto& word : query.owners) {
            if (auto owner = AMIVIRT_TRY(account(word))) {
                search.owners->push_back(std::move(*owner));
            }
        }
    }
    if (!query.executable_by.empty()) {
        search.executable_by.emplace();
        for (const auto& word : query.executable_by) {
            if (word == "all") {
                search.executable_by->everyone = true;
            } else if (auto grantee = AMIVIRT_TRY(account(word))) {
                search.executable_by->accounts.insert(std::move(*grantee));
            }
        }
    }
    for (const auto& filter : query.filters) {
        if (filter.name != "owner-alias") {
            search.filters.push_back(filter);
            continue;
        }
        Filter by_id{"owner-id", {}};
        for (const auto& known : AMIVIRT_TRY(ports_.accounts.list())) {
            if (!known.alias.empty() && std::any_of(filter.values.begin(), filter.values.end(),
                                                    [&](const std::string& pattern) { return wildcard_match(pattern, known.alias); })) {
                by_id.values.push_back(known.id.str());
            }
        }
        search.filters.push_back(std::move(by_id));
    }
    if (query.ids_or_names.empty()) {
        search.hide_disabled = !query.include.disabled;
        if (!query.include.deprecated) {
            search.hide_deprecated = ports_.clock.now();
        }
    }
    search.order = query.order;
    search.limit = query.limit;
    return search;
}

Error Images::not_found(const AccountId& caller, const std::string& wanted) {
    std::vector<std::string> names;
    if (const auto read = ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
            names = AMIVIRT_TRY(session.index().image_names(caller));
            return {};
        });
        !read) {
        return read.error();
    }
    return image_not_found(wanted, names);
}

Result<Listing<Image>> Images::describe(const AccountId& caller, const ImageQuery& query) {
    AMIVIRT_TRY(check_image_filters(query.filters));
    const auto search = AMIVIRT_TRY(search_of(caller, query));
    for (const auto& wanted : query.ids_or_names) {
        if (ImageId::looks_like(wanted)) {
            AMIVIRT_TRY(ImageId::parse(wanted));
        }
    }
    // What is asked for by name must be there, whether it passes the filters or not.
    ImageSearch first = search;
    if (!query.ids_or_names.empty()) {
        first = {};
        first.seen_by = caller;
        first.ids_or_names = query.ids_or_names;
    }
    Listing<Image> listing;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        listing = AMIVIRT_TRY(session.index().images(first));
        return {};
    }));
    for (auto& image : listing.records) {
        image = as_told_to(caller, std::move(image));
    }
    if (query.ids_or_names.empty()) {
        return listing;
    }
    // Others' deprecated images are found by their ids alone (source: EC2 DescribeImages).
    const auto now = ports_.clock.now();
    std::erase_if(listing.records, [&](const Image& image) {
        return !visible_to(image, caller, now, {query.include.deprecated, true}) &&
               std::find(query.ids_or_names.begin(), query.ids_or_names.end(), image.id.str()) == query.ids_or_names.end();
    });
    for (const auto& wanted : query.ids_or_names) {
        if (std::none_of(listing.records.begin(), listing.records.end(),
                         [&](const Image& image) { return image.id.str() == wanted || image.name == wanted; })) {
            return not_found(caller, wanted);
        }
    }
    std::erase_if(listing.records, [&](const Image& image) { return !matches(image, search); });
    arrange(listing.records, search);
    return listing;
}

Result<Image> Images::resolve(const AccountId& caller, const std::string& id_or_name) {
    if (ImageId::looks_like(id_or_name)) {
        const auto id = AMIVIRT_TRY(ImageId::parse(id_or_name));
        std::optional<Image> found;
        AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
            found = AMIVIRT_TRY(session.images().find(id));
            return {};
        }));
        if (!found) {
            return image_not_found(id_or_name, {});
        }
        AMIVIRT_TRY(authorize(ImageAction::describe, *found, caller, ports_.clock.now()));
        return as_told_to(caller, std::move(*found));
    }
    ImageSearch search;
    search.seen_by = caller;
    search.ids_or_names = {id_or_name};
    search.hide_deprecated = ports_.clock.now();
    std::vector<Image> named;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        named = AMIVIRT_TRY(session.index().images(search)).records;
        return {};
    }));
    // One's own image goes before others' of the same name.
    if (std::any_of(named.begin(), named.end(), [&](const Image& image) { return image.owner == caller; })) {
        std::erase_if(named, [&](const Image& image) { return image.owner != caller; });
    }
    if (named.empty()) {
        return not_found(caller, id_or_name);
    }
    if (named.size() > 1) {
        std::vector<std::string> ids;
        ids.reserve(named.size());
        for (const auto& image : named) {
            ids.push_back(image.id.str());
        }
        return Error(Code::invalid_parameter_value, fmt::format("image name \"{}\" is ambiguous: {}", id_or_name, fmt::join(ids, ", ")),
                     "use the id");
    }
    return as_told_to(caller, std::move(named.front()));
}

Result<Image> Images::resolve_to(ImageAction action, const AccountId& caller, const std::string& id_or_name) {
    std::optional<Image> image;
    // EC2 tells a launch by id that the image is there and not for it, though a describe does not show it.
    const auto id = ImageId::looks_like(id_or_name) ? AMIVIRT_TRY(ImageId::parse(id_or_name)) : AMIVIRT_TRY(resolve(caller, id_or_name)).id;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        image = AMIVIRT_TRY(session.images().find(id));
        return {};
    }));
    if (!image) {
        return image_not_found(id_or_name, {});
    }
    AMIVIRT_TRY(authorize(action, *image, caller, ports_.clock.now()));
    return std::move(*image);
}

Result<Image> Images::resolve_for_launch(const AccountId& caller, const std::string& id_or_name) {
    auto image = AMIVIRT_TRY(resolve_to(ImageAction::run, caller, id_or_name));
    RegionPolicy policy;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        policy = AMIVIRT_TRY(session.policy());
        return {};
    }));
    if (policy.allowed_images == AllowedImages::enabled && !meets_criteria(image, policy.criteria, caller, ports_.clock.now())) {
        return Error(Code::operation_not_permitted,
                     fmt::format("image \"{}\" cannot be launched: it meets no criterion for allowed images of this region", id_or_name),
                     "`amivirt region show` tells the criteria");
    }
    AMIVIRT_TRY(check_signer(policy, image));
    return image;
}

Result<std::string> Images::audit(const AccountId& caller, const Image& image) {
    RegionPolicy policy;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        policy = AMIVIRT_TRY(session.policy());
        return {};
    }));
    if (policy.allowed_images != AllowedImages::audit || meets_criteria(image, policy.criteria, caller, ports_.clock.now())) {
        return std::string();
    }
    return fmt::format("image \"{}\" meets no criterion for allowed images: once they are enforced it cannot be launched", image.name);
}

}  // namespace amivirt
