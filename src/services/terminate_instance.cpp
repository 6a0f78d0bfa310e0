// Instances ended: on request, whatever protects them, when their lease is over; and what a termination that broke off goes on with.
#include <fmt/format.h>

#include "amivirt/base/fault.hpp"
#include "amivirt/domain/instance_moves.hpp"
#include "instance_options.hpp"
#include "instance_records.hpp"
#include "machine.hpp"

namespace amivirt {

Result<Instance> Instances::terminate(const AccountId& caller, const std::string& id_or_name, const Begun& begun) {
    return terminate_by_id(AMIVIRT_TRY(resolve(caller, id_or_name)).id, Force::no, begun);
}

Result<Instance> Instances::terminate_by_id(const InstanceId& id, Force force, const Begun& begun) {
    Instance changing;
    auto operation = AMIVIRT_TRY(ports_.operations.begin(
        OperationKind::terminate_instances, {id.str()}, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            auto instance = AMIVIRT_TRY(find_instance(session, id));
            if (instance.state == InstanceState::terminated) {
                row.objects.clear();
                return {};
            }
            if (instance.termination_protected && force == Force::no) {
                return Error(Code::operation_not_permitted,
                             fmt::format("instance \"{}\" may not be terminated: its termination protection is on", id.str()));
            }
            const auto going = next(instance.state, InstanceEvent::terminate);
            if (!going) {
                return wrong_state(instance, "terminated");
            }
            instance.state = *going;
            set_asked_to_stop(instance);
            changing = instance;
            return session.instances().update(instance);
        }));
    if (!operation) {
        return reread(id);
    }
    tell(begun, changing);
    AMIVIRT_TRY_CONTEXT(finish_termination(*operation), fmt::format("terminating {}", id.str()));
    if (changing.lifeline.empty()) {
        return reread(id);
    }
    changing.state = InstanceState::terminated;  // its record is gone
    return changing;
}

Result<void> Instances::terminate_anyway(const InstanceId& id) {
    auto done = terminate_by_id(id, Force::yes);
    return done || done.error().code == Code::invalid_instance_id_not_found ? Result<void>{} : Result<void>(std::move(done.error()));
}

Result<std::optional<InstanceState>> Instances::end_lease(const InstanceId& id, const std::function<bool(const Instance&)>& over) {
    InstanceState before = InstanceState::running;
    auto operation = ports_.operations.begin(
        OperationKind::terminate_instances, {id.str()}, Duration{0}, [&](CatalogSession& session, Operation& row) -> Result<void> {
            auto instance = AMIVIRT_TRY(session.instances().find(id));
            if (!instance || instance->state == InstanceState::terminated || !over(*instance)) {
                row.objects.clear();
                return {};
            }
            if (instance->termination_protected) {
                return Error(Code::operation_not_permitted,
                             fmt::format("the time of instance \"{}\" is over, but its termination protection is on", id.str()));
            }
            before = instance->state;
            const auto going = AMIVIRT_TRY(next(before, InstanceEvent::terminate));
            set_state(*instance, going, "Client.LeaseExpired",
                      "Client.LeaseExpired: its time to live, or the command that it was launched for, ended");
            return session.instances().update(*instance);
        });
    if (!operation && operation.error().code != Code::busy) {
        return std::move(operation.error());
    }
    if (!operation || !*operation) {
        return std::optional<InstanceState>();
    }
    AMIVIRT_TRY_CONTEXT(finish_termination(**operation), fmt::format("terminating {}", id.str()));
    return std::optional(before);
}

Result<void> Instances::finish_termination(ActiveOperation& operation) {
    std::vector<InstanceId> ids;
    for (const auto& object : operation.row().objects) {
        ids.push_back(AMIVIRT_TRY(InstanceId::parse(object)));
    }
    for (const auto& id : ids) {
        AMIVIRT_TRY(ports_.hypervisor.remove(id));
        fault_point("terminate.domain");
        ports_.machine_log.remove(id);
        AMIVIRT_TRY(ports_.files.remove(id));
        fault_point("terminate.files");
    }
    AMIVIRT_TRY(operation.turn_into(OperationKind::collect_layers, [&](CatalogSession& session, Operation& row) -> Result<void> {
        const auto volumes = AMIVIRT_TRY(session.volumes().list()).records;
        for (const auto& id : ids) {
            for (auto& volume : volumes_of(id, volumes)) {
                if (volume.attachment->delete_on_termination) {
                    AMIVIRT_TRY(session.volumes().erase(volume.id));
                } else {
                    volume.attachment.reset();
                    volume.state = VolumeState::available;
                    AMIVIRT_TRY(session.volumes().update(volume));
                }
            }
            auto instance = AMIVIRT_TRY(session.instances().find(id));
            if (instance && !instance->lifeline.empty()) {
                // Nobody but the process it lived for knows it: it leaves nothing, so that a thousand of them leave nothing.
                AMIVIRT_TRY(erase_instance(session, id));
            } else if (instance) {
                instance->state = InstanceState::terminated;
                instance->terminated = ports_.clock.now();
                AMIVIRT_TRY(session.instances().update(*instance));
            }
        }
        return ports_.storage.mark_unreachable(session, row);
    }));
    return ports_.storage.finish(operation);
}

}  // namespace amivirt
