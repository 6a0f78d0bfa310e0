#include "amivirt/services/image_catalogs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "amivirt/domain/device_name.hpp"
#include "amivirt/domain/signing.hpp"
#include "amivirt/services/image_extras.hpp"
#include "bin_rules.hpp"
#include "faults.hpp"
#include "kept_json.hpp"
#include "mapping_entries.hpp"
#include "snapshot_signer.hpp"
#include "snapshot_use.hpp"

namespace amivirt {

namespace {

using kept::Json;

const std::string k_catalog_image = "catalog-image";  // by image

template <class Value>
Json word(const std::optional<Value>& value) {
    return value ? Json(std::string(to_string(*value))) : Json();
}

template <class Number>
Json count(const std::optional<Number>& value) {
    return value ? Json(*value) : Json();
}

Json entry_of(const BlockDevice& device) {
    Json out = Json::object();
    out["device"] = device.device_name;
    if (const auto* ebs = std::get_if<EbsDevice>(&device.what)) {
        out["snapshot"] = ebs->snapshot ? Json(ebs->snapshot->str()) : Json();
        out["size"] = ebs->size ? Json(ebs->size->count) : Json();
        out["type"] = word(ebs->type);
        out["iops"] = count(ebs->iops);
        out["throughput"] = count(ebs->throughput);
        out["deleteOnTermination"] = count(ebs->delete_on_termination);
        out["encrypted"] = count(ebs->encrypted);
    } else if (const auto* ephemeral = std::get_if<EphemeralDevice>(&device.what)) {
        out["ephemeral"] = ephemeral->number;
    } else {
        out["none"] = true;
    }
    return out;
}

Json source_of(const ManifestSource& source) {
    return {{"file", source.file}, {"url", source.url}, {"build", source.build}, {"sha256", source.sha256}};
}

/// All that a file says of an image but its source: the same again is the same image.
Json said_of(const AccountId& owner, const ImageManifest& image) {
    Json out{{"owner", owner.str()},
             {"name", image.name},
             {"description", image.description},
             {"architecture", word(image.architecture)},
             {"bootMode", word(image.boot_mode)},
             {"platform", image.platform},
             {"platformDetails", image.platform_details},
             {"defaultUser", image.default_user},
             {"rootDeviceName", image.root_device_name},
             {"rootDeviceType", std::string(to_string(image.root_device_type))},
             {"public", image.permissions.everyone},
             {"accounts", Json::array()},
             {"mapping", Json::array()},
             {"productCodes", Json::array()},
             {"tags", Json::object()}};
    for (const AccountId& account : image.permissions.accounts) {
        out["accounts"].push_back(account.str());
    }
    for (const BlockDevice& device : image.mapping) {
        out["mapping"].push_back(entry_of(device));
    }
    for (const ProductCode& code : image.product_codes) {
        out["productCodes"].push_back(code.type + " " + code.id);
    }
    for (const auto& [key, value] : image.tags) {
        out["tags"][key] = value;
    }
    return out;
}

void apply(Image& image, const AccountId& owner, const ImageManifest& wanted) {
    image.owner = owner;
    image.name = wanted.name;
    image.description = wanted.description;
    image.architecture = wanted.architecture.value_or(image.architecture);
    image.boot_mode = wanted.boot_mode.value_or(image.boot_mode);
    image.platform = wanted.platform.empty() ? image.platform : wanted.platform;
    image.platform_details = wanted.platform_details.empty() ? image.platform_details : wanted.platform_details;
    image.default_user = wanted.default_user.empty() ? image.default_user : wanted.default_user;
    image.permissions = wanted.permissions;
    image.permissions.accounts.erase(owner);
    image.tags = wanted.tags;
}

Result<void> write_down(CatalogSession& session, const Image& image, const ImageManifest& wanted, const std::string& file, TimePoint now) {
    auto extras = AMIVIRT_TRY(ImageExtrasBook::read(session, image.id));
    extras.product_codes = wanted.product_codes;
    AMIVIRT_TRY(ImageExtrasBook::write(session, image, extras, now));
    const Json body{{"file", file}, {"source", source_of(wanted.source)}, {"says", said_of(image.owner, wanted)}};
    return kept::put(session, k_catalog_image, image.id.str(), image.owner.str(), body, now);
}

bool is_there(const std::optional<Image>& image) {
    return image && image->state != ImageState::deregistered && image->state != ImageState::failed;
}

/// An image whose disk another of the same source can share.
struct Twin {
    Image image;
    Snapshot root;
    bool platform_said = false;  ///< by its file, so that it tells nothing of the disk
};

Result<std::optional<Twin>> find_twin(CatalogSession& session, const ManifestSource& source) {
    const Json wanted = source_of(source);
    for (const Document& document : AMIVIRT_TRY(session.index().documents(k_catalog_image))) {
        const auto body = AMIVIRT_TRY(kept::parse(document));
        const auto id = ImageId::parse(kept::id_of(document));
        if (!id || body.value("source", Json()) != wanted) {
            continue;
        }
        auto image = AMIVIRT_TRY(session.images().find(*id));
        const EbsDevice* root = is_there(image) ? find_root_entry(image->mapping, image->root_device_name) : nullptr;
        const auto snapshot = root != nullptr && root->snapshot ? AMIVIRT_TRY(session.snapshots().find(*root->snapshot)) : std::nullopt;
        if (snapshot && snapshot->state == SnapshotState::completed && !snapshot->bin) {
            const bool said = !kept::text(body.value("says", Json::object()), "platform").empty();
            return std::optional(Twin{std::move(*image), *snapshot, said});
        }
    }
    return std::optional<Twin>();
}

/// The wanted mapping, its root's entry standing on `snapshot`.
BlockDeviceMapping mapping_over(const ImageManifest& wanted, const SnapshotId& snapshot) {
    BlockDeviceMapping mapping = wanted.mapping;
    EbsDevice* root = find_root_entry(mapping, wanted.root_device_name);
    if (root == nullptr) {
        mapping.insert(mapping.begin(), BlockDevice{wanted.root_device_name, EbsDevice{}});
        root = std::get_if<EbsDevice>(&mapping.front().what);
    }
    root->snapshot = snapshot;
    return mapping;
}

}  // namespace

Result<CatalogReport> ImageCatalogs::load(const AccountId& caller, const ImageCatalog& catalog, Progress& progress) {
    CatalogReport report;
    Faults faults;
    faults.check(drop_unlisted(catalog, report));
    for (const ImageManifest& wanted : catalog.images) {
        if (auto brought = bring(wanted.owner.value_or(caller), wanted, catalog.file, report, progress); !brought) {
            Error error = std::move(brought.error());
            error.message = fmt::format("{}: {}", wanted.id ? wanted.id->str() : wanted.name, error.message);
            faults.add(std::move(error));
        }
    }
    if (!faults.none()) {
        return faults.error(fmt::format("the catalog \"{}\"", catalog.file));
    }
    ports_.log.write(LogLevel::info, "catalog",
                     fmt::format("\"{}\": {} images added, {} changed, {} removed, {} as they were", catalog.file, report.added.size(),
                                 report.changed.size(), report.removed.size(), report.unchanged));
    return report;
}

Result<void> ImageCatalogs::bring(const AccountId& owner, const ImageManifest& wanted, const std::string& file, CatalogReport& report,
                                  Progress& progress) {
    if (!wanted.id) {
        return Error(Code::missing_parameter, "an image of a catalog needs an id");
    }
    std::optional<Image> image;
    std::optional<Json> known;
    const auto look = [&] {
        return ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
            image = AMIVIRT_TRY(session.images().find(*wanted.id));
            known = AMIVIRT_TRY(kept::find(session, k_catalog_image, wanted.id->str()));
            return {};
        });
    };
    const Json says = said_of(owner, wanted);
    const Json source = source_of(wanted.source);
    const auto is_as_said = [&] {
        return is_there(image) && known && known->value("says", Json()) == says && known->value("source", Json()) == source;
    };
    AMIVIRT_TRY(look());
    if (!is_there(image)) {
        auto made = make(owner, wanted, file, progress);
        if (made) {
            report.added.push_back(*wanted.id);
            return {};
        }
        // Another process that reads the same file may have been faster.
        AMIVIRT_TRY(look());
        if (!is_as_said()) {
            return made;
        }
    }
    if (is_as_said()) {
        ++report.unchanged;
        if (kept::text(*known, "file") == file) {
            return {};
        }
        (*known)["file"] = file;
        return ports_.catalog.write([&](CatalogSession& session) {
            return kept::put(session, k_catalog_image, wanted.id->str(), owner.str(), *known, ports_.clock.now());
        });
    }
    if (!known) {
        return Error(
            Code::invalid_parameter_value,
            fmt::format("the image id is taken by image \"{}\" of account {}, which no catalog made", image->name, image->owner.str()),
            "amivirt image deregister " + wanted.id->str());
    }
    if (known->value("source", Json()) == source) {
        AMIVIRT_TRY(change(owner, wanted, file));
    } else {
        AMIVIRT_TRY(ports_.images.deregister(image->owner, wanted.id->str(), DeleteSnapshots::yes));
        AMIVIRT_TRY(make(owner, wanted, file, progress));
    }
    report.changed.push_back(*wanted.id);
    return {};
}

