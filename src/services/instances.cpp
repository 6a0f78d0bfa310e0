#include "amivirt/services/instances.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/domain/instance_moves.hpp"
#include "instance_options.hpp"
#include "instance_records.hpp"
#include "machine.hpp"
#include "promised.hpp"

namespace amivirt {

namespace {

constexpr Duration k_terminated_shown = std::chrono::hours(1);  // source: EC2 shows terminated instances for about an hour
constexpr Duration k_poll{100};
constexpr Duration k_press_again = std::chrono::seconds(10);

/// Whoever wants it otherwise, and promises nothing himself, takes back what was promised of it.
Result<void> overrule(CatalogSession& session, const InstanceId& id, const Begun& begun) {
    return begun ? Result<void>() : kept::erase(session, k_promise, id.str());
}

bool is_off(const std::optional<ObservedDomain>& domain) { return !domain || domain->state == DomainState::off; }

/// Runs by the record, and libvirt knows nothing of it, whose domain nobody but amivirt takes away: it is asked at another daemon than the
/// one that runs it, maybe. What cannot be had back is left alone.
bool vanished(const Instance& instance, const std::optional<ObservedDomain>& domain) {
    return instance.state == InstanceState::running && !domain;
}

/// Running, and a stop that broke off has asked the guest to go: that it goes is then no wish of its own.
bool was_asked_to_stop(const Instance& instance) {
    return instance.state == InstanceState::running && instance.state_reason_code == k_asked_to_stop;
}

/// Those of `wanted` that are there, in order of creation: what waits for an instance asks for it often, and must not read all.
Result<Listing<Instance>> those_of(CatalogSession& session, const std::vector<InstanceId>& wanted) {
    Listing<Instance> listing;
    for (const InstanceId& id : std::set<InstanceId>(wanted.begin(), wanted.end())) {
        if (auto found = AMIVIRT_TRY(session.instances().find(id))) {
            listing.records.push_back(std::move(*found));
        }
    }
    std::sort(listing.records.begin(), listing.records.end(), [](const Instance& a, const Instance& b) {
        return std::tie(a.launched, a.reservation, a.launch_index) < std::tie(b.launched, b.reservation, b.launch_index);
    });
    return listing;
}

/// One by one if they are few; all at once if they are many, or if all are wanted.
Result<std::vector<ObservedDomain>> observe_some(Hypervisor& hypervisor, const std::vector<InstanceId>& wanted) {
    constexpr std::size_t k_observed_singly = 4;
    if (wanted.empty() || wanted.size() > k_observed_singly) {
        return hypervisor.observe();
    }
    std::vector<ObservedDomain> domains;
    for (const InstanceId& id : wanted) {
        if (auto domain = AMIVIRT_TRY(hypervisor.observe(id))) {
            domains.push_back(std::move(*domain));
        }
    }
    return domains;
}

void set_stopped_by_itself(Instance& instance, OffReason reason) {
    if (reason == OffReason::crashed || reason == OffReason::failed) {
        set_state(instance, InstanceState::stopped, "Server.InternalError",
                  "Server.InternalError: the virtual machine's process ended unexpectedly");
    } else {
        set_state(instance, InstanceState::stopped, "Client.InstanceInitiatedShutdown",
                  "Client.InstanceInitiatedShutdown: Instance initiated shutdown");
    }
}

/// A start that came to nothing.
void set_failed(Instance& instance, const Error& why) {
    set_state(instance, InstanceState::stopped, "Server.InternalError", "Server.InternalError: " + why.message);
}

}  // namespace

Result<Instance> Instances::reread(const InstanceId& id) {
    std::optional<Instance> instance;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        instance = AMIVIRT_TRY(find_instance(session, id));
        return {};
    }));
    return std::move(*instance);
}

