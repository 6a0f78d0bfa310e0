// Images: import, register, describe, deregister.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/log.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/domain/filter.hpp"
#include "amivirt/domain/image.hpp"
#include "amivirt/domain/image_access.hpp"
#include "amivirt/domain/image_search.hpp"
#include "amivirt/domain/manifest.hpp"
#include "amivirt/ports/host.hpp"
#include "amivirt/ports/image_inspector.hpp"
#include "amivirt/ports/instance_files.hpp"
#include "amivirt/ports/process_runner.hpp"
#include "amivirt/ports/source_stager.hpp"
#include "amivirt/services/accounts.hpp"
#include "amivirt/services/operations.hpp"
#include "amivirt/services/promises.hpp"
#include "amivirt/services/storage.hpp"

namespace amivirt {

enum class Inspect { yes, no };
enum class DeleteSnapshots { yes, no };

/// What an import may be told; what is absent is found by inspection or takes its default.
struct ImportRequest {
    std::string source;  ///< a path or URL
    std::string build;   ///< or: a recipe, called as `build OUT.qcow2`, whose output is the source
    std::string sha256;  ///< of the source's own bytes, lower-case hex; "" any
    std::string name;
    std::string description;
    std::optional<Architecture> architecture;
    std::optional<BootMode> boot_mode;
    std::string platform;
    std::string default_user;
    std::string root_device_name = "/dev/sda1";
    RootDeviceType root_device_type = RootDeviceType::ebs;
    BlockDeviceMapping mapping;  ///< more entries; the root's may give a larger size, a type, IOPS
    LaunchPermissions permissions;
    Tags tags;
    Inspect inspect = Inspect::yes;
    std::optional<ImageId> id = {};  ///< a fresh one if not said; one that is taken is invalid_parameter_value
    /// Called when the image is in the catalog, pending, and its disk is to follow. If that fails then, it stays as `failed`, with the
    /// reason.
    std::function<void(const Image& pending)> on_reserved = {};
    PromiseOf<ImageId> promise = {};
    /// Called in the transaction that makes it available, so that what it writes is there if and only if the image is.
    std::function<Result<void>(CatalogSession& session, const Image& available)> with_registration = {};
};

/// An image of snapshots that are there (source: EC2 RegisterImage); what is absent is as in the image that the root's snapshot is of.
struct RegisterRequest {
    std::string name;
    std::string description;
    std::optional<Architecture> architecture;
    std::optional<BootMode> boot_mode;
    std::string root_device_name = "/dev/sda1";
    RootDeviceType root_device_type = RootDeviceType::ebs;
    BlockDeviceMapping mapping;  ///< the root's entry names a snapshot
    Tags tags;
    std::optional<ImageId> id = {};
    std::function<Result<void>(CatalogSession& session, const Image& available)> with_registration = {};  ///< as of an import
    /// Called first in the same transaction: may make the snapshots that the mapping names.
    std::function<Result<void>(CatalogSession& session)> before = {};
};

/// What a manifest asks for, but for its product codes.
[[nodiscard]] ImportRequest import_request(const ImageManifest& manifest);

struct ImageQuery {
    std::vector<std::string> ids_or_names;  ///< each must match something visible
    std::vector<Filter> filters;
    std::vector<std::string> owners;         ///< "self", account ids or aliases ("amazon"); empty: any
    std::vector<std::string> executable_by;  ///< "self", "all", account ids or aliases: granted explicitly; empty: any
    Include include;                         ///< what is called by its id, and of one's own images by name, is shown without being asked
    ImageOrder order;
    std::optional<std::size_t> limit;
};

/// What became of an image that was deregistered.
struct Deregistration {
    std::vector<SnapshotId> snapshots;  ///< deleted with it, or in the bin with it
    std::optional<BinStay> bin;         ///< it can be had back until then
};

class Images {
public:
    struct Ports {
        Catalog& catalog;
        Operations& operations;
        Storage& storage;
        SourceStager& stager;
        ImageInspector& inspector;
        ProcessRunner& processes;
        Host& host;
        IdSource& ids;
        const Clock& clock;
        Log& log;
        Accounts& accounts;
    };
    explicit Images(Ports ports) : ports_(ports) {}

