// Images on their way: copied from region to region, written out as disk files, OVAs and bundles, and brought back in from those.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/log.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/ports/image_archives.hpp"
#include "amivirt/ports/instance_types.hpp"
#include "amivirt/ports/output_files.hpp"
#include "amivirt/ports/signatures.hpp"
#include "amivirt/services/promises.hpp"
#include "amivirt/services/regions.hpp"

namespace amivirt {

struct CopyRequest {
    std::string image;        ///< by id or name, in the region it comes from
    std::string from_region;  ///< "": this one
    std::string name;         ///< "": the source's
    std::optional<std::string> description;
    bool copy_tags = false;
    std::optional<bool> encrypted;  ///< as the source, if not said
    std::string client_token;
    Tags tags = {};           ///< beside those that are copied, or instead of those of the same key
    Tags snapshot_tags = {};  ///< of the copy's snapshots
    /// Called when the image is in the catalog, pending, and its disks are to follow; not where it is available at once. If they fail
    /// then, it stays as `failed`, with the reason.
    std::function<void(const Image& pending)> on_reserved = {};
    PromiseOf<ImageId> promise = {};
};

/// Source: EC2 CopySnapshot.
struct CopySnapshotRequest {
    std::string snapshot;     ///< its id, in the region it comes from
    std::string from_region;  ///< "": this one
    std::string description;
    bool encrypted = false;  ///< a copy of an encrypted one is, said or not; so is every copy where the account encrypts by default
    Tags tags;
    /// Called when the snapshot is in the catalog, pending, and its layers are to follow; not where it is completed at once. If they fail
    /// then, it stays as `error`, with the reason.
    std::function<void(const Snapshot& pending)> on_reserved = {};
    PromiseOf<SnapshotId> promise = {};
};

enum class ExportFormat { qcow2, raw, vmdk, vhd, ova };
[[nodiscard]] std::string_view to_string(ExportFormat value) noexcept;
[[nodiscard]] Result<ExportFormat> parse_export_format(std::string_view text);

struct ExportRequest {
    std::string image;
    std::string file;
    ExportFormat format = ExportFormat::qcow2;
    std::string device;  ///< which volume, for a format of one disk; "": the root
    Replace replace = Replace::no;
};

struct StoreRequest {
    std::string image;
    std::string file;
    std::string key_file;  ///< signs with it, into file + ".sig"; "": does not
    Replace replace = Replace::no;
};

/// A file that was made.
struct Outcome {
    Image image;
    std::string file;    ///< absolute
    std::string sha256;  ///< of a bundle or OVA
};

struct RestoreRequest {
    std::string file;
    std::string name;  ///< "": the bundle's
    bool require_signature = false;
    Tags tags = {};  ///< beside the bundle's, or instead of those of the same key
    /// As of a copy.
    std::function<void(const Image& pending)> on_reserved = {};
    PromiseOf<ImageId> promise = {};
};

struct OvaImportRequest {
    std::string file;
    ImportRequest as;  ///< name and what else is said; source, build and sha256 are not used
};

class Carrying {
public:
    struct Ports {
        std::string region;
        Catalog& catalog;
        Operations& operations;
        Storage& storage;
        Images& images;
        Regions& regions;
        LayerCarrier& carrier;
        ImageArchives& archives;
        Signatures& signatures;
        OutputFiles& files;
        SourceStager& stager;
        InstanceTypes& types;
        IdSource& ids;
        const Clock& clock;
        Log& log;
    };
    explicit Carrying(Ports ports) : ports_(std::move(ports)) {}

    /// A new image here of one that `caller` may launch there (source: EC2 CopyImage). The source may vanish afterwards. Layers keep their
    /// ids, those that are here already are shared; within the region nothing is copied at all. What is encrypted there is written anew
    /// with this region's key; never plain. Permissions are not copied. The same token and parameters again give the same image;
    /// idempotent_parameter_mismatch for others. Killed anywhere: no image, no file but a copy that can be resumed.
    [[nodiscard]] Result<Image> copy(const AccountId& caller, const CopyRequest& request, Progress& progress);
    /// A snapshot here of one that `caller` may make volumes of there; completed on return. Its layers as those of copy().
    [[nodiscard]] Result<Snapshot> copy_snapshot(const AccountId& caller, const CopySnapshotRequest& request, Progress& progress);
    /// A disk that needs nothing of ours, or an OVA with all of them. Errors of authorize(export_image); unsupported_operation for
    /// encrypted volumes (source: EC2 ExportImage).
    [[nodiscard]] Result<Outcome> export_image(const AccountId& caller, const ExportRequest& request, Progress& progress);
    /// A bundle, perhaps signed. As above (source: EC2 CreateStoreImageTask).
    [[nodiscard]] Result<Outcome> store(const AccountId& caller, const StoreRequest& request, Progress& progress);
    /// A new image of a bundle: tags kept, permissions not. A signature beside it must be good and of a trusted signer; there must be one
    /// if the request or the region says so: operation_not_permitted (source: EC2 CreateRestoreImageTask).
    [[nodiscard]] Result<Image> restore(const AccountId& caller, const RestoreRequest& request, Progress& progress);
    [[nodiscard]] bool is_ova(const std::string& file);
    /// All its disks, the root first. The progress hears which instance type fits what it was made for.
    [[nodiscard]] Result<Image> import_ova(const AccountId& caller, const OvaImportRequest& request, Progress& progress);
    /// Undoes what a dead process began, or finishes it if only names were to be given. Idempotent.
    [[nodiscard]] Result<void> recover(ActiveOperation& operation);

private:
    struct Outgoing;
    struct Incoming;
    struct Moving;
    [[nodiscard]] Result<void> move_layers(const Region& from, Moving& moving, Progress& progress);
    [[nodiscard]] Result<Image> make_copy(const AccountId& caller, const CopyRequest& request, Progress& progress);
    [[nodiscard]] Region here();
    [[nodiscard]] Result<Outgoing> prepare_outgoing(const AccountId& caller, const std::string& image);
    [[nodiscard]] Result<std::unique_ptr<ActiveOperation>> begin_outgoing(OperationKind kind, const std::vector<std::string>& files,
                                                                          const Outgoing& outgoing);
    [[nodiscard]] Result<Snapshot> make_snapshot_copy(const AccountId& caller, const CopySnapshotRequest& request, Progress& progress);
    [[nodiscard]] Result<Image> make_restored(const AccountId& caller, const RestoreRequest& request, Progress& progress);
    [[nodiscard]] Result<Image> take_in(const AccountId& caller, const std::string& file, OperationKind kind, Incoming incoming,
                                        Progress& progress);
    void suggest_type(const CarriedImage& carried, Progress& progress);
    Ports ports_;
};

}  // namespace amivirt