Result<Instance> Instances::resolve(const AccountId& caller, const std::string& id_or_name) {
    if (InstanceId::looks_like(id_or_name)) {
        const auto id = AMIVIRT_TRY(InstanceId::parse(id_or_name));
        auto instance = AMIVIRT_TRY(reread(id));
        if (instance.owner != caller) {
            return instance_not_found(id_or_name, {});
        }
        return instance;
    }
    std::vector<Instance> named;
    std::vector<std::string> names;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (auto& instance : AMIVIRT_TRY(session.instances().list()).records) {
            if (instance.owner != caller || instance.state == InstanceState::terminated) {
                continue;
            }
            names.push_back(name_tag(instance.tags));
            if (!names.back().empty() && names.back() == id_or_name) {
                named.push_back(std::move(instance));
            }
        }
        return {};
    }));
    if (named.empty()) {
        return instance_not_found(id_or_name, names);
    }
    if (named.size() > 1) {
        std::vector<std::string> ids;
        ids.reserve(named.size());
        for (const auto& instance : named) {
            ids.push_back(instance.id.str());
        }
        return Error(Code::invalid_parameter_value, fmt::format("instance name \"{}\" is ambiguous: {}", id_or_name, fmt::join(ids, ", ")),
                     "use the id");
    }
    return std::move(named.front());
}

Result<InstanceOptions> Instances::options(const AccountId& caller, const std::string& id_or_name) {
    const auto id = AMIVIRT_TRY(resolve(caller, id_or_name)).id;
    InstanceOptions options;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        options = AMIVIRT_TRY(options_of(session, id));
        return {};
    }));
    return options;
}

Result<InstanceListing> Instances::describe(const AccountId& caller, const InstanceQuery& query) {
    AMIVIRT_TRY(check_instance_filters(query.filters));
    std::vector<InstanceId> wanted;
    for (const auto& text : query.ids_or_names) {
        wanted.push_back(AMIVIRT_TRY(resolve(caller, text)).id);
    }
    Listing<Instance> instances;
    std::vector<Volume> volumes;
    std::set<std::string> held;
    const auto look = [&]() {
        return ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
            instances = wanted.empty() ? AMIVIRT_TRY(session.instances().list()) : AMIVIRT_TRY(those_of(session, wanted));
            volumes = AMIVIRT_TRY(session.volumes().list()).records;
            held.clear();
            for (const auto& operation : AMIVIRT_TRY(session.operations().list()).records) {
                held.insert(operation.objects.begin(), operation.objects.end());
            }
            return {};
        });
    };
    AMIVIRT_TRY(look());

    InstanceListing listing;
    std::map<std::string, ObservedDomain> domains;
    if (auto observed = observe_some(ports_.hypervisor, wanted)) {
        std::set<std::string> living;
        for (const auto& instance : instances.records) {
            if (instance.state != InstanceState::terminated) {
                living.insert(instance.id.str());
            }
        }
        std::vector<ObservedDomain> strange;
        for (const auto& domain : *observed) {
            domains.emplace(domain.name, domain);
            if (!living.contains(domain.name)) {
                strange.push_back(domain);
            }
        }
        if (wanted.empty()) {
            AMIVIRT_TRY(remove_orphans(strange));
        }
        bool changed = false;
        const auto now = ports_.clock.now();
        for (const auto& instance : instances.records) {
            const auto at = domains.find(instance.id.str());
            const std::optional<ObservedDomain> domain = at == domains.end() ? std::nullopt : std::optional(at->second);
            const bool off = is_off(domain);
            const bool differs = (instance.state == InstanceState::running && off) || (instance.state == InstanceState::stopped && !off);
            const bool old =
                instance.state == InstanceState::terminated && instance.terminated && *instance.terminated + k_terminated_shown < now;
            if (held.contains(instance.id.str()) || !(differs || old)) {
                continue;
            }
            changed = true;
            if (old) {
                AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) { return erase_instance(session, instance.id); }));
            } else {
                AMIVIRT_TRY(write_down(instance));
            }
        }
        if (changed) {
            AMIVIRT_TRY(look());
        }
    } else {
        const auto lives = [](const Instance& instance) { return instance.state != InstanceState::terminated; };
        if (std::any_of(instances.records.begin(), instances.records.end(), lives)) {
            listing.hypervisor_error = std::move(observed.error());
        }
    }

    listing.unreadable = std::move(instances.unreadable);
    // One pass over the volumes instead of one for each instance.
    std::map<InstanceId, std::vector<Volume>> attached;
    for (auto& volume : volumes) {
        if (volume.attachment) {
            attached[volume.attachment->instance].push_back(volume);
        }
    }
    std::map<ImageId, std::string> image_names;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        const auto options = AMIVIRT_TRY(all_options(session));
        for (auto& instance : instances.records) {
            const bool named = std::find(wanted.begin(), wanted.end(), instance.id) != wanted.end();
            const bool hidden = instance.state == InstanceState::terminated && !query.include_terminated && !named;
            const bool elsewhere = !query.session.empty() && instance.session != query.session;
            if (instance.owner != caller || hidden || elsewhere || (!wanted.empty() && !named)) {
                continue;
            }
            InstanceView view;
            view.volumes = volumes_of(instance.id, attached[instance.id]);
            if (!matches(instance, view.volumes, query.filters)) {
                continue;
            }
            if (!image_names.contains(instance.image)) {
                const auto image = session.images().find(instance.image);
                image_names[instance.image] = image && *image ? (*image)->name : "";
            }
            view.image_name = image_names[instance.image];
            if (const auto at = domains.find(instance.id.str()); at != domains.end()) {
                view.observed = at->second.state;
            }
            if (const auto at = options.find(instance.id); at != options.end()) {
                view.options = at->second;
            }
            view.instance = std::move(instance);
            listing.views.push_back(std::move(view));
        }
        return {};
    }));
    for (auto& view : listing.views) {
        // That an address is not to be had just now is no reason to hide the instance.
        if (auto addresses = view.observed ? this->addresses(view.instance) : Result<std::vector<std::string>>()) {
            view.addresses = std::move(*addresses);
        }
    }
    return listing;
}

