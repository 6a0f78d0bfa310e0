// Snapshots: taken in O(1) by sealing layers, described, deleted; and the flattening of deep chains.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/log.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/domain/filter.hpp"
#include "amivirt/domain/image.hpp"
#include "amivirt/domain/storage.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/id_source.hpp"
#include "amivirt/ports/layer_care.hpp"
#include "amivirt/ports/live_disks.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/operations.hpp"
#include "amivirt/services/storage.hpp"

namespace amivirt {

enum class CopyTags { none, of_volume };

struct CreateSnapshotsRequest {
    std::vector<VolumeId> volumes;  ///< all of one instance, or one that is attached to none
    std::string description;
    Tags tags;
    Quiesce quiesce = Quiesce::automatic;
    CopyTags copied = CopyTags::none;  ///< beside `tags`, which go before them
};

struct SnapshotQuery {
    std::vector<std::string> ids_or_names;
    std::vector<Filter> filters;
    std::optional<std::vector<AccountId>> owners = {};    ///< one of them; of none: nothing
    std::optional<LaunchPermissions> restorable_by = {};  ///< by one of them: its owner, or whom it is shared with
};

class Snapshots {
public:
    struct Ports {
        Catalog& catalog;
        Operations& operations;
        Storage& storage;
        LayerCare& care;
        LiveDisks& live;
        IdSource& ids;
        const Clock& clock;
        Log& log;
        unsigned chain_limit = 8;  ///< layers in a volume's chain, its top included, beyond which flatten() works
    };
    explicit Snapshots(Ports ports) : ports_(std::move(ports)) {}

    /// Of one point in time, completed on return, whatever the size. Running or stopped. In the order of `volumes`.
    /// Killed anywhere: all of them are there, or none.
    [[nodiscard]] Result<std::vector<Snapshot>> create(const AccountId& caller, const CreateSnapshotsRequest& request);
    /// The EBS volumes attached to an instance, root first, for a request.
    [[nodiscard]] Result<std::vector<VolumeId>> volumes_of_instance(const AccountId& caller, const Instance& instance);
    /// Those of `caller`, and those shared with it, without their owners' tags; in order of creation.
    [[nodiscard]] Result<Listing<Snapshot>> describe(const AccountId& caller, const SnapshotQuery& query);
    /// By id, or by Name tag if that is unambiguous. invalid_snapshot_not_found; those in the recycle bin are not to be found.
    [[nodiscard]] Result<Snapshot> resolve(const AccountId& caller, const std::string& id_or_name);
    /// auth_failure for another's that is shared. invalid_snapshot_in_use while the mapping names it of an image that is there or can be
    /// had back. In any order; a layer goes when nothing reaches it. Returned with its stay in the recycle bin, where a retention rule
    /// keeps it there. One that was never completed is gone at once.
    [[nodiscard]] Result<Snapshot> remove(const AccountId& caller, const std::string& id_or_name);

    /// Volumes at rest (attached to no running instance) whose chain is deeper than the limit.
    [[nodiscard]] Result<std::vector<VolumeId>> too_deep();
    /// Copies what lies between the chain's base and the volume's top into one layer and moves the top over it. Holds nothing that a start
    /// of the instance needs while it copies; a volume that is no longer at rest by then is left as it was (false).
    [[nodiscard]] Result<bool> flatten(const VolumeId& volume, Progress& progress);
    /// Finishes or undoes an operation whose process is dead. hypervisor_unavailable leaves it for later.
    [[nodiscard]] Result<void> recover(ActiveOperation& operation);

private:
    [[nodiscard]] Result<void> complete(ActiveOperation& operation, const std::vector<SnapshotId>& ids);
    [[nodiscard]] Result<void> settle(ActiveOperation& operation);
    [[nodiscard]] Result<void> settle_flattening(ActiveOperation& operation);
    [[nodiscard]] static Result<bool> at_rest(CatalogSession& session, const Volume& volume);
    Ports ports_;
};

}  // namespace amivirt
