// A launch whose process died, or that failed: undone, or done again (architecture, section 4).
#include <fmt/format.h>

#include <algorithm>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/base/progress.hpp"
#include "faults.hpp"
#include "instance_options.hpp"
#include "key_lookup.hpp"
#include "machine.hpp"
#include "parallel.hpp"

namespace amivirt {

namespace {

constexpr std::string_view k_failed = "Server.InternalError";  // source: EC2 state reason codes

}  // namespace

/// Of a launch that was undone though somebody has the ids: why.
void Instances::leave_terminated(const std::vector<Machine>& machines, const Error& reason) {
    const auto told = ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        for (const auto& machine : machines) {
            auto instance = AMIVIRT_TRY(session.instances().find(machine.instance.id));
            if (instance && instance->state == InstanceState::terminated) {
                instance->state_reason_message = fmt::format("{}: {}", k_failed, reason.message);
                AMIVIRT_TRY(session.instances().update(*instance));
            }
        }
        return {};
    });
    if (!told) {
        ports_.log.write(LogLevel::warning, "instances",
                         fmt::format("writing down why a launch failed: {}", amivirt::describe(told.error())));
    }
}

Result<void> Instances::undo_launch(ActiveOperation& operation) {
    if (operation.finished()) {
        return {};
    }
    std::vector<InstanceId> ids;
    bool promised = false;
    for (const auto& object : operation.row().objects) {
        if (object.starts_with(k_promised)) {
            promised = true;
        } else if (!object.starts_with(k_again)) {
            ids.push_back(AMIVIRT_TRY(InstanceId::parse(object)));
        }
    }
    AMIVIRT_TRY(for_each_parallel(ids.size(), ports_.parallel, [&](std::size_t i) -> Result<void> {
        const InterruptShield shield;  // it is of a thread, and these are others
        AMIVIRT_TRY(ports_.hypervisor.remove(ids[i]));
        fault_point("undo.domain");
        ports_.machine_log.remove(ids[i]);
        return ports_.files.remove(ids[i]);
    }));
    AMIVIRT_TRY(operation.turn_into(OperationKind::collect_layers, [&](CatalogSession& session, Operation& row) -> Result<void> {
        const auto volumes = AMIVIRT_TRY(session.volumes().list()).records;
        for (const auto& id : ids) {
            for (const auto& volume : volumes_of(id, volumes)) {
                AMIVIRT_TRY(session.volumes().erase(volume.id));
                if (auto layer = AMIVIRT_TRY(session.layers().find(volume.layer))) {
                    layer->state = LayerState::writable;  // no longer protected as `creating`
                    AMIVIRT_TRY(session.layers().update(*layer));
                }
            }
            auto instance = promised ? AMIVIRT_TRY(session.instances().find(id)) : std::optional<Instance>();
            if (!instance || !instance->lifeline.empty()) {  // what lives for one command leaves no record
                AMIVIRT_TRY(erase_instance(session, id));
                continue;
            }
            instance->state = InstanceState::terminated;
            instance->terminated = ports_.clock.now();
            instance->state_reason_code = k_failed;
            instance->state_reason_message = fmt::format("{}: the launch was broken off", k_failed);
            instance->ports.clear();
            instance->ephemeral.clear();
            AMIVIRT_TRY(session.instances().update(*instance));
        }
        return ports_.storage.mark_unreachable(session, row);
    }));
    return ports_.storage.finish(operation);
}

bool Instances::Plan::is_to_be_done_again(const Operation& launch) {
    return std::any_of(launch.objects.begin(), launch.objects.end(), [](const std::string& object) { return object.starts_with(k_again); });
}

Result<void> Instances::Plan::carry_out_again(Instances& instances, ActiveOperation& operation) {
    const Ports& ports = instances.ports_;
    AMIVIRT_TRY(ports.hypervisor.info());  // who cannot be asked now is asked another time
    std::vector<Machine> machines;
    Plan plan;
    const auto before = operation.row().objects;
    AMIVIRT_TRY(operation.turn_into(OperationKind::run_instances, [&](CatalogSession& session, Operation& row) -> Result<void> {
        machines.clear();
        const auto volumes = AMIVIRT_TRY(session.volumes().list()).records;
        for (const auto& object : before) {
            if (object.starts_with(k_again)) {
                continue;
            }
            row.objects.push_back(object);
            const auto id = InstanceId::parse(object);
            if (!id) {
                continue;
            }
            auto instance = AMIVIRT_TRY(session.instances().find(*id));
            if (!instance) {
                return Error(Code::store_corrupt, fmt::format("the row of instance {} is gone", id->str()));
            }
            Machine machine{std::move(*instance), volumes_of(*id, volumes), {}};
            for (const auto& volume : machine.volumes) {
                const auto layer = AMIVIRT_TRY(session.layers().find(volume.layer));
                machine.parents.emplace(volume.id, layer ? layer->parent : std::nullopt);
            }
            machines.push_back(std::move(machine));
        }
        return {};
    }));
    fault_point("again.begun");
    std::sort(machines.begin(), machines.end(),
              [](const Machine& a, const Machine& b) { return a.instance.launch_index < b.instance.launch_index; });
    const auto launched = [&]() -> Result<std::vector<Instance>> {
        const Instance& first = machines.at(0).instance;
        plan.image.id = first.image;
        plan.type = AMIVIRT_TRY(ports.types.find(first.type));
        if (!first.key_name.empty()) {
            AMIVIRT_TRY(ports.catalog.read([&](CatalogSession& session) -> Result<void> {
                plan.public_key = AMIVIRT_TRY(find_key_pair(session, first.owner, first.key_name)).public_key;
                return {};
            }));
        }
        for (const auto& machine : machines) {
            AMIVIRT_TRY(ports.hypervisor.remove(machine.instance.id));
            AMIVIRT_TRY(ports.files.remove(machine.instance.id));
        }
        SilentProgress silent;
        return instances.bring_all_up(operation, machines, plan, RunRequest(), silent);
    }();
    if (launched) {
        return {};
    }
    AMIVIRT_TRY(instances.undo_launch(operation));
    instances.leave_terminated(machines, launched.error());
    ports.log.write(LogLevel::warning, "instances",
                    fmt::format("the launch of {}, done again after its process died, failed: {}",
                                machines.front().instance.reservation.str(), amivirt::describe(launched.error())));
    return {};
}

}  // namespace amivirt
