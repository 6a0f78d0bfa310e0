// Instances: run, describe, stop, start, reboot, terminate.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "amivirt/domain/filter.hpp"
#include "amivirt/domain/instance_options.hpp"
#include "amivirt/ports/guest_disks.hpp"
#include "amivirt/ports/guest_networks.hpp"
#include "amivirt/ports/host.hpp"
#include "amivirt/ports/hypervisor.hpp"
#include "amivirt/ports/instance_files.hpp"
#include "amivirt/ports/instance_types.hpp"
#include "amivirt/ports/machine_log.hpp"
#include "amivirt/ports/seed_builder.hpp"
#include "amivirt/ports/ssh_keys.hpp"
#include "amivirt/services/images.hpp"
#include "amivirt/services/operations.hpp"
#include "amivirt/services/storage.hpp"

namespace amivirt {

class Faults;

enum class Force { yes, no };
enum class DryRun { yes, no };
enum class LargeUserData { yes, no };
enum class Inject { yes, no };

struct RunRequest {
    std::string image;   ///< id or name
    unsigned count = 1;  ///< 1..100; all or nothing
    unsigned asked =
        0;  ///< how many were asked for, if `count` is what there was room for of them: what a client token stands for; 0: count
    std::string type = "t3.micro";
    BlockDeviceMapping mapping;
    std::string user_data;  ///< at most 16 KiB (source: EC2 user data), or 1 MiB where that was asked for
    LargeUserData large_user_data = LargeUserData::no;
    Inject inject =
        Inject::no;  ///< keys, host name, host key and a user data script are put into the root volume, for images without cloud-init
    std::vector<PortForward> ports;  ///< more forwards; host_port 0: pick one. A fixed one with count > 1 is an error.
    Tags tags;
    Tags volume_tags;                ///< of every volume the launch makes
    std::vector<std::string> names;  ///< a Name tag for each by launch index, over `tags`; empty, or `count` of them
    std::string key_name;            ///< of the caller's key pair that is put in; "": none
    std::string network = "user";    ///< as parse_network takes it; on any but the user network, `ports` must be empty
    std::string session;             ///< as Instance::session
    std::optional<Duration> ttl{};   ///< lease, from the launch on; none: until it is terminated
    std::string lifeline;            ///< as Instance::lifeline
    std::string client_token;
    std::string placement;  ///< what else was asked for, which a repeat with the same token must say too (subnet, security groups)
    AcceleratorRequest accelerator = AcceleratorRequest::automatic;
    ShutdownBehavior shutdown_behavior = ShutdownBehavior::stop;
    bool termination_protected = false;
    InstanceOptions options{};
    Tags system_tags{};  ///< over `tags`, and not checked: "aws:" keys that EC2 gives by itself
    DryRun dry_run = DryRun::no;
    std::set<InstanceId> leaving{};  ///< a dry run's: they will be gone by then, and their ports are free
    /// Called when they are in the catalog, pending, and nothing else is made yet: from here on every process sees them. If they cannot be
    /// brought up then, they stay as `terminated`, with the reason (source: EC2 Server.InternalError).
    std::function<void(const std::vector<Instance>& pending)> on_reserved = {};
    /// Called in the transaction that reserves them, so that what it writes is there if and only if they are.
    std::function<Result<void>(CatalogSession& session, const std::vector<Instance>& pending)> with_reservation = {};
};

/// An instance as a describe shows it: the record, what libvirt says now, its volumes and its image's name.
struct InstanceView {
    Instance instance;
    std::vector<Volume> volumes;           ///< attached, root first
    std::string image_name;                ///< "" if the image is gone
    std::optional<DomainState> observed;   ///< nullopt: libvirt could not be asked, or the instance has no domain
    std::vector<std::string> addresses{};  ///< on its network; none on the user network
    std::string public_address{};          ///< of PublicAddresses, who fills it in; "" none
    InstanceOptions options{};
};

/// Where a TCP connection reaches an instance from this host.
struct Reach {
    std::string address;
    std::uint16_t port = 22;
    friend bool operator==(const Reach&, const Reach&) = default;
};

/// When an instance is over by itself.
struct NewLease {
    std::optional<Duration> ttl;  ///< from now on, as check_ttl takes it; none: it lives until it is terminated
};

/// What instance modify changes; what is not there stays.
struct ModifyInstanceRequest {
    std::optional<std::string> type{};       ///< stopped only
    std::optional<std::string> user_data{};  ///< raw bytes, as of a launch; stopped only
    LargeUserData large_user_data = LargeUserData::no;
    std::optional<ShutdownBehavior> shutdown_behavior{};
    std::optional<bool> termination_protected{};
    std::optional<NewLease> lease{};
    InstanceOptionsChange options{};  ///< ebs_optimized, ena_support and sriov_net_support: stopped only
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
    std::string session;  ///< only those launched in it; "": all
};

/// Called when a change is in the catalog, with the instance in its transitional state, and its steps are to follow: from here on every
/// process sees it. Not where there is nothing to do.
using Begun = std::function<void(const Instance& changing)>;

class Instances {
public:
    struct Ports {
        Catalog& catalog;
        Operations& operations;
        Storage& storage;
        Images& images;
        Hypervisor& hypervisor;
        GuestNetworks& networks;
        MachineLog& machine_log;
        InstanceFiles& files;
        SeedBuilder& seeds;
        SshKeys& ssh_keys;
        GuestDisks& guests;
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
    /// Of a caller's own instance, by id.
    [[nodiscard]] Result<InstanceOptions> options(const AccountId& caller, const std::string& id_or_name);
    /// Idempotent: a stopped one is done; operation_not_permitted under stop protection. Asks the guest, waits `grace`, then pulls the
    /// plug; Force::yes pulls it at once.
    [[nodiscard]] Result<Instance> stop(const AccountId& caller, const std::string& id_or_name, Duration grace, Force force,
                                        const Begun& begun = {});
    /// From the same volumes; a running one is done. A forwarded port that was picked, and is taken meanwhile, is replaced, with a note;
    /// for one that was asked for it is insufficient_instance_capacity, and it stays stopped.
    [[nodiscard]] Result<Instance> start(const AccountId& caller, const std::string& id_or_name, AcceleratorRequest accelerator,
                                         Progress& progress, const Begun& begun = {});
    /// incorrect_instance_state unless running. Asks the guest and returns (as EC2's call does); Force::yes resets it at once.
    [[nodiscard]] Result<Instance> reboot(const AccountId& caller, const std::string& id_or_name, Force force);
    /// From any state, idempotent; operation_not_permitted if protected. Domain and disks are gone on return.
    [[nodiscard]] Result<Instance> terminate(const AccountId& caller, const std::string& id_or_name, const Begun& begun = {});
    /// The same whoever's it is, also under termination protection. What is not there is done.
    [[nodiscard]] Result<void> terminate_anyway(const InstanceId& id);
    /// Whoever's it is, if `over` says so of it as it is once claimed: the state it was in. nullopt: it is not over, or another process is
    /// at work on it. operation_not_permitted if protected.
    [[nodiscard]] Result<std::optional<InstanceState>> end_lease(const InstanceId& id, const std::function<bool(const Instance&)>& over);
    /// Takes effect at the next start. All faults at once, and then nothing is changed: incorrect_instance_state for what needs a stopped
    /// instance, or if it is terminated; unsupported_operation for type, user data and shutdown behavior of an instance-store instance
    /// (source: EC2 ModifyInstanceAttribute); operation_not_permitted for a lease and termination protection together, which contradict
    /// each other. A new type's instance store replaces the old one's.
    [[nodiscard]] Result<Instance> modify(const AccountId& caller, const std::string& id_or_name, const ModifyInstanceRequest& request);
    /// Waits until it is in this state, as EC2's waiters do: incorrect_instance_state at once if it cannot get there any more (or is gone:
    /// a launch that failed), timed_out.
    [[nodiscard]] Result<void> wait_state(const AccountId& caller, const InstanceId& instance, InstanceState state, Duration timeout);
    /// Where its SSH is to be reached now: the forward to its port 22, else port 22 of its address. nullopt: it has no address (yet).
    [[nodiscard]] Result<std::optional<Reach>> reach(const Instance& instance);
    /// Its addresses on its network, best first; none on the user network, or if none is known (yet).
    [[nodiscard]] Result<std::vector<std::string>> addresses(const Instance& instance);
    enum class Report { brief, full };
    /// Waits for SSH's greeting there. timed_out, or incorrect_instance_state if it goes off or its kernel panics meanwhile: then with
    /// QEMU's own words, the last lines of its console (more of them for Report::full), and where all of it is.
    [[nodiscard]] Result<void> wait_ssh(const InstanceId& instance, Duration timeout, Report report = Report::brief);
    /// Finishes or undoes an operation whose process is dead. hypervisor_unavailable leaves it for later.
    [[nodiscard]] Result<void> recover(ActiveOperation& operation);