Result<void> ImageCatalogs::make(const AccountId& owner, const ImageManifest& wanted, const std::string& file, Progress& progress) {
    std::optional<Twin> twin;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        twin = AMIVIRT_TRY(find_twin(session, wanted.source));
        return {};
    }));
    const auto complete = [&](CatalogSession& session, const Image& made) -> Result<void> {
        Image image = made;
        if (twin) {
            image.distribution = twin->image.distribution;
            image.os_version = twin->image.os_version;
            if (!twin->platform_said) {
                image.platform = twin->image.platform;
                image.platform_details = twin->image.platform_details;
            }
            image.source_location = twin->image.source_location;
            // A source of its own shows a disk; that a bundle which shares its layer was signed or not says nothing of it.
            image.signer = joint_signer(twin->image.signer, AMIVIRT_TRY(signer_of(session, wanted.mapping)));
        }
        apply(image, owner, wanted);
        if (image.permissions.everyone) {
            AMIVIRT_TRY(check_public_access(session, image.name));
        }
        AMIVIRT_TRY(session.images().update(image));
        return write_down(session, image, wanted, file, ports_.clock.now());
    };
    if (!twin) {
        ImportRequest request = import_request(wanted);
        request.inspect = wanted.architecture && wanted.boot_mode ? Inspect::no : Inspect::yes;
        request.with_registration = complete;
        AMIVIRT_TRY(ports_.images.import(owner, request, progress));
        return {};
    }
    const auto snapshot = make_id<SnapshotId>(ports_.ids);
    RegisterRequest request;
    request.name = wanted.name;
    request.description = wanted.description;
    request.architecture = wanted.architecture.value_or(twin->image.architecture);
    request.boot_mode = wanted.boot_mode.value_or(twin->image.boot_mode);
    request.root_device_name = wanted.root_device_name;
    request.root_device_type = wanted.root_device_type;
    request.mapping = mapping_over(wanted, snapshot);
    request.tags = wanted.tags;
    request.id = wanted.id;
    request.before = [&](CatalogSession& session) -> Result<void> {
        const auto now = AMIVIRT_TRY(session.snapshots().find(twin->root.id));
        if (!now || now->bin) {
            return Error(Code::busy, "the disk that it was to share has just been deleted", "start again");
        }
        Snapshot own = *now;
        own.id = snapshot;
        own.owner = owner;
        own.description = fmt::format("Imported for {} from {}", wanted.id->str(), twin->image.source_location);
        own.created = ports_.clock.now();
        own.tags.clear();
        return session.snapshots().insert(own);
    };
    request.with_registration = complete;
    AMIVIRT_TRY(ports_.images.register_snapshots(owner, request));
    return {};
}

