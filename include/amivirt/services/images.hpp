// Images: import, register, describe, deregister.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/log.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/domain/filter.hpp"
#include "amivirt/domain/image.hpp"
#include "amivirt/domain/manifest.hpp"
#include "amivirt/ports/host.hpp"
#include "amivirt/ports/image_inspector.hpp"
#include "amivirt/ports/instance_files.hpp"
#include "amivirt/ports/process_runner.hpp"
#include "amivirt/ports/source_stager.hpp"
#include "amivirt/services/operations.hpp"
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
};

struct ImageQuery {
    std::vector<std::string> ids_or_names;  ///< each must match something visible
    std::vector<Filter> filters;
    std::vector<std::string> owners;  ///< "self" or account ids; empty: any
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
    };
    explicit Images(Ports ports) : ports_(ports) {}

    /// Checks all that can be checked before a byte is read; then stages, converts, inspects, and registers in one transaction.
    /// The same content shares the layer of an earlier import. Killed anywhere: no image, no file but a resumable download.
    [[nodiscard]] Result<Image> import(const AccountId& caller, const ImportRequest& request, Progress& progress);
    /// A manifest's `build` source is run first, its output imported and removed.
    [[nodiscard]] Result<Image> register_manifest(const AccountId& caller, const ImageManifest& manifest, Inspect inspect,
                                                  Progress& progress);
    /// In order of creation; only what `caller` may see.
    [[nodiscard]] Result<Listing<Image>> describe(const AccountId& caller, const ImageQuery& query);
    /// By id, or by name if that is unambiguous among those visible. invalid_ami_id_not_found (with the nearest name as hint),
    /// _unavailable.
    [[nodiscard]] Result<Image> resolve(const AccountId& caller, const std::string& id_or_name);
    /// Running and stopped instances go on. Snapshots stay unless asked; one that another image uses stays even then.
    /// operation_not_permitted unless the owner. Returns snapshots deleted.
    [[nodiscard]] Result<std::vector<SnapshotId>> deregister(const AccountId& caller, const std::string& id_or_name,
                                                             DeleteSnapshots snapshots);
    /// For a launch: as resolve, but an image that is there and not permitted is auth_failure, one not available says so.
    [[nodiscard]] Result<Image> resolve_for_launch(const AccountId& caller, const std::string& id_or_name);
    /// Undoes an import whose process is dead (a finished one has no operation). Idempotent.
    [[nodiscard]] Result<void> recover(ActiveOperation& operation);
    /// Partial downloads nobody came back for within a day.
    [[nodiscard]] Result<void> expire_downloads();

private:
    [[nodiscard]] Result<Image> ingest(ActiveOperation& operation, Image image, const SnapshotId& snapshot, const LayerId& layer,
                                       const ImportRequest& request, Progress& progress);
    [[nodiscard]] Result<Staged> stage(const LayerId& layer, const ImportRequest& request, Progress& progress);
    void fill_in(Image& image, const ImportRequest& request, const LayerId& layer, Progress& progress);
    Ports ports_;
};

}  // namespace amivirt
