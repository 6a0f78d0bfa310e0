#include "adapters/libvirt/live_disks.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "adapters/common/key_file.hpp"
#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt::libvirt {
namespace {

using std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

// A guest that has not booted far enough may lose a request, and QEMU takes no second one within a second of the first.
constexpr milliseconds k_ask_again{1100};
constexpr milliseconds k_look_again{100};
// How long an agent may take to answer to a greeting.
constexpr int k_agent_seconds = 5;
// Another process may take the target name that was free a moment ago.
constexpr int k_target_attempts = 5;

class LibvirtLiveDisks final : public LiveDisks {
public:
    explicit LibvirtLiveDisks(std::shared_ptr<Domains> domains) : domains_(std::move(domains)) {}
    Result<std::optional<std::vector<LiveDisk>>> attached(const InstanceId& instance) override;
    Result<void> attach(const InstanceId& instance, const DomainDisk& disk) override;
    Result<void> detach(const InstanceId& instance, const std::string& serial, Duration patience) override;
    Result<void> resize(const InstanceId& instance, const std::string& serial, Bytes size) override;
    Result<void> tune(const InstanceId& instance, const std::string& serial, std::optional<std::uint32_t> iops,
                      std::optional<std::uint32_t> throughput) override;
    Result<Frozen> snapshot(const InstanceId& instance, const std::vector<Overlay>& overlays, Quiesce quiesce) override;

private:
    /// What a call on a running machine came to: libvirt's failure, or an error of our own.
    using Step = Result<Outcome>;
    struct Call {
        virDomainPtr domain;
        const Connection& connection;
        const Machine& machine;
        Attempt attempt;
    };
    /// Runs `act(const Call&)` -> Step on the machine as it is at this moment.
    template <class Act>
    Result<void> on_machine(const InstanceId& instance, const std::string& doing, Act&& act) {
        std::optional<Error> refused;
        AMIVIRT_TRY(
            domains_->with_running(instance, doing, [&](virDomainPtr domain, const Connection& connection, Attempt attempt) -> Outcome {
                refused.reset();
                const CString xml(virDomainGetXMLDesc(domain, 0));
                if (!xml) {
                    return last_failure();
                }
                const Machine machine = read_machine(xml.get());
                const Step step =
                    machine.running ? act(Call{domain, connection, machine, attempt}) : Step(domains_->not_running(instance, doing));
                if (!step) {
                    refused = step.error();
                    return {};
                }
                return *step;
            }));
        return refused ? Result<void>(*refused) : Result<void>();
    }
    /// on_machine() for one disk: `act(call, disk)`.
    template <class Act>
    Result<void> on_disk(const InstanceId& instance, const std::string& doing, const std::string& serial, Act&& act) {
        return on_machine(instance, doing, [&](const Call& call) -> Step {
            const MachineDisk* const disk = call.machine.find(serial);
            return disk == nullptr ? Step(no_disk(instance, serial)) : act(call, *disk);
        });
    }
    static Error no_disk(const InstanceId& instance, const std::string& serial) {
        return {Code::invalid_attachment_not_found, fmt::format("\"{}\" has no disk \"{}\" attached", instance.str(), serial)};
    }