Result<void> Instances::write_down(const Instance& seen) {
    // Claimed, or a start that comes in between would find the disks of its instance store removed under it.
    auto operation = ports_.operations.begin(OperationKind::stop_instances, {seen.id.str()}, Duration{0},
                                             [&](CatalogSession& session, Operation& row) -> Result<void> {
                                                 const auto now = AMIVIRT_TRY(session.instances().find(seen.id));
                                                 // A start or stop that came in between made a new launch time or another state: what was
                                                 // seen is then no news.
                                                 if (!now || now->state != seen.state || now->launched != seen.launched) {
                                                     row.objects.clear();
                                                 }
                                                 return {};
                                             });
    if (!operation) {
        return operation.error().code == Code::busy ? Result<void>{} : Result<void>(std::move(operation.error()));
    }
    return *operation ? settle(**operation) : Result<void>{};
}

Result<void> Instances::remove_orphans(const std::vector<ObservedDomain>& domains) {
    std::vector<InstanceId> orphans;
    // A copy of a store has its id, but not the files of what the original launched since.
    const auto files = AMIVIRT_TRY(ports_.files.list());
    const std::set<InstanceId> here(files.begin(), files.end());
    // Asked anew, after libvirt was: the record of a domain may have been written since our listing.
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        std::set<std::string> held;
        for (const auto& operation : AMIVIRT_TRY(session.operations().list()).records) {
            held.insert(operation.objects.begin(), operation.objects.end());
        }
        for (const auto& domain : domains) {
            const auto id = InstanceId::parse(domain.name);
            if (!id || held.contains(domain.name)) {
                continue;
            }
            // A record that cannot be read is a record: its domain is left alone.
            const auto row = session.instances().find(*id);
            if (row && (*row ? (*row)->state == InstanceState::terminated : here.contains(*id))) {
                orphans.push_back(*id);
            }
        }
        return {};
    }));
    for (const auto& id : orphans) {
        const auto owner = ports_.hypervisor.owner(id.str());
        if (owner && *owner && **owner == ports_.catalog.store_id()) {
            ports_.log.write(LogLevel::warning, "instances",
                             fmt::format("removing domain {}: this store has no instance of that id", id.str()));
            AMIVIRT_TRY(ports_.hypervisor.remove(id));
            ports_.machine_log.remove(id);
            AMIVIRT_TRY(ports_.files.remove(id));
        }
    }
    return {};
}

