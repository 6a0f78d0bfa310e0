// Domains in memory, guests that obey or do not.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/hypervisor.hpp"
#include "amivirt/ports/live_disks.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// What a guest does when asked to power off, reboot or let go of a disk.
enum class AcpiAnswer { obeys, ignores };
/// Does a QEMU guest agent run in the guest?
enum class GuestAgent {
    absent,
    present,
    hangs,    ///< it answers nothing
    refuses,  ///< it answers, but its file systems do not freeze
};

struct FakeDomain {
    std::optional<DomainSpec> spec;  ///< none: not amivirt's
    DomainState state = DomainState::off;
    OffReason reason = OffReason::none;
    AcpiAnswer answer = AcpiAnswer::obeys;
    unsigned boots = 0;  ///< starts, obeyed reboots and resets
    unsigned shutdown_requests = 0;
    GuestAgent agent = GuestAgent::absent;
    std::vector<DomainDisk> disks;       ///< what the machine has since its start, hot-plugged ones last; limits as they are now
    std::map<std::string, Bytes> sizes;  ///< what resize() last made of a disk, by serial
    unsigned freezes = 0;
};

/// As with QEMU, a start fails if one of its disks or forwarded ports is in use by another running domain.
/// Steps: "info", "observe", "owner", "start", "resume", "request_shutdown", "request_reboot", "reset", "power_off", "remove". A scripted
/// failure of "start" leaves the domain defined, off, as the real one does. As LiveDisks: "attached", "attach", "detach", "resize", "tune",
/// "snapshot". A guest that ignores detach() has its patience run out at once.
class FakeHypervisor final : public Hypervisor, public LiveDisks {
public:
    [[nodiscard]] Result<HypervisorInfo> info() override;
    [[nodiscard]] Result<std::vector<ObservedDomain>> observe() override;
    [[nodiscard]] Result<std::optional<ObservedDomain>> observe(const InstanceId& instance) override;
    [[nodiscard]] Result<std::optional<std::string>> owner(const std::string& domain_name) override;
    [[nodiscard]] Result<void> start(const DomainSpec& spec, Begin begin) override;
    [[nodiscard]] Result<void> resume(const InstanceId& instance) override;
    [[nodiscard]] Result<void> request_shutdown(const InstanceId& instance) override;
    [[nodiscard]] Result<void> request_reboot(const InstanceId& instance) override;
    [[nodiscard]] Result<void> reset(const InstanceId& instance) override;
    [[nodiscard]] Result<void> power_off(const InstanceId& instance) override;
    [[nodiscard]] Result<void> remove(const InstanceId& instance) override;

    [[nodiscard]] Result<std::optional<std::vector<LiveDisk>>> attached(const InstanceId& instance) override;
    [[nodiscard]] Result<void> attach(const InstanceId& instance, const DomainDisk& disk) override;
    [[nodiscard]] Result<void> detach(const InstanceId& instance, const std::string& serial, Duration patience) override;
    [[nodiscard]] Result<void> resize(const InstanceId& instance, const std::string& serial, Bytes size) override;
    [[nodiscard]] Result<void> tune(const InstanceId& instance, const std::string& serial, std::optional<std::uint32_t> iops,
                                    std::optional<std::uint32_t> throughput) override;
    [[nodiscard]] Result<Frozen> snapshot(const InstanceId& instance, const std::vector<Overlay>& overlays, Quiesce quiesce) override;

    /// How many disks a machine has room for.
    static constexpr std::size_t k_slots = 26;

    /// libvirtd is gone, and back. Domains run on meanwhile.
    void become_unavailable() { state_.lock()->available = false; }
    void become_available() { state_.lock()->available = true; }
    /// What guests started from now on do.
    void next_guests(AcpiAnswer answer) { state_.lock()->next_answer = answer; }
    void set_guest(const InstanceId& instance, AcpiAnswer answer);
    void set_agent(const InstanceId& instance, GuestAgent agent);
    /// The guest powers itself off.
    void guest_powers_off(const InstanceId& instance) { turn_off(instance.str(), OffReason::guest_shutdown); }
    /// Its QEMU dies.
    void crash(const InstanceId& instance) { turn_off(instance.str(), OffReason::crashed); }
    /// Some other program's domain, or (with a store id) one of ours.
    void add_domain(const std::string& name, const std::string& store_id, DomainState domain_state);
    void pause(const InstanceId& instance);
    /// A port of the host that another program has.
    void take_host_port(std::uint16_t port) { state_.lock()->taken_ports.insert(port); }

    [[nodiscard]] std::map<std::string, FakeDomain> domains() const { return state_.lock()->domains; }
    [[nodiscard]] std::optional<FakeDomain> domain(const InstanceId& instance) const;
    CallScript& script() noexcept { return script_; }

private:
    struct State {
        bool available = true;
        AcpiAnswer next_answer = AcpiAnswer::obeys;
        std::map<std::string, FakeDomain> domains;
        std::map<std::string, std::string> owners;
        std::set<std::uint16_t> taken_ports;
    };
    [[nodiscard]] Result<void> enter(const std::string& step);
    /// enter(), then `act(FakeDomain&, State&)` on a domain that is on.
    template <class Act>
    [[nodiscard]] Result<void> on_machine(const std::string& step, const InstanceId& instance, Act&& act);
    /// on_machine() for a disk that must be there: `act(FakeDomain&, DomainDisk&)`.
    template <class Act>
    [[nodiscard]] Result<void> on_disk(const std::string& step, const InstanceId& instance, const std::string& serial, Act&& act);
    void turn_off(const std::string& name, OffReason reason);

    mutable Sync<State> state_;
    CallScript script_;
};

}  // namespace amivirt::fakes
