// Images beyond a plain import: of snapshots that are there already, of manifests, and promised before their disk is read.
#include <fmt/format.h>

#include <algorithm>

#include "amivirt/domain/device_name.hpp"
#include "amivirt/services/image_extras.hpp"
#include "amivirt/services/images.hpp"
#include "faults.hpp"
#include "image_ids.hpp"
#include "images_on.hpp"
#include "mapping_entries.hpp"
#include "promised.hpp"
#include "snapshot_signer.hpp"
#include "snapshot_use.hpp"

namespace amivirt {

namespace {

Result<void> check_registration(const RegisterRequest& request) {
    Faults faults;
    faults.check(check_image_name(request.name));
    faults.check(check_description(request.description));
    faults.check(check_tags(request.tags));
    for (auto& fault : check_mapping(request.mapping)) {
        faults.add(std::move(fault));
    }
    BlockDeviceMapping mapping = request.mapping;
    const EbsDevice* root = find_root_entry(mapping, request.root_device_name);
    if (root == nullptr || !root->snapshot) {
        faults.add({Code::invalid_block_device_mapping,
                    fmt::format("the root device {} has no entry with a snapshot in the block device mapping", request.root_device_name)});
    }
    return faults.none() ? Result<void>{} : faults.error("this image");
}

/// The image that the snapshot is of, or that the volume it was taken of was launched from.
Result<std::optional<Image>> model_of(CatalogSession& session, const SnapshotId& snapshot) {
    std::vector<SnapshotId> of{snapshot};
    if (const auto row = AMIVIRT_TRY(session.snapshots().find(snapshot)); row && row->volume) {
        if (const auto volume = AMIVIRT_TRY(session.volumes().find(*row->volume)); volume && volume->snapshot) {
            of.push_back(*volume->snapshot);
        }
    }
    for (auto& image : AMIVIRT_TRY(list_images_on(session, of)).records) {
        if (image.state == ImageState::available || image.state == ImageState::disabled || image.state == ImageState::deregistered) {
            return std::optional(std::move(image));
        }
    }
    return std::optional<Image>();
}

}  // namespace

EbsDevice* find_root_entry(BlockDeviceMapping& mapping, const std::string& root) {
    for (auto& device : mapping) {
        if (same_device(device.device_name, root)) {
            return std::get_if<EbsDevice>(&device.what);
        }
    }
    return nullptr;
}

Result<void> complete_entries(CatalogSession& session, Image& image) {
    for (auto& device : image.mapping) {
        auto* ebs = std::get_if<EbsDevice>(&device.what);
        if (ebs == nullptr) {
            continue;
        }
        if (ebs->snapshot) {
            const auto snapshot = AMIVIRT_TRY(session.snapshots().find(*ebs->snapshot));
            if (!snapshot) {
                return Error(Code::invalid_snapshot_not_found, fmt::format("snapshot \"{}\" is gone", ebs->snapshot->str()));
            }
            if (ebs->size && *ebs->size < snapshot->size) {
                return Error(Code::invalid_block_device_mapping,
                             fmt::format("the volume of {} GiB of {} is smaller than snapshot \"{}\", which has {} GiB", ebs->size->count,
                                         device.device_name, snapshot->id.str(), snapshot->size.count));
            }
            ebs->size = ebs->size.value_or(snapshot->size);
            if (snapshot->encrypted) {
                ebs->encrypted = true;
            }
        }
        const bool is_root = same_device(device.device_name, image.root_device_name);
        if (!is_root || image.root_device_type == RootDeviceType::ebs) {
            ebs->type = ebs->type.value_or(VolumeType::gp3);
        }
        ebs->delete_on_termination = ebs->delete_on_termination.value_or(is_root);
    }
    return {};
}

Result<Image> Images::import(const AccountId& caller, const ImportRequest& request, Progress& progress) {
    return make_promised(ports_.catalog, ports_.log, &CatalogSession::images, request,
                         [&](const ImportRequest& noted) { return make_import(caller, noted, progress); });
}

ImportRequest import_request(const ImageManifest& manifest) {
    ImportRequest request;
    request.source = manifest.source.url.empty() ? manifest.source.file : manifest.source.url;
    request.build = manifest.source.build;
    request.sha256 = manifest.source.sha256;
    request.name = manifest.name;
    request.description = manifest.description;
    request.architecture = manifest.architecture;
    request.boot_mode = manifest.boot_mode;
    request.platform = manifest.platform;
    request.default_user = manifest.default_user;
    request.root_device_name = manifest.root_device_name;
    request.root_device_type = manifest.root_device_type;
    request.mapping = manifest.mapping;
    request.permissions = manifest.permissions;
    request.tags = manifest.tags;
    request.id = manifest.id;
    return request;
}

Result<Image> Images::register_manifest(const AccountId& caller, const ImageManifest& manifest, Inspect inspect, Progress& progress) {
    ImportRequest request = import_request(manifest);
    request.inspect = inspect;
    if (!manifest.product_codes.empty()) {
        request.with_registration = [&](CatalogSession& session, const Image& image) {
            ImageExtras extras;
            extras.product_codes = manifest.product_codes;
            return ImageExtrasBook::write(session, image, extras, ports_.clock.now());
        };
    }
    return import(caller, request, progress);
}

Result<Image> Images::register_snapshots(const AccountId& caller, const RegisterRequest& request) {
    AMIVIRT_TRY(check_registration(request));
    Image image;
    AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        if (request.before) {
            AMIVIRT_TRY(request.before(session));
        }
        AMIVIRT_TRY(check_own_snapshots(session, caller, request.mapping));
        image = {};
        image.mapping = request.mapping;
        image.root_device_name = request.root_device_name;
        image.root_device_type = request.root_device_type;
        const auto root = *find_root_entry(image.mapping, request.root_device_name)->snapshot;
        const auto model = AMIVIRT_TRY(model_of(session, root));
        if (model) {
            image.platform = model->platform;
            image.platform_details = model->platform_details;
            image.distribution = model->distribution;
            image.os_version = model->os_version;
            image.default_user = model->default_user;
        }
        image.architecture = request.architecture.value_or(model ? model->architecture : ports_.host.architecture());
        image.boot_mode = request.boot_mode.value_or(model ? model->boot_mode : BootMode::legacy_bios);
        image.id = request.id ? *request.id : make_id<ImageId>(ports_.ids);
        image.owner = caller;
        image.name = request.name;
        image.description = request.description;
        image.tags = request.tags;
        image.signer = AMIVIRT_TRY(signer_of(session, image.mapping));
        image.created = ports_.clock.now();
        image.state = AMIVIRT_TRY(next(ImageState::pending, ImageEvent::ready));
        AMIVIRT_TRY(complete_entries(session, image));
        AMIVIRT_TRY(free_image_id(session, image.id));
        AMIVIRT_TRY(session.images().insert(image));
        return request.with_registration ? request.with_registration(session, image) : Result<void>();
    }));
    ports_.log.write(LogLevel::info, "images", fmt::format("{} \"{}\" is registered", image.id.str(), image.name));
    return image;
}

}  // namespace amivirt