    /// Did an instance come to rest (by whatever way) in a call since this was last asked? Then chains of its volumes can be flattened.
    [[nodiscard]] bool any_came_to_rest() noexcept { return came_to_rest_.exchange(false); }

    // For an operation that holds the instance; its record is not touched but by a power_up that fails.
    /// Asks the guest to power off, waits `grace`, then pulls the plug; Force::yes pulls it at once. Off is done. Interruptible.
    [[nodiscard]] Result<void> power_down(const InstanceId& id, Duration grace, Force force);
    /// Boots it from its volumes, as the catalog has them now, its instance store disks kept; on is done. What cannot be started is written
    /// down as stopped, and the error says why; hypervisor_unavailable changes nothing.
    [[nodiscard]] Result<void> power_up(const InstanceId& id, Progress& progress);

private:
    struct Plan;
    struct Machine;  // an instance with its volumes and their parent layers
    [[nodiscard]] Result<Plan> plan(const AccountId& caller, const RunRequest& request);
    [[nodiscard]] Result<std::vector<Instance>> launched_before(const AccountId& caller, const RunRequest& request);
    [[nodiscard]] Result<std::vector<Machine>> reserve(CatalogSession& session, const AccountId& caller, const Plan& plan,
                                                       const RunRequest& request);
    [[nodiscard]] Result<std::vector<Instance>> bring_all_up(ActiveOperation& operation, std::vector<Machine>& machines, const Plan& plan,
                                                             const RunRequest& request, Progress& progress);
    [[nodiscard]] Result<void> make_files(const Machine& machine, const Plan& plan, Inject inject, Progress& progress);
    [[nodiscard]] Result<void> persist_files(const std::vector<Machine>& machines);
    [[nodiscard]] Result<Seed> seed_of(const Instance& instance, const std::string& public_key) const;
    enum class InstanceStore { anew, kept };
    [[nodiscard]] Result<void> power_on(Machine& machine, const InstanceType& type, Begin begin, InstanceStore instance_store,
                                        Progress& progress);
    [[nodiscard]] Result<void> check_fixed_ports(CatalogSession& session, const AccountId& caller, const RunRequest& request,
                                                 Faults& faults);
    [[nodiscard]] Result<void> replace_ports(Instance& instance, Progress& progress);
    [[nodiscard]] Result<std::vector<PortForward>> pick_ports(CatalogSession& session, const InstanceId& own,
                                                              const std::vector<PortForward>& wanted);
    [[nodiscard]] Result<void> undo_launch(ActiveOperation& operation);
    void leave_terminated(const std::vector<Machine>& machines, const Error& reason);
    /// `failure`: of what was under way, which an instance that is off then has as its state reason; null for none.
    [[nodiscard]] Result<void> settle(ActiveOperation& operation, const Error* failure = nullptr);
    [[nodiscard]] Result<void> finish_termination(ActiveOperation& operation);
    [[nodiscard]] Result<void> finish_modification(ActiveOperation& operation);
    [[nodiscard]] Result<Instance> terminate_by_id(const InstanceId& id, Force force, const Begun& begun = {});
    [[nodiscard]] Result<void> write_down(const Instance& seen);
    [[nodiscard]] Result<void> remove_orphans(const std::vector<ObservedDomain>& domains);
    [[nodiscard]] Result<Instance> reread(const InstanceId& id);
    Ports ports_;
    std::atomic<bool> came_to_rest_{false};
};

}  // namespace amivirt
