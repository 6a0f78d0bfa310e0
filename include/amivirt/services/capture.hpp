// Images made from what there is: from an instance, as it is or generalized, and from another image, cleaned; and looks into images.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/log.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/domain/image.hpp"
#include "amivirt/domain/image_insides.hpp"
#include "amivirt/ports/guest_disks.hpp"
#include "amivirt/ports/live_disks.hpp"
#include "amivirt/services/images.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/operations.hpp"
#include "amivirt/services/storage.hpp"

namespace amivirt {

enum class Reboot { yes, no };
enum class Generalize { yes, no };

struct CreateImageRequest {
    std::string instance;  ///< id or name
    std::string name;
    std::string description;
    Reboot reboot = Reboot::yes;    ///< of a running one: shut down for the snapshot and booted again; no: as a power cut would leave it
    std::optional<Duration> grace;  ///< how long its guest may take to shut down; 0: its plug is pulled at once. 120 s if not said
    Quiesce quiesce = Quiesce::automatic;  ///< without a reboot only
    Generalize generalize = Generalize::no;
    /// NoDevice leaves a volume or an ephemeral entry out (not the root); of a volume only DeleteOnTermination may be said; what has
    /// another name is added (source: EC2 CreateImage).
    BlockDeviceMapping mapping;
    Tags tags;           ///< the image's
    Tags snapshot_tags;  ///< of each snapshot that is made
    /// Called when the image is in the catalog, pending, and its steps are to follow. If they fail then, it stays as `failed`, with the
    /// reason.
    std::function<void(const Image& pending)> on_reserved = {};
    PromiseOf<ImageId> promise = {};
};

struct LintReport {
    Image image;
    std::vector<LintFinding> findings;  ///< of `image` as it was
    std::optional<Image> cleaned;       ///< the new image that has none of them
};

class Capture {
public:
    struct Ports {
        Catalog& catalog;
        Operations& operations;
        Storage& storage;
        Images& images;
        Instances& instances;
        LiveDisks& live;
        GuestDisks& guests;
        IdSource& ids;
        const Clock& clock;
        Log& log;
        std::string region;
    };
    explicit Capture(Ports ports) : ports_(std::move(ports)) {}

    /// Of all EBS volumes attached to a running or stopped instance at one point in time, whatever their sizes; available on return. Owned
    /// by `caller`, permitted to nobody else. invalid_ami_name_duplicate, incorrect_instance_state, unsupported_operation (its root is
    /// instance store; its root is encrypted and is to be generalized). Generalizing works on a new layer of the image, so the instance is
    /// not touched, and goes on meanwhile.
    /// Killed anywhere: no image and no snapshot, or the image; an instance shut down for it runs again.
    [[nodiscard]] Result<Image> create(const AccountId& caller, const CreateImageRequest& request, Progress& progress);

    /// What is on the image's root that should not be shared. Reads only.
    [[nodiscard]] Result<LintReport> lint(const AccountId& caller, const std::string& id_or_name, Progress& progress);
    /// The same, and a new image of that name without it, if there is any; the old one stays as it is, since an image never changes under
    /// its id. Its other volumes are the old one's snapshots. operation_not_permitted unless the owner.
    [[nodiscard]] Result<LintReport> clean(const AccountId& caller, const std::string& id_or_name, const std::string& name,
                                           Progress& progress);
    /// Of the roots of two images. Reads only.
    [[nodiscard]] Result<ImageDiff> diff(const AccountId& caller, const std::string& before, const std::string& after, Progress& progress);

    /// Undoes an operation whose process is dead, and boots an instance again that it shut down. hypervisor_unavailable leaves it for
    /// later.
    [[nodiscard]] Result<void> recover(ActiveOperation& operation);

private:
    struct Work;
    [[nodiscard]] Result<Work> reserve(CatalogSession& session, Operation& row, const AccountId& caller, const CreateImageRequest& request,
                                       const Image& image, const InstanceId& instance, const std::vector<VolumeId>& volumes);
    [[nodiscard]] Result<void> record(ActiveOperation& operation, Work& work);
    [[nodiscard]] static Result<void> make_available(CatalogSession& session, Work& work, const std::vector<SnapshotId>& snapshots);
    [[nodiscard]] Result<void> rework(const Work& work, const GuestDisks::Body& body);
    [[nodiscard]] Result<void> publish(ActiveOperation& operation, Work& work);
    [[nodiscard]] Result<void> settle(ActiveOperation& operation);
    [[nodiscard]] Result<void> undo_snapshots(ActiveOperation& operation);
    [[nodiscard]] Result<void> boot_again(ActiveOperation& operation, Progress& progress);
    [[nodiscard]] Result<Image> make(ActiveOperation& operation, Work& work, const InstanceId& id, const CreateImageRequest& request,
                                     Progress& progress);
    [[nodiscard]] Result<void> undo_image(ActiveOperation& operation);
    [[nodiscard]] static Result<Snapshot> root_snapshot(CatalogSession& session, const Image& image);
    [[nodiscard]] Result<DiskSource> root_of(const Image& image);
    Ports ports_;
};

}  // namespace amivirt
