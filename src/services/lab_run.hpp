// One change of a lab, and what it goes by. Private to src/services.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <semaphore>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/services/labs.hpp"
#include "faults.hpp"

namespace amivirt {

inline constexpr std::ptrdiff_t k_most_slots = 64;

/// LabMember::lab: an account's labs are its own.
[[nodiscard]] std::string lab_scope(const AccountId& caller, const std::string& lab);

struct Labs::Seen {
    LabThere there;
    std::vector<InstanceView> views;
    std::optional<Error> hypervisor_error;
};

/// One `up` or `down`, with the lab held.
class Labs::Run {
public:
    Run(Ports& ports, const AccountId& caller, std::string name, const LabOptions& options, Progress& progress)
        : ports_(ports),
          caller_(caller),
          name_(std::move(name)),
          options_(options),
          progress_(progress),
          slots_(std::min<std::ptrdiff_t>(std::max(ports.parallel, 1U), k_most_slots)) {}

    Result<void> check(const Lab& lab, const LabPlan& plan, const Seen& seen);
    Result<void> up(const Lab& lab, const LabPlan& plan);
    Result<void> down(const Lab* lab, const LabPlan& plan);

private:
    [[nodiscard]] static const LabStep* find_step(const LabPlan& plan, std::string_view kind, const std::string& name);
    [[nodiscard]] static const LabDependency* dependency(const Lab& lab, const LabMachine& of, const LabMachine& on);
    std::vector<Error> each(std::size_t count, const std::function<Result<void>(std::size_t)>& task);
    Result<void> combined(std::vector<Error> errors) const;

    // ---- Before anything is made.

    void check_launch(const Lab& lab, const LabMachine& machine, const Seen& seen, Faults& faults);

    /// A volume of the lab that somebody attached elsewhere is not taken away from there.
    void check_uses(const Lab& lab, const LabMachine& machine, const LabStep& step, const LabPlan& plan, const Seen& seen, Faults& faults);
    Result<void> check_snapshot(const Lab& lab, const LabVolume& volume);

    // ---- Records.

    Result<void> record(CatalogSession& session, const LabStep& step, const std::string& resource, const std::string& digest) const;
    Result<void> forget(CatalogSession& session, const LabStep& step) const;

    /// Of a machine that is called otherwise now, and of the disks that were added to it.
    Result<void> rename(const LabStep& step) const;

    /// What was changed in place is what the file says from now on.
    Result<void> note_digest(const LabStep& step) const;
    [[nodiscard]] Result<std::optional<LabMember>> member_of(const std::string& kind, const std::string& name) const;

    // ---- What goes.

    Result<void> let_go(const LabStep& step);
    Result<void> remove_other(const LabStep& step);

    // ---- What comes.

    Result<KeyPair> read_key(const LabKey& key) const;
    Result<void> bring_key(const Lab& lab, const LabStep& step);
    Result<void> bring_volume(const Lab& lab, const LabVolume& volume, const LabStep& step);
    Result<void> apply(const LabStep& step);
    Result<void> set_tags(const std::string& resource, const Tags& wanted);
    Result<void> bring_machine(const Lab& lab, const std::vector<LabMachine>& machines, std::size_t index,
                               const std::vector<std::size_t>& needed);
    Result<void> wait(const InstanceId& id, const std::string& name, Readiness until);
    Result<InstanceId> launch(const Lab& lab, const LabMachine& machine, const LabStep& step);

    /// What is attached once the machine runs: the lab's volumes, and disks that it did not have at its launch.
    static std::vector<LabDisk> attachments(const LabInstance& section, const LabStep& step);
    Result<void> attach(const Lab& lab, const LabMachine& machine, const InstanceId& id, const LabDisk& disk);

    /// The volume of a disk that is added to a machine: the one that an `up` which was killed has made, or a new one.
    Result<VolumeId> own_disk(const Lab& lab, const LabMachine& machine, const LabDisk& disk);
    static CreateVolumeRequest request_for(const EbsDevice& ebs, Tags tags);
    Result<RunRequest> request_for(const Lab& lab, const LabMachine& machine);

    /// What each of many launches has to say alike is said once.
    class OnceEach final : public Progress {
    public:
        explicit OnceEach(Progress& progress) : progress_(progress) {}
        void phase(std::string_view name, std::optional<Bytes> total) override { progress_.phase(name, total); }
        void advance(Bytes done) override { progress_.advance(done); }
        void note(std::string_view line) override {
            if (said_.lock()->emplace(line).second) {
                progress_.note(line);
            }
        }

    private:
        Progress& progress_;
        Sync<std::set<std::string>> said_;
    };

    /// A turn among `parallel`, which waits for readiness do not take.
    using Slots = std::counting_semaphore<k_most_slots>;
    class Slot {
    public:
        explicit Slot(Slots& slots) : slots_(slots) { slots_.acquire(); }
        Slot(const Slot&) = delete;
        Slot& operator=(const Slot&) = delete;
        ~Slot() { slots_.release(); }

    private:
        Slots& slots_;
    };

    Ports& ports_;
    const AccountId& caller_;
    std::string name_;
    const LabOptions& options_;
    OnceEach progress_;
    Slots slots_;
    const LabPlan* plan_ = nullptr;
    std::set<std::string> going_;                       ///< instances that are removed or replaced
    Sync<std::vector<std::optional<InstanceId>>> ids_;  ///< of the machines, in their order, once they are there
};

}  // namespace amivirt
