// Instances: run, describe, stop, start, reboot, terminate.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/domain/filter.hpp"
#include "amivirt/ports/host.hpp"
#include "amivirt/ports/hypervisor.hpp"
#include "amivirt/ports/instance_files.hpp"
#include "amivirt/ports/instance_types.hpp"
#include "amivirt/ports/seed_builder.hpp"
#include "amivirt/services/images.hpp"
#include "amivirt/services/operations.hpp"
#include "amivirt/services/storage.hpp"

namespace amivirt {

enum class Force { yes, no };
enum class DryRun { yes, no };

struct RunRequest {
    std::string image;   ///< id or name
    unsigned count = 1;  ///< 1..100; all or nothing
    std::string type = "t3.micro";
    BlockDeviceMapping mapping;
    std::string user_data;           ///< at most 16 KiB (source: EC2 user data)
    std::vector<PortForward> ports;  ///< more forwards; host_port 0: pick one. A fixed one with count > 1 is an error.
    Tags tags;
    std::vector<std::string> names;  ///< a Name tag for each by launch index, over `tags`; empty, or `count` of them
    std::string client_token;
    AcceleratorRequest accelerator = AcceleratorRequest::automatic;
    ShutdownBehavior shutdown_behavior = ShutdownBehavior::stop;
    DryRun dry_run = DryRun::no;
    /// Called when they are in the catalog, pending, and nothing else is made yet: from here on every process sees them.
    std::function<void(const std::vector<Instance>& pending)> on_reserved = {};
};

/// An instance as a describe shows it: the record, what libvirt says now, its volumes and its image's name.
struct InstanceView {
    Instance instance;
    std::vector<Volume> volumes;          ///< attached, root first
    std::string image_name;               ///< "" if the image is gone
    std::optional<DomainState> observed;  ///< nullopt: libvirt could not be asked, or the instance has no domain
};

struct InstanceListing {
    std::vector<InstanceView> views;
    std::vector<std::string> unreadable;
    std::optional<Error> hypervisor_error;  ///< set: `observed` is unknown for all
};

struct InstanceQuery {
    std::vector<std::string> ids_or_names;
    std::vector<Filter> filters;
    bool include_terminated = false;
};

class Instances {
public:
    struct Ports {
        Catalog& catalog;
        Operations& operations;
        Storage& storage;
        Images& images;
        Hypervisor& hypervisor;
        InstanceFiles& files;
        SeedBuilder& seeds;
        InstanceTypes& types;
        Host& host;
        IdSource& ids;
        const Clock& clock;
        Log& log;
        std::string region;
        unsigned parallel = 8;  ///< launches and terminations at a time
    };
    explicit Instances(Ports ports) : ports_(std::move(ports)) {}

    /// Architecture section 4. Reports all faults before anything is made. `progress.note` tells an accelerator fall-back.
    /// Returns when the domains run; if one cannot, none stays. A client token seen before: the same instances (or a mismatch error).
    [[nodiscard]] Result<std::vector<Instance>> run(const AccountId& caller, const RunRequest& request, Progress& progress);
    /// Observes libvirt first and writes down what it saw (a guest that powered itself off is `stopped` or terminated).
    [[nodiscard]] Result<InstanceListing> describe(const AccountId& caller, const InstanceQuery& query);
    /// By id, or by Name tag if that is unambiguous among the caller's instances not terminated.
    [[nodiscard]] Result<Instance> resolve(const AccountId& caller, const std::string& id_or_name);
    /// Idempotent: a stopped one is done. Asks the guest, waits `grace`, then pulls the plug; Force::yes pulls it at once.
    [[nodiscard]] Result<Instance> stop(const AccountId& caller, const std::string& id_or_name, Duration grace, Force force);
    /// From the same volumes; a running one is done. A forwarded port that was taken meanwhile is replaced, with a note.
    [[nodiscard]] Result<Instance> start(const AccountId& caller, const std::string& id_or_name, AcceleratorRequest accelerator,
                                         Progress& progress);
    /// incorrect_instance_state unless running. Asks the guest and returns (as EC2's call does); Force::yes resets it at once.
    [[nodiscard]] Result<Instance> reboot(const AccountId& caller, const std::string& id_or_name, Force force);
    /// From any state, idempotent; operation_not_permitted if protected. Domain and disks are gone on return.
    [[nodiscard]] Result<Instance> terminate(const AccountId& caller, const std::string& id_or_name);
    /// Waits for SSH's greeting on the instance's forwarded port; timed_out, or incorrect_instance_state if it stops meanwhile.
    [[nodiscard]] Result<void> wait_ssh(const InstanceId& instance, Duration timeout);
    /// Finishes or undoes an operation whose process is dead. hypervisor_unavailable leaves it for later.
    [[nodiscard]] Result<void> recover(ActiveOperation& operation);

private:
    struct Plan;
    struct Machine;  // an instance with its volumes and their parent layers
    [[nodiscard]] Result<Plan> plan(const AccountId& caller, const RunRequest& request);
    [[nodiscard]] Result<std::vector<Machine>> reserve(CatalogSession& session, const AccountId& caller, const Plan& plan,
                                                       const RunRequest& request);
    [[nodiscard]] Result<std::vector<Instance>> bring_all_up(ActiveOperation& operation, std::vector<Machine>& machines, const Plan& plan,
                                                             const RunRequest& request, Progress& progress);
    [[nodiscard]] Result<void> bring_up(Machine& machine, const InstanceType& type, Begin begin, Progress& progress);
    [[nodiscard]] Result<void> power_on(Machine& machine, const InstanceType& type, Begin begin, Progress& progress);
    [[nodiscard]] Result<void> replace_ports(Instance& instance, Progress& progress);
    [[nodiscard]] Result<std::vector<PortForward>> pick_ports(CatalogSession& session, const std::vector<PortForward>& wanted);
    [[nodiscard]] Result<void> undo_launch(ActiveOperation& operation);
    [[nodiscard]] Result<void> settle(ActiveOperation& operation);
    [[nodiscard]] Result<void> finish_termination(ActiveOperation& operation);
    [[nodiscard]] Result<Instance> terminate_by_id(const InstanceId& id, Force force);
    [[nodiscard]] Result<void> write_down(const Instance& seen);
    [[nodiscard]] Result<void> remove_orphans(const std::vector<ObservedDomain>& domains);
    [[nodiscard]] Result<Instance> reread(const InstanceId& id);
    Ports ports_;
};

}  // namespace amivirt