Result<Instance> Instances::stop(const AccountId& caller, const std::string& id_or_name, Duration grace, Force force, const Begun& begun) {
    const auto id = AMIVIRT_TRY(resolve(caller, id_or_name)).id;
    Instance changing;
    auto operation = AMIVIRT_TRY(ports_.operations.begin(
        OperationKind::stop_instances, {id.str()}, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            auto instance = AMIVIRT_TRY(find_instance(session, id));
            AMIVIRT_TRY(overrule(session, id, begun));
            if (instance.state == InstanceState::stopped) {
                row.objects.clear();
                return {};
            }
            AMIVIRT_TRY(check_may_stop(instance));
            if (AMIVIRT_TRY(options_of(session, id)).stop_protected) {
                return Error(
                    Code::operation_not_permitted,
                    fmt::format("The instance '{}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.",
                                id.str()));
            }
            const auto stopping = next(instance.state, InstanceEvent::stop);
            if (!stopping) {
                return wrong_state(instance, "stopped");
            }
            instance.state = *stopping;
            set_asked_to_stop(instance);
            changing = instance;
            return session.instances().update(instance);
        }));
    if (!operation) {
        return reread(id);
    }
    tell(begun, changing);
    fault_point("stop.told");
    try {
        if (auto done = power_down(id, grace, force); !done) {
            if (auto settled = settle(*operation); !settled) {
                ports_.log.write(LogLevel::warning, "instances",
                                 fmt::format("after a failed stop of {}: {}", id.str(), amivirt::describe(settled.error())));
            }
            return std::move(done.error()).with_context(fmt::format("stopping {}", id.str()));
        }
    } catch (const Interrupted&) {
        const InterruptShield shield;  // not forgotten: other stops of the same command are to hear of it, too
        if (auto settled = settle(*operation); !settled) {
            ports_.log.write(LogLevel::warning, "instances",
                             fmt::format("after an interrupted stop of {}: {}", id.str(), amivirt::describe(settled.error())));
        }
        throw;
    }
    fault_point("stop.off");
    AMIVIRT_TRY(settle(*operation));
    return reread(id);
}

Result<void> Instances::power_down(const InstanceId& id, Duration grace, Force force) {
    const auto begun = ports_.clock.now();
    auto pressed = begun - k_press_again;
    while (force == Force::no && ports_.clock.now() < begun + grace) {
        if (is_off(AMIVIRT_TRY(ports_.hypervisor.observe(id)))) {
            return {};
        }
        // A guest still booting does not hear the button; press it again now and then.
        if (ports_.clock.now() - pressed >= k_press_again) {
            pressed = ports_.clock.now();
            if (auto asked = ports_.hypervisor.request_shutdown(id); !asked && asked.error().code != Code::incorrect_instance_state) {
                return std::move(asked.error());
            }
            fault_point("stop.asked");
        }
        ports_.clock.sleep(k_poll);
    }
    return ports_.hypervisor.power_off(id);
}