Result<void> ImageCatalogs::change(const AccountId& owner, const ImageManifest& wanted, const std::string& file) {
    return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        auto image = AMIVIRT_TRY(session.images().find(*wanted.id));
        EbsDevice* root = image ? find_root_entry(image->mapping, image->root_device_name) : nullptr;
        if (root == nullptr || !root->snapshot) {
            return Error(Code::incorrect_state, "its root has no snapshot any more");
        }
        const auto on = *root->snapshot;
        auto snapshot = AMIVIRT_TRY(session.snapshots().find(on));
        if (!snapshot) {
            return Error(Code::invalid_snapshot_not_found, fmt::format("snapshot \"{}\" is gone", on.str()));
        }
        if (snapshot->owner == image->owner && image->owner != owner) {
            snapshot->owner = owner;
            AMIVIRT_TRY(session.snapshots().update(*snapshot));
        }
        if (wanted.permissions.everyone && !image->permissions.everyone) {
            AMIVIRT_TRY(check_public_access(session, wanted.name));
        }
        AMIVIRT_TRY(check_own_snapshots(session, owner, wanted.mapping));
        apply(*image, owner, wanted);
        image->root_device_name = wanted.root_device_name;
        image->root_device_type = wanted.root_device_type;
        image->signer = joint_signer(image->signer, AMIVIRT_TRY(signer_of(session, wanted.mapping)));
        image->mapping = mapping_over(wanted, on);
        AMIVIRT_TRY(complete_entries(session, *image));
        AMIVIRT_TRY(session.images().update(*image));
        return write_down(session, *image, wanted, file, ports_.clock.now());
    });
}

Result<void> ImageCatalogs::drop_unlisted(const ImageCatalog& catalog, CatalogReport& report) {
    std::set<std::string> listed;
    for (const ImageManifest& image : catalog.images) {
        listed.insert(image.id ? image.id->str() : "");
    }
    std::vector<Image> unlisted;
    std::vector<std::string> stale;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (const Document& document : AMIVIRT_TRY(session.index().documents(k_catalog_image))) {
            const auto id = ImageId::parse(kept::id_of(document));
            if (!id || listed.contains(id->str()) || kept::text(AMIVIRT_TRY(kept::parse(document)), "file") != catalog.file) {
                continue;
            }
            auto image = AMIVIRT_TRY(session.images().find(*id));
            stale.push_back(id->str());
            if (is_there(image)) {
                unlisted.push_back(std::move(*image));
            }
        }
        return {};
    }));
    for (const Image& image : unlisted) {
        AMIVIRT_TRY(ports_.images.deregister(image.owner, image.id.str(), DeleteSnapshots::yes));
        report.removed.push_back(image.id);
    }
    if (stale.empty()) {
        return {};
    }
    return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        for (const std::string& id : stale) {
            AMIVIRT_TRY(kept::erase(session, k_catalog_image, id));
        }
        return {};
    });
}

}  // namespace amivirt