    std::shared_ptr<Domains> domains_;
};

Result<std::optional<std::vector<LiveDisk>>> LibvirtLiveDisks::attached(const InstanceId& instance) {
    std::optional<std::vector<LiveDisk>> disks;
    AMIVIRT_TRY(domains_->with(instance.str(), "list the disks of", [&](virDomainPtr domain, const Connection&, Attempt) -> Outcome {
        disks.reset();
        const CString xml(virDomainGetXMLDesc(domain, 0));
        if (!xml) {
            return last_failure();
        }
        const Machine machine = read_machine(xml.get());
        if (machine.running) {
            disks.emplace();
            for (const MachineDisk& disk : machine.disks) {
                if (!disk.serial.empty()) {
                    disks->push_back({disk.serial, disk.source});
                }
            }
        }
        return {};
    }));
    return disks;
}

Result<void> LibvirtLiveDisks::attach(const InstanceId& instance, const DomainDisk& disk) {
    check_interrupt();
    const std::string doing = fmt::format("attach the disk \"{}\" to", disk.serial);
    bool target_taken = false;
    for (int attempt = 0; attempt == 0 || (target_taken && attempt < k_target_attempts); ++attempt) {
        AMIVIRT_TRY(on_machine(instance, doing, [&](const Call& call) -> Step {
            target_taken = false;
            if (const MachineDisk* const present = call.machine.find(disk.serial)) {
                if (present->source.location == disk.source.location) {
                    return Outcome();
                }
                return Error(Code::incorrect_state, fmt::format("cannot {} \"{}\": its disk of that name is \"{}\" and not \"{}\"", doing,
                                                                instance.str(), present->source.location, disk.source.location));
            }
            const DiskChain chain = AMIVIRT_TRY(domains_->chain(call.connection, disk.source));
            LentKey key;
            if (any_encrypted(chain)) {
                if (Outcome failure = AMIVIRT_TRY(domains_->lend_key(call.connection, call.machine.store_id, key))) {
                    return failure;
                }
            }
            const std::string xml = render_disk(call.machine.free_target(), disk, chain, secret_uuid(call.machine.store_id));
            // The machine only: every start of ours defines the domain anew, from the catalog.
            if (virDomainAttachDeviceFlags(call.domain, xml.c_str(), VIR_DOMAIN_AFFECT_LIVE) < 0) {
                const Failure failure = last_failure();
                if (out_of_slots(failure)) {
                    return Error(Code::insufficient_instance_capacity,
                                 fmt::format("cannot {} \"{}\": its machine has no slot left: {}", doing, instance.str(), failure.message));
                }
                target_taken = failure.code == VIR_ERR_OPERATION_FAILED && says(failure, "already exists");
                if (target_taken && attempt + 1 < k_target_attempts) {
                    return Outcome();
                }
                if (says(failure, "Permission denied") || says_key_refused(failure.message)) {
                    return domains_->failed_on_files(instance.str(), doing, failure, {disk.source.location}, {disk.source.location});
                }
                return Outcome(failure);
            }
            fault_point("live.attached");
            return Outcome();
        }));
    }
    return {};
}

Result<void> LibvirtLiveDisks::detach(const InstanceId& instance, const std::string& serial, Duration patience) {
    const std::string doing = fmt::format("detach the disk \"{}\" from", serial);
    const SteadyTime deadline = std::chrono::steady_clock::now() + patience;
    SteadyTime ask_next{};
    while (true) {
        check_interrupt();
        bool gone = false;
        AMIVIRT_TRY(on_machine(instance, doing, [&](const Call& call) -> Step {
            const MachineDisk* const disk = call.machine.find(serial);
            gone = disk == nullptr;
            const SteadyTime now = std::chrono::steady_clock::now();
            if (gone || now < ask_next) {
                return Outcome();
            }
            ask_next = now + k_ask_again;
            // By its alias, because that call does not wait for the guest: it could not be interrupted.
            if (virDomainDetachDeviceAlias(call.domain, disk->alias.c_str(), VIR_DOMAIN_AFFECT_LIVE) < 0) {
                Failure failure = last_failure();
                // Gone since we looked, or the guest is at it.
                const bool pending = failure.code == VIR_ERR_DEVICE_MISSING || says(failure, "in the process of unplug");
                return pending ? Outcome() : Outcome(std::move(failure));
            }
            fault_point("live.detach_requested");
            return Outcome();
        }));
        if (gone) {
            fault_point("live.detached");
            return {};
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            return Error(Code::timed_out, fmt::format("the guest of \"{}\" did not let go of the disk \"{}\" within {} ms", instance.str(),
                                                      serial, patience.count()));
        }
        std::this_thread::sleep_for(k_look_again);
    }
}

Result<void> LibvirtLiveDisks::resize(const InstanceId& instance, const std::string& serial, Bytes size) {
    check_interrupt();
    return on_disk(instance, fmt::format("resize the disk \"{}\" of", serial), serial,
                   [&](const Call& call, const MachineDisk& disk) -> Step {
                       virDomainBlockInfo info{};
                       if (virDomainGetBlockInfo(call.domain, disk.target.c_str(), &info, 0) < 0) {
                           return Outcome(last_failure());
                       }
                       // Never smaller: QEMU would cut off what the guest has there.
                       if (info.capacity >= size.count) {
                           return Outcome();
                       }
                       if (virDomainBlockResize(call.domain, disk.target.c_str(), size.count, VIR_DOMAIN_BLOCK_RESIZE_BYTES) < 0) {
                           return Outcome(last_failure());
                       }
                       fault_point("live.resized");
                       return Outcome();
                   });
}

/// The parameters of a call, freed with what they hold.
class Parameters {
public:
    Parameters() = default;
    Parameters(const Parameters&) = delete;
    Parameters& operator=(const Parameters&) = delete;
    ~Parameters() { virTypedParamsFree(list_, count_); }
    [[nodiscard]] bool add(const char* name, std::uint64_t value) {
        return virTypedParamsAddULLong(&list_, &count_, &room_, name, value) == 0;
    }
    [[nodiscard]] virTypedParameterPtr list() const noexcept { return list_; }
    [[nodiscard]] int count() const noexcept { return count_; }

private:
    virTypedParameterPtr list_ = nullptr;
    int count_ = 0;
    int room_ = 0;
};

Result<void> LibvirtLiveDisks::tune(const InstanceId& instance, const std::string& serial, std::optional<std::uint32_t> iops,
                                    std::optional<std::uint32_t> throughput) {
    check_interrupt();
    return on_disk(
        instance, fmt::format("limit the disk \"{}\" of", serial), serial, [&](const Call& call, const MachineDisk& disk) -> Step {
            // 0 is no limit.
            Parameters limits;
            if (!limits.add(VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC, iops.value_or(0)) ||
                !limits.add(VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_BYTES_SEC, MiB{throughput.value_or(0)}.bytes().count)) {
                return Outcome(last_failure());
            }
            if (virDomainSetBlockIoTune(call.domain, disk.target.c_str(), limits.list(), limits.count(), VIR_DOMAIN_AFFECT_LIVE) < 0) {
                return Outcome(last_failure());
            }
            fault_point("live.tuned");
            return Outcome();
        });
}

bool writes_to(const Machine& machine, const std::vector<NewTop>& tops) {
    return std::ranges::all_of(tops, [&](const NewTop& top) {
        return std::ranges::any_of(machine.disks, [&](const MachineDisk& disk) {
            return disk.target == top.target && disk.source.location == top.source.location;
        });
    });
}

/// Does the guest's agent answer? One that hangs must not be asked to freeze: it would do so when it wakes up, with nobody to thaw it. From
/// then on libvirt waits for its answers without end, for the same reason.
bool agent_answers(virDomainPtr domain) {
    long long seconds = 0;
    unsigned nanoseconds = 0;
    virDomainAgentSetResponseTimeout(domain, k_agent_seconds, 0);
    const bool answers = virDomainGetTime(domain, &seconds, &nanoseconds, 0) == 0;
    return virDomainAgentSetResponseTimeout(domain, VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK, 0) == 0 && answers;
}

/// One transaction in QEMU; the snapshot itself is the catalog's to remember. libvirt freezes and thaws, not we: killed in between, we
/// would leave the guest frozen.
Outcome take_snapshot(virDomainPtr domain, const std::string& xml, LiveDisks::Frozen frozen) {
    unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC | VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA |
                     VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT;
    if (frozen == LiveDisks::Frozen::yes) {
        flags |= VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE;
    }
    const SnapshotPtr taken(virDomainSnapshotCreateXML(domain, xml.c_str(), flags));
    return taken ? Outcome() : Outcome(last_failure());
}

Result<LiveDisks::Frozen> LibvirtLiveDisks::snapshot(const InstanceId& instance, const std::vector<Overlay>& overlays, Quiesce quiesce) {
    check_interrupt();
    Frozen frozen = Frozen::no;
    AMIVIRT_TRY(on_machine(instance, "snapshot the disks of", [&](const Call& call) -> Step {
        std::vector<NewTop> tops;
        std::vector<std::string> encrypted;
        for (const Overlay& overlay : overlays) {
            const MachineDisk* const disk = call.machine.find(overlay.serial);
            if (disk == nullptr) {
                return no_disk(instance, overlay.serial);
            }
            const Encrypted is_encrypted = AMIVIRT_TRY(domains_->encrypted(call.connection, overlay.top));
            tops.push_back({disk->target, overlay.top, is_encrypted});
            if (tops.back().encrypted == Encrypted::yes) {
                encrypted.push_back(overlay.top.location);
            }
        }
        // A daemon that went away in the middle of it has left the guest frozen; one that is not takes no harm.
        if (call.attempt == Attempt::repeated && quiesce != Quiesce::no && call.machine.agent) {
            (void)virDomainFSThaw(call.domain, nullptr, 0, 0);
        }
        // On a second attempt: the daemon went away after it had taken the snapshot, and came back.
        if (tops.empty() || (call.attempt == Attempt::repeated && writes_to(call.machine, tops))) {
            return Outcome();
        }
        frozen = quiesce != Quiesce::no && call.machine.agent && agent_answers(call.domain) ? Frozen::yes : Frozen::no;
        if (quiesce == Quiesce::yes && frozen == Frozen::no) {
            return Error(Code::unsupported_operation,
                         fmt::format("the file systems of \"{}\" cannot be frozen: no QEMU guest agent {} in it", instance.str(),
                                     call.machine.agent ? "answers" : "runs"),
                         "install qemu-guest-agent in the guest, or do not ask for it to be frozen");
        }
        LentKey key;
        if (!encrypted.empty()) {
            if (Outcome failure = AMIVIRT_TRY(domains_->lend_key(call.connection, call.machine.store_id, key))) {
                return failure;
            }
        }
        const std::string xml = render_snapshot(call.machine, tops, secret_uuid(call.machine.store_id));
        Outcome failure = take_snapshot(call.domain, xml, frozen);
        if (failure && frozen == Frozen::yes) {
            // libvirt also fails when it has the snapshot and only the agent did not answer to the thaw.
            const CString now(virDomainGetXMLDesc(call.domain, 0));
            if (now && writes_to(read_machine(now.get()), tops)) {
                if (virDomainFSThaw(call.domain, nullptr, 0, 0) < 0) {
                    domains_->options().log.write(
                        LogLevel::warning, "libvirt",
                        fmt::format("the file systems of \"{}\" may still be frozen: {}", instance.str(), last_failure().message));
                }
                failure.reset();
            } else if (quiesce == Quiesce::automatic) {
                frozen = Frozen::no;
                failure = take_snapshot(call.domain, xml, frozen);
            }
        }
        if (failure && says_key_refused(failure->message)) {
            return domains_->failed_on_files(instance.str(), "snapshot the disks of", *failure, {}, encrypted);
        }
        if (!failure) {
            fault_point("live.snapshotted");
        }
        return failure;
    }));
    return frozen;
}

}  // namespace

std::unique_ptr<LiveDisks> make_live_disks(std::shared_ptr<Domains> domains) {
    return std::make_unique<LibvirtLiveDisks>(std::move(domains));
}

}  // namespace amivirt::libvirt