Result<void> Instances::power_up(const InstanceId& id, Progress& progress) {
    if (!is_off(AMIVIRT_TRY(ports_.hypervisor.observe(id)))) {
        return {};
    }
    const auto boot = [&]() -> Result<void> {
        Machine machine;
        machine.instance = AMIVIRT_TRY(reread(id));
        AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
            machine.volumes = volumes_of(id, AMIVIRT_TRY(session.volumes().list()).records);
            return {};
        }));
        for (const auto& volume : machine.volumes) {
            AMIVIRT_TRY(ports_.storage.verify_chain(ports_.catalog, volume.layer));
        }
        return power_on(machine, AMIVIRT_TRY(ports_.types.find(machine.instance.type)), Begin::running, InstanceStore::kept, progress);
    };
    auto booted = boot();
    if (!booted && booted.error().code == Code::hypervisor_unavailable) {
        return booted;
    }
    AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        auto instance = AMIVIRT_TRY(find_instance(session, id));
        if (booted) {
            if (!was_asked_to_stop(instance)) {
                return {};
            }
            set_state(instance, InstanceState::running);
            return session.instances().update(instance);
        }
        set_failed(instance, booted.error());
        return session.instances().update(instance);
    }));
    return booted ? Result<void>() : Result<void>(std::move(booted.error()).with_context(fmt::format("starting {} again", id.str())));
}

Result<void> Instances::settle(ActiveOperation& operation, const Error* failure) {
    if (operation.finished()) {
        return {};
    }
    // Whatever was under way: what libvirt says now is what the instance is.
    std::map<InstanceId, std::optional<ObservedDomain>> domains;
    for (const auto& object : operation.row().objects) {
        const auto id = AMIVIRT_TRY(InstanceId::parse(object));
        auto domain = AMIVIRT_TRY(ports_.hypervisor.observe(id));
        std::optional<Instance> before;
        AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
            before = AMIVIRT_TRY(session.instances().find(id));
            return {};
        }));
        if (is_off(domain) && !(before && vanished(*before, domain))) {
            AMIVIRT_TRY(ports_.files.remove_ephemeral(id));
        }
        domains.emplace(id, std::move(domain));
    }
    // What a guest did by itself: the end of a root that dies with its instance, and of one that was told to end (source: EC2; protection
    // against a terminate request does not stand against the guest's own wish).
    const auto ends = [](const Instance& instance, const std::optional<ObservedDomain>& domain) {
        return is_off(domain) && (instance.root_device_type == RootDeviceType::instance_store ||
                                  (instance.state == InstanceState::running && domain && domain->reason == OffReason::guest_shutdown &&
                                   !was_asked_to_stop(instance) && instance.shutdown_behavior == ShutdownBehavior::terminate));
    };
    AMIVIRT_TRY(operation.turn_into(OperationKind::terminate_instances, [&](CatalogSession& session, Operation& row) -> Result<void> {
        for (const auto& [id, domain] : domains) {
            auto instance = AMIVIRT_TRY(session.instances().find(id));
            if (!instance || instance->state == InstanceState::terminated ||
                (instance->root_device_type == RootDeviceType::instance_store && vanished(*instance, domain))) {
                continue;
            }
            if (ends(*instance, domain)) {
                set_stopped_by_itself(*instance, domain ? domain->reason : OffReason::none);
                instance->state = InstanceState::shutting_down;
                row.objects.push_back(id.str());
            } else if (is_off(domain)) {
                if (instance->state != InstanceState::stopped) {
                    came_to_rest_ = true;
                }
                if (instance->state == InstanceState::running && !was_asked_to_stop(*instance)) {
                    set_stopped_by_itself(*instance, domain ? domain->reason : OffReason::none);
                } else if (failure != nullptr) {
                    set_failed(*instance, *failure);
                }
                instance->state = InstanceState::stopped;
            } else if (instance->state == InstanceState::stopping || was_asked_to_stop(*instance)) {
                instance->state = InstanceState::running;  // it may still go off, for the reason there is
            } else {
                set_state(*instance, InstanceState::running);
            }
            AMIVIRT_TRY(session.instances().update(*instance));
        }
        return {};
    }));
    return operation.finished() ? Result<void>{} : finish_termination(operation);
}

