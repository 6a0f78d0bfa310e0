#include "fake_hypervisor.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace amivirt::fakes {

namespace {

bool is_on(const FakeDomain& domain) { return domain.state != DomainState::off; }

ObservedDomain observed(const std::string& name, const FakeDomain& domain) {
    return {name, domain.state, domain.state == DomainState::off ? domain.reason : OffReason::none};
}

Error no_domain(const InstanceId& instance) {
    return Error(Code::hypervisor_failed, fmt::format("Domain not found: no domain with matching name '{}'", instance.str()));
}

Error not_running(const InstanceId& instance) {
    return Error(Code::incorrect_instance_state, fmt::format("The instance \"{}\" is not running.", instance.str()));
}

Error no_disk(const InstanceId& instance, const std::string& serial) {
    return Error(Code::invalid_attachment_not_found, fmt::format("\"{}\" has no disk \"{}\" attached", instance.str(), serial));
}

DomainDisk* find_disk(FakeDomain& domain, const std::string& serial) {
    const auto found = std::ranges::find_if(domain.disks, [&](const DomainDisk& disk) { return !serial.empty() && disk.serial == serial; });
    return found == domain.disks.end() ? nullptr : &*found;
}

std::optional<Error> disk_in_use(const std::string& name, const DomainDisk& disk, const std::map<std::string, FakeDomain>& domains) {
    for (const auto& [other_name, other] : domains) {
        if (other_name != name && is_on(other) &&
            std::ranges::any_of(other.disks, [&](const DomainDisk& theirs) { return theirs.source.location == disk.source.location; })) {
            return Error(Code::hypervisor_failed,
                         fmt::format("Cannot use a disk of \"{}\": Failed to get \"write\" lock on \"{}\"", name, disk.source.location));
        }
    }
    return std::nullopt;
}

/// What the other running domains and the host hold against `spec`.
std::optional<Error> obstacle(const DomainSpec& spec, const std::map<std::string, FakeDomain>& domains,
                              const std::set<std::uint16_t>& taken_ports) {
    const auto port_error = [&](std::uint16_t port) {
        return Error(
            Code::insufficient_instance_capacity,
            fmt::format("Cannot start \"{}\": Could not set up host forwarding rule 'tcp:127.0.0.1:{}-:22'", spec.instance.str(), port));
    };
    for (const PortForward& port : spec.ports) {
        if (taken_ports.contains(port.host_port)) {
            return port_error(port.host_port);
        }
    }
    for (const auto& [name, other] : domains) {
        if (name == spec.instance.str() || !is_on(other) || !other.spec) {
            continue;
        }
        for (const PortForward& port : spec.ports) {
            if (std::ranges::any_of(other.spec->ports, [&](const PortForward& theirs) {
                    return theirs.address == port.address && theirs.host_port == port.host_port && theirs.protocol == port.protocol;
                })) {
                return port_error(port.host_port);
            }
        }
    }
    for (const DomainDisk& disk : spec.disks) {
        if (auto error = disk_in_use(spec.instance.str(), disk, domains)) {
            return error;
        }
    }
    return std::nullopt;
}

}  // namespace

Result<void> FakeHypervisor::enter(const std::string& step) {
    AMIVIRT_TRY(script_.pass(step));
    if (!state_.lock()->available) {
        return Error(Code::hypervisor_unavailable, "Cannot connect to \"fake:///system\": Connection refused");
    }
    return {};
}

template <class Act>
Result<void> FakeHypervisor::on_machine(const std::string& step, const InstanceId& instance, Act&& act) {
    AMIVIRT_TRY(enter(step));
    auto state = state_.lock();
    const auto found = state->domains.find(instance.str());
    if (found == state->domains.end() || !is_on(found->second)) {
        return not_running(instance);
    }
    return act(found->second, *state);
}

template <class Act>
Result<void> FakeHypervisor::on_disk(const std::string& step, const InstanceId& instance, const std::string& serial, Act&& act) {
    return on_machine(step, instance, [&](FakeDomain& domain, State&) -> Result<void> {
        DomainDisk* const disk = find_disk(domain, serial);
        if (disk == nullptr) {
            return no_disk(instance, serial);
        }
        return act(domain, *disk);
    });
}

Result<HypervisorInfo> FakeHypervisor::info() {
    AMIVIRT_TRY(enter("info"));
    return HypervisorInfo{"fake:///system", "QEMU 7.2.22", "9.0.0"};
}

Result<std::vector<ObservedDomain>> FakeHypervisor::observe() {
    AMIVIRT_TRY(enter("observe"));
    auto state = state_.lock();
    std::vector<ObservedDomain> all;
    for (const auto& [name, domain] : state->domains) {
        all.push_back(observed(name, domain));
    }
    return all;
}

