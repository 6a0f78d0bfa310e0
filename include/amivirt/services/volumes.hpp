// Volumes: create, describe, attach, detach, modify, delete.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/log.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/domain/filter.hpp"
#include "amivirt/domain/storage.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/hypervisor.hpp"
#include "amivirt/ports/id_source.hpp"
#include "amivirt/ports/live_disks.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/operations.hpp"
#include "amivirt/services/snapshots.hpp"
#include "amivirt/services/storage.hpp"

namespace amivirt {

/// A size, a snapshot, or both; what is absent takes EC2's default.
struct CreateVolumeRequest {
    std::optional<GiB> size;
    std::string snapshot;  ///< id or Name tag; "" an empty volume
    std::optional<VolumeType> type;
    std::optional<std::uint32_t> iops;
    std::optional<std::uint32_t> throughput;
    bool encrypted = false;  ///< a volume from an encrypted snapshot is, said or not
    Tags tags;
    /// Called in the transaction that reserves it, so that what it writes is there if and only if the volume is.
    std::function<Result<void>(CatalogSession& session, const Volume& creating)> with_reservation = {};
};

/// What is absent stays.
struct ModifyVolumeRequest {
    std::optional<GiB> size;  ///< may only grow
    std::optional<VolumeType> type;
    std::optional<std::uint32_t> iops;
    std::optional<std::uint32_t> throughput;
    /// Called in the transaction that makes it so; not where nothing changes.
    std::function<Result<void>(CatalogSession& session, const Volume& before, const Volume& after)> with_change = {};
};

struct AttachVolumeRequest {
    std::string volume;    ///< id or Name tag
    std::string instance;  ///< id or Name tag
    std::string device;    ///< "/dev/sdf"; "" the first free of /dev/sdf..p, then the rest
    bool delete_on_termination = false;
};

/// Does a volume go with its instance?
enum class DeleteOnTermination { yes, no };

struct VolumeQuery {
    std::vector<std::string> ids_or_names;
    std::vector<Filter> filters;
};

class Volumes {
public:
    struct Ports {
        Catalog& catalog;
        Operations& operations;
        Storage& storage;
        Instances& instances;
        Snapshots& snapshots;
        LiveDisks& live;
        IdSource& ids;
        const Clock& clock;
        Log& log;
    };
    explicit Volumes(Ports ports) : ports_(ports) {}

    /// Reports all faults at once. missing_parameter without size and snapshot.
    [[nodiscard]] Result<Volume> create(const AccountId& caller, const CreateVolumeRequest& request);
    /// In order of creation; roots of instance-store instances are no volumes.
    [[nodiscard]] Result<Listing<Volume>> describe(const AccountId& caller, const VolumeQuery& query);
    /// By id, or by Name tag if that is unambiguous. invalid_volume_not_found.
    [[nodiscard]] Result<Volume> resolve(const AccountId& caller, const std::string& id_or_name);
    /// To a running (hot-plugged) or stopped instance. volume_in_use; invalid_parameter_value for a device that is taken or ill-formed.
    /// Killed anywhere: attached or not, in catalog and domain alike.
    [[nodiscard]] Result<Volume> attach(const AccountId& caller, const AttachVolumeRequest& request);
    /// Idempotent: an available volume is done (as a repeat must find it). A running guest is asked to let go and has `patience` to;
    /// timed_out leaves it attached. The root of a running instance: operation_not_permitted.
    [[nodiscard]] Result<Volume> detach(const AccountId& caller, const std::string& volume, Duration patience);
    /// A running guest sees a new size at once. Checks the limits of the (new) type.
    [[nodiscard]] Result<Volume> modify(const AccountId& caller, const std::string& volume, const ModifyVolumeRequest& request);
    /// volume_in_use while attached. Its snapshots stay. Returns it as it was, `deleted`.
    [[nodiscard]] Result<Volume> remove(const AccountId& caller, const std::string& volume);
    /// Of an attached volume, by its device name, also while the instance runs. invalid_attachment_not_found.
    [[nodiscard]] Result<Volume> set_delete_on_termination(const AccountId& caller, const std::string& instance, const std::string& device,
                                                           DeleteOnTermination value);
    /// Finishes or undoes an operation whose process is dead. hypervisor_unavailable leaves it for later.
    [[nodiscard]] Result<void> recover(ActiveOperation& operation);

private:
    [[nodiscard]] Result<Volume> reread(const VolumeId& id);
    [[nodiscard]] static Result<Volume> modified(const Volume& before, const ModifyVolumeRequest& request);
    [[nodiscard]] static Result<void> drop_attachment(CatalogSession& session, const VolumeId& id);
    [[nodiscard]] Result<void> undo_create(ActiveOperation& operation);
    [[nodiscard]] Result<void> go_on_detaching(ActiveOperation& operation);
    [[nodiscard]] Result<void> settle_attachment(ActiveOperation& operation);
    [[nodiscard]] Result<void> settle_size(ActiveOperation& operation);
    Ports ports_;
};

}  // namespace amivirt