Result<Instance> Instances::start(const AccountId& caller, const std::string& id_or_name, AcceleratorRequest accelerator,
                                  Progress& progress, const Begun& begun) {
    const auto id = AMIVIRT_TRY(resolve(caller, id_or_name)).id;
    const auto choice = AMIVIRT_TRY(ports_.host.accelerator(accelerator));
    Machine machine;
    InstanceType type;
    auto operation = AMIVIRT_TRY(ports_.operations.begin(
        OperationKind::start_instances, {id.str()}, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            auto instance = AMIVIRT_TRY(find_instance(session, id));
            AMIVIRT_TRY(overrule(session, id, begun));
            if (instance.state == InstanceState::running) {
                row.objects.clear();
                return {};
            }
            const auto pending = next(instance.state, InstanceEvent::start);
            if (!pending) {
                return wrong_state(instance, "started");
            }
            type = AMIVIRT_TRY(ports_.types.find(instance.type));
            set_state(instance, *pending);
            instance.accelerator = choice.accelerator;
            instance.launched = ports_.clock.now();
            AMIVIRT_TRY(session.instances().update(instance));
            machine.volumes = volumes_of(id, AMIVIRT_TRY(session.volumes().list()).records);
            if (machine.volumes.empty() || !machine.volumes.front().attachment->is_root) {
                return Error(Code::incorrect_instance_state,
                             fmt::format("instance \"{}\" cannot be started: no volume is attached as its root, {}", id.str(),
                                         instance.root_device_name),
                             fmt::format("amivirt volume attach VOLUME {} --device {}", id.str(), instance.root_device_name));
            }
            machine.instance = std::move(instance);
            return {};
        }));
    if (!operation) {
        return reread(id);
    }
    tell(begun, machine.instance);
    fault_point("start.told");
    if (choice.fell_back) {
        progress.note(fmt::format("using TCG (software emulation, slower): {}", choice.reason));
    }
    const auto bring_back = [&]() -> Result<void> {
        for (const auto& volume : machine.volumes) {
            AMIVIRT_TRY_CONTEXT(ports_.storage.verify_chain(ports_.catalog, volume.layer), fmt::format("starting {}", id.str()));
        }
        return power_on(machine, type, Begin::running, InstanceStore::anew, progress);
    };
    auto started = bring_back();
    fault_point("start.started");
    AMIVIRT_TRY(settle(*operation, started ? nullptr : &started.error()));
    if (!started) {
        return std::move(started.error());
    }
    return reread(id);
}

Result<Instance> Instances::reboot(const AccountId& caller, const std::string& id_or_name, Force force) {
    const auto id = AMIVIRT_TRY(resolve(caller, id_or_name)).id;
    auto operation = AMIVIRT_TRY(ports_.operations.begin(OperationKind::reboot_instances, {id.str()}, k_patience,
                                                         [&](CatalogSession& session, Operation&) -> Result<void> {
                                                             auto instance = AMIVIRT_TRY(find_instance(session, id));
                                                             if (instance.state != InstanceState::running) {
                                                                 return wrong_state(instance, "rebooted");
                                                             }
                                                             set_state(instance, InstanceState::running);
                                                             return session.instances().update(instance);
                                                         }));
    AMIVIRT_TRY_CONTEXT(ports_.files.mark_boot(id), fmt::format("rebooting {}", id.str()));
    auto done = force == Force::yes ? ports_.hypervisor.reset(id) : ports_.hypervisor.request_reboot(id);
    fault_point("reboot.asked");
    AMIVIRT_TRY(settle(*operation));
    if (!done) {
        return std::move(done.error()).with_context(fmt::format("rebooting {}", id.str()));
    }
    return reread(id);
}

Result<void> Instances::recover(ActiveOperation& operation) {
    switch (operation.row().kind) {
        case OperationKind::run_instances:
            return Plan::is_to_be_done_again(operation.row()) ? Plan::carry_out_again(*this, operation) : undo_launch(operation);
        case OperationKind::terminate_instances:
            return finish_termination(operation);
        case OperationKind::modify_instance:
            return finish_modification(operation);
        case OperationKind::start_instances:
        case OperationKind::stop_instances:
        case OperationKind::reboot_instances:
            return settle(operation);
        default:
            break;
    }
    return Error(Code::internal_error, fmt::format("{} is not an operation on instances", to_string(operation.row().kind)));
}

}  // namespace amivirt