Result<std::optional<ObservedDomain>> FakeHypervisor::observe(const InstanceId& instance) {
    AMIVIRT_TRY(enter("observe"));
    auto state = state_.lock();
    const auto found = state->domains.find(instance.str());
    if (found == state->domains.end()) {
        return std::optional<ObservedDomain>();
    }
    return std::optional(observed(found->first, found->second));
}

Result<std::optional<std::string>> FakeHypervisor::owner(const std::string& domain_name) {
    AMIVIRT_TRY(enter("owner"));
    auto state = state_.lock();
    if (!state->domains.contains(domain_name)) {
        return std::optional<std::string>();
    }
    const auto found = state->owners.find(domain_name);
    return std::optional(found == state->owners.end() ? std::string() : found->second);
}

Result<void> FakeHypervisor::start(const DomainSpec& spec, Begin begin) {
    const auto entered = enter("start");
    if (!entered && entered.error().code == Code::hypervisor_unavailable) {
        return entered.error();
    }
    auto state = state_.lock();
    FakeDomain& domain = state->domains[spec.instance.str()];
    if (is_on(domain)) {
        return Error(Code::hypervisor_failed, fmt::format("Cannot start \"{}\": domain is already running", spec.instance.str()));
    }
    domain.spec = spec;
    domain.answer = state->next_answer;
    state->owners[spec.instance.str()] = spec.store_id;
    if (!entered) {
        domain.reason = OffReason::failed;
        return entered.error();
    }
    if (auto error = obstacle(spec, state->domains, state->taken_ports)) {
        domain.reason = OffReason::failed;
        return std::move(*error);
    }
    domain.state = begin == Begin::paused ? DomainState::paused : DomainState::running;
    domain.reason = OffReason::none;
    domain.disks = spec.disks;
    domain.agent = GuestAgent::absent;
    ++domain.boots;
    return {};
}

Result<void> FakeHypervisor::resume(const InstanceId& instance) {
    return on_machine("resume", instance, [](FakeDomain& domain, State&) -> Result<void> {
        domain.state = DomainState::running;
        return {};
    });
}

Result<void> FakeHypervisor::request_shutdown(const InstanceId& instance) {
    AMIVIRT_TRY(enter("request_shutdown"));
    auto state = state_.lock();
    const auto found = state->domains.find(instance.str());
    if (found == state->domains.end() || !is_on(found->second)) {
        return not_running(instance);
    }
    ++found->second.shutdown_requests;
    if (found->second.answer == AcpiAnswer::obeys) {
        found->second.state = DomainState::off;
        found->second.reason = OffReason::guest_shutdown;
    }
    return {};
}

Result<void> FakeHypervisor::request_reboot(const InstanceId& instance) {
    AMIVIRT_TRY(enter("request_reboot"));
    auto state = state_.lock();
    const auto found = state->domains.find(instance.str());
    if (found == state->domains.end() || !is_on(found->second)) {
        return not_running(instance);
    }
    found->second.boots += found->second.answer == AcpiAnswer::obeys ? 1 : 0;
    return {};
}

Result<void> FakeHypervisor::reset(const InstanceId& instance) {
    AMIVIRT_TRY(enter("reset"));
    auto state = state_.lock();
    const auto found = state->domains.find(instance.str());
    if (found == state->domains.end()) {
        return no_domain(instance);
    }
    if (!is_on(found->second)) {
        return not_running(instance);
    }
    ++found->second.boots;
    return {};
}

Result<void> FakeHypervisor::power_off(const InstanceId& instance) {
    AMIVIRT_TRY(enter("power_off"));
    turn_off(instance.str(), OffReason::destroyed);
    return {};
}

Result<void> FakeHypervisor::remove(const InstanceId& instance) {
    AMIVIRT_TRY(enter("remove"));
    auto state = state_.lock();
    state->domains.erase(instance.str());
    state->owners.erase(instance.str());
    return {};
}

Result<std::optional<std::vector<LiveDisk>>> FakeHypervisor::attached(const InstanceId& instance) {
    AMIVIRT_TRY(enter("attached"));
    auto state = state_.lock();
    const auto found = state->domains.find(instance.str());
    if (found == state->domains.end() || !is_on(found->second)) {
        return std::optional<std::vector<LiveDisk>>();
    }
    std::vector<LiveDisk> disks;
    for (const DomainDisk& disk : found->second.disks) {
        if (!disk.serial.empty()) {
            disks.push_back({disk.serial, disk.source});
        }
    }
    return std::optional(disks);
}

