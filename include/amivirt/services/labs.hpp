// Labs: brought to what their file says, and taken away.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "amivirt/base/log.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/domain/lab.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/host.hpp"
#include "amivirt/ports/ssh_keys.hpp"
#include "amivirt/services/cloud_init.hpp"
#include "amivirt/services/images.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/operations.hpp"
#include "amivirt/services/tagging.hpp"
#include "amivirt/services/volumes.hpp"

namespace amivirt {

/// A lab as it is, and what `up` would do (or did) about each member.
struct LabReport {
    LabPlan plan;
    std::vector<InstanceView> views;        ///< of the members' instances that are there
    std::optional<Error> hypervisor_error;  ///< set: the states are as last known
};

struct LabOptions {
    AcceleratorRequest accelerator = AcceleratorRequest::automatic;
    Duration patience{std::chrono::minutes(10)};  ///< for each wait for a machine to be ready
    Readiness until = Readiness::running;         ///< what all machines are waited for at the end
    std::string session;                          ///< as Instance::session
    std::string default_key;                      ///< of machines whose section names no key pair; "" none
    /// Told before anything is done, also when there is nothing to do.
    std::function<void(const LabPlan&)> on_plan = {};
};

/// A lab's name is its account's own: another account's lab of that name is another lab.
class Labs {
public:
    struct Ports {
        Catalog& catalog;
        Operations& operations;
        Images& images;
        Instances& instances;
        Volumes& volumes;
        Tagging& tagging;
        CloudInit& cloud_init;
        SshKeys& keys;
        Host& host;
        IdSource& ids;
        const Clock& clock;
        Log& log;
        unsigned parallel = 8;  ///< launches and terminations at a time
    };
    explicit Labs(Ports ports) : ports_(std::move(ports)) {}

    /// What there is and what `up` would do; changes nothing of the lab.
    [[nodiscard]] Result<LabReport> examine(const AccountId& caller, const Lab& lab);
    /// The same, or all that `up` would refuse.
    [[nodiscard]] Result<LabReport> plan(const AccountId& caller, const Lab& lab, const LabOptions& options);
    /// Checks all that can be checked before anything is made, and tells all faults at once. Then, with the lab held against others (`busy`
    /// after 30 s): machines that go are terminated, volumes made or grown, machines launched or changed, each once those it depends on are
    /// as ready as it wants. One that fails keeps back those that depend on it, not the others. Killed anywhere, the next `up` goes on:
    /// whatever it made is the lab's from the transaction on that made it. The report's steps are what was done.
    [[nodiscard]] Result<LabReport> up(const AccountId& caller, const Lab& lab, const LabOptions& options, Progress& progress);
    /// Removes what `up` made, machines before those they depend on (as far as `lab` tells; it may be null). Idempotent.
    [[nodiscard]] Result<LabReport> down(const AccountId& caller, const std::string& name, const Lab* lab, KeepVolumes keep,
                                         const LabOptions& options, Progress& progress);

private:
    class Run;
    struct Seen;
    [[nodiscard]] Result<Seen> look(const AccountId& caller, const std::string& name);
    [[nodiscard]] Result<std::unique_ptr<ActiveOperation>> hold(const AccountId& caller, const std::string& name);
    Ports ports_;
};

}  // namespace amivirt