    /// Checks all that can be checked before a byte is read; then stages, converts, inspects, and registers in one transaction.
    /// The same content shares the layer of an earlier import. Killed anywhere: no image, no file but a resumable download.
    /// An id of one's own that an image has had which is deregistered or failed is free again, unless that is in the recycle bin.
    [[nodiscard]] Result<Image> import(const AccountId& caller, const ImportRequest& request, Progress& progress);
    /// Available on return. invalid_snapshot_not_found for a snapshot that is not the caller's or not whole;
    /// invalid_block_device_mapping for a root without one, and for what check_mapping() finds.
    [[nodiscard]] Result<Image> register_snapshots(const AccountId& caller, const RegisterRequest& request);
    /// A manifest's `build` source is run first, its output imported and removed.
    [[nodiscard]] Result<Image> register_manifest(const AccountId& caller, const ImageManifest& manifest, Inspect inspect,
                                                  Progress& progress);
    /// Only what `caller` may see. An owner or grantee of no known alias is invalid_parameter_value; EC2's own ("amazon") own nothing
    /// unless an account is called so. As quick as the answer is short, whatever the catalog's size.
    [[nodiscard]] Result<Listing<Image>> describe(const AccountId& caller, const ImageQuery& query);
    /// By id, or by name if that is unambiguous among those visible; one's own disabled images too. invalid_ami_id_not_found (with the
    /// nearest name as hint), _unavailable.
    [[nodiscard]] Result<Image> resolve(const AccountId& caller, const std::string& id_or_name);
    /// Running and stopped instances go on. Snapshots stay unless asked; one that another image uses stays even then.
    /// Errors of authorize(deregister). By a retention rule it goes to the recycle bin, and the snapshots that were to be deleted with it
    /// go along; without one, each snapshot goes there by a rule of its own. One that is pending and that nobody makes is given up
    /// (Promises).
    [[nodiscard]] Result<Deregistration> deregister(const AccountId& caller, const std::string& id_or_name, DeleteSnapshots snapshots);
    /// For a launch: as resolve, but with the errors of authorize(run), and operation_not_permitted where the region's criteria are
    /// enforced and the image meets none.
    [[nodiscard]] Result<Image> resolve_for_launch(const AccountId& caller, const std::string& id_or_name);
    /// By id or name, for what authorize(action) permits.
    [[nodiscard]] Result<Image> resolve_to(ImageAction action, const AccountId& caller, const std::string& id_or_name);
    /// In audit mode, a sentence for who launches an image that meets no criterion; else "".
    [[nodiscard]] Result<std::string> audit(const AccountId& caller, const Image& image);
    /// Undoes an import whose process is dead (a finished one has no operation). Idempotent.
    [[nodiscard]] Result<void> recover(ActiveOperation& operation);
    /// Adds what inspection of `layer` tells and neither the image nor the request says.
    void fill_in(Image& image, const ImportRequest& request, const LayerId& layer, Progress& progress);
    /// Partial downloads nobody came back for within a day.
    [[nodiscard]] Result<void> expire_downloads();

private:
    [[nodiscard]] Result<Image> make_import(const AccountId& caller, const ImportRequest& request, Progress& progress);
    [[nodiscard]] Result<ImageSearch> search_of(const AccountId& caller, const ImageQuery& query);
    [[nodiscard]] Error not_found(const AccountId& caller, const std::string& wanted);
    [[nodiscard]] Result<Image> ingest(ActiveOperation& operation, Image image, const SnapshotId& snapshot, const LayerId& layer,
                                       const ImportRequest& request, Progress& progress);
    [[nodiscard]] Result<Staged> stage(const LayerId& layer, const ImportRequest& request, Progress& progress);
    Ports ports_;
};

}  // namespace amivirt