Result<void> FakeHypervisor::attach(const InstanceId& instance, const DomainDisk& disk) {
    return on_machine("attach", instance, [&](FakeDomain& domain, State& state) -> Result<void> {
        if (const DomainDisk* const present = find_disk(domain, disk.serial)) {
            if (present->source.location == disk.source.location) {
                return {};
            }
            return Error(Code::incorrect_state, fmt::format("the disk \"{}\" of \"{}\" is \"{}\" and not \"{}\"", disk.serial,
                                                            instance.str(), present->source.location, disk.source.location));
        }
        if (domain.disks.size() >= k_slots) {
            return Error(Code::insufficient_instance_capacity, fmt::format("\"{}\" has no slot left", instance.str()));
        }
        if (auto error = disk_in_use(instance.str(), disk, state.domains)) {
            return std::move(*error);
        }
        domain.disks.push_back(disk);
        return {};
    });
}

Result<void> FakeHypervisor::detach(const InstanceId& instance, const std::string& serial, Duration patience) {
    return on_machine("detach", instance, [&](FakeDomain& domain, State&) -> Result<void> {
        const DomainDisk* const disk = find_disk(domain, serial);
        if (disk != nullptr && domain.answer == AcpiAnswer::ignores) {
            return Error(Code::timed_out, fmt::format("the guest of \"{}\" did not let go of the disk \"{}\" within {} ms", instance.str(),
                                                      serial, patience.count()));
        }
        if (disk != nullptr) {
            domain.disks.erase(domain.disks.begin() + (disk - domain.disks.data()));
            domain.sizes.erase(serial);
        }
        return {};
    });
}

Result<void> FakeHypervisor::resize(const InstanceId& instance, const std::string& serial, Bytes size) {
    return on_disk("resize", instance, serial, [&](FakeDomain& domain, const DomainDisk&) -> Result<void> {
        Bytes& now = domain.sizes[serial];
        now = std::max(now, size);
        return {};
    });
}

Result<void> FakeHypervisor::tune(const InstanceId& instance, const std::string& serial, std::optional<std::uint32_t> iops,
                                  std::optional<std::uint32_t> throughput) {
    return on_disk("tune", instance, serial, [&](FakeDomain&, DomainDisk& disk) -> Result<void> {
        disk.iops = iops;
        disk.throughput = throughput;
        return {};
    });
}

Result<LiveDisks::Frozen> FakeHypervisor::snapshot(const InstanceId& instance, const std::vector<Overlay>& overlays, Quiesce quiesce) {
    Frozen frozen = Frozen::no;
    AMIVIRT_TRY(on_machine("snapshot", instance, [&](FakeDomain& domain, State&) -> Result<void> {
        for (const Overlay& overlay : overlays) {
            if (find_disk(domain, overlay.serial) == nullptr) {
                return no_disk(instance, overlay.serial);
            }
        }
        if (quiesce == Quiesce::yes && (domain.agent == GuestAgent::absent || domain.agent == GuestAgent::hangs)) {
            return Error(Code::unsupported_operation,
                         fmt::format("the file systems of \"{}\" cannot be frozen: no QEMU guest agent {} in it", instance.str(),
                                     domain.agent == GuestAgent::hangs ? "answers" : "runs"));
        }
        if (quiesce == Quiesce::yes && domain.agent == GuestAgent::refuses) {
            return Error(Code::hypervisor_failed, fmt::format("guest agent of \"{}\": freezing failed", instance.str()));
        }
        frozen = quiesce != Quiesce::no && domain.agent == GuestAgent::present ? Frozen::yes : Frozen::no;
        domain.freezes += frozen == Frozen::yes ? 1 : 0;
        for (const Overlay& overlay : overlays) {
            find_disk(domain, overlay.serial)->source = overlay.top;
        }
        return {};
    }));
    return frozen;
}

void FakeHypervisor::set_agent(const InstanceId& instance, GuestAgent agent) { state_.lock()->domains.at(instance.str()).agent = agent; }

void FakeHypervisor::set_guest(const InstanceId& instance, AcpiAnswer answer) { state_.lock()->domains.at(instance.str()).answer = answer; }

void FakeHypervisor::add_domain(const std::string& name, const std::string& store_id, DomainState domain_state) {
    auto state = state_.lock();
    state->domains[name].state = domain_state;
    state->owners[name] = store_id;
}

void FakeHypervisor::pause(const InstanceId& instance) { state_.lock()->domains.at(instance.str()).state = DomainState::paused; }

std::optional<FakeDomain> FakeHypervisor::domain(const InstanceId& instance) const {
    auto state = state_.lock();
    const auto found = state->domains.find(instance.str());
    return found == state->domains.end() ? std::nullopt : std::optional(found->second);
}

void FakeHypervisor::turn_off(const std::string& name, OffReason reason) {
    auto state = state_.lock();
    const auto found = state->domains.find(name);
    if (found != state->domains.end() && is_on(found->second)) {
        found->second.state = DomainState::off;
        found->second.reason = reason;
    }
}

}  // namespace amivirt::fakes
