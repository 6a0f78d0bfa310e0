// What can be changed of an instance after its launch.
#include <fmt/format.h>

#include <algorithm>

#include "amivirt/base/fault.hpp"
#include "amivirt/domain/lease.hpp"
#include "amivirt/domain/type_architecture.hpp"
#include "faults.hpp"
#include "instance_options.hpp"
#include "key_lookup.hpp"
#include "machine.hpp"

namespace amivirt {

namespace {

/// What stands against the request (source: EC2 ModifyInstanceAttribute).
void judge(const Instance& instance, const ModifyInstanceRequest& request, Faults& faults) {
    const std::string& id = instance.id.str();
    if (instance.state == InstanceState::terminated || instance.state == InstanceState::shutting_down) {
        faults.add(
            {Code::incorrect_instance_state, fmt::format("instance \"{}\" cannot be modified: it is {}", id, to_string(instance.state))});
        return;
    }
    const auto at_rest = [&](std::string_view attribute) {
        if (instance.root_device_type == RootDeviceType::instance_store) {
            faults.add({Code::unsupported_operation,
                        fmt::format("the {} of \"{}\" cannot be changed: its root device is on instance store", attribute, id)});
        } else if (instance.state != InstanceState::stopped) {
            faults.add({Code::incorrect_instance_state,
                        fmt::format("the {} of \"{}\" can be changed only while it is stopped, and it is {}", attribute, id,
                                    to_string(instance.state)),
                        fmt::format("amivirt stop {}", id)});
        }
    };
    if (request.type) {
        faults.check(check_type_fits(*request.type, instance.architecture));
        at_rest("type");
    }
    if (request.user_data) {
        at_rest("user data");
    }
    const auto stopped_only = [&](bool asked, std::string_view attribute) {
        if (asked && instance.state != InstanceState::stopped) {
            faults.add({Code::incorrect_instance_state,
                        fmt::format("The instance '{}' is not in the 'stopped' state: its {} can be changed only then", id, attribute),
                        fmt::format("amivirt stop {}", id)});
        }
    };
    stopped_only(request.options.ebs_optimized.has_value(), "ebsOptimized");
    stopped_only(request.options.ena_support.has_value(), "enaSupport");
    stopped_only(request.options.sriov_net_support.has_value(), "sriovNetSupport");
    if (request.shutdown_behavior == ShutdownBehavior::stop && instance.root_device_type == RootDeviceType::instance_store) {
        faults.add(
            {Code::unsupported_operation, fmt::format("\"{}\" cannot stop when it shuts down: its root device is on instance store", id)});
    }
    // Either may have been there before; only what is asked for now is judged, so that an old contradiction can be taken back.
    const bool will_be_protected = request.termination_protected.value_or(instance.termination_protected);
    const bool will_have_lease = request.lease ? request.lease->ttl.has_value() : instance.expires.has_value();
    if (request.lease && request.lease->ttl && will_be_protected) {
        faults.add({Code::operation_not_permitted,
                    fmt::format("instance \"{}\" cannot be given a time to live: its termination protection is on", id),
                    fmt::format("amivirt instance modify {} --termination-protection off", id)});
    } else if (request.termination_protected.value_or(false) && will_have_lease) {
        faults.add({Code::operation_not_permitted,
                    fmt::format("instance \"{}\" cannot be protected from termination: it has a time to live", id),
                    fmt::format("amivirt instance modify {} --ttl none", id)});
    } else if (request.termination_protected.value_or(false) && !instance.lifeline.empty()) {
        faults.add({Code::operation_not_permitted,
                    fmt::format("instance \"{}\" cannot be protected from termination: it lives for one command only", id)});
    }
}

/// The instance store is the type's: its size, and as many of the disks as it offers.
void change_type(Instance& instance, const InstanceType& type) {
    instance.type = type.name;
    std::erase_if(instance.ephemeral, [&](const EphemeralDisk& disk) { return disk.number >= type.instance_store_volumes; });
    for (auto& disk : instance.ephemeral) {
        disk.size = type.instance_store_size;
    }
}

}  // namespace

Result<Instance> Instances::modify(const AccountId& caller, const std::string& id_or_name, const ModifyInstanceRequest& request) {
    const auto id = AMIVIRT_TRY(resolve(caller, id_or_name)).id;
    std::optional<InstanceType> type;
    Faults early;
    if (request.type) {
        if (auto found = ports_.types.find(*request.type)) {
            type = std::move(*found);
        } else {
            early.add(std::move(found.error()));
        }
    }
    if (request.user_data) {
        early.check(check_user_data(*request.user_data, request.large_user_data));
    }
    if (request.lease && request.lease->ttl) {
        early.check(check_ttl(*request.lease->ttl));
    }
    early.check(check_instance_options(request.options));
    auto operation = AMIVIRT_TRY(ports_.operations.begin(
        OperationKind::modify_instance, {id.str()}, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            auto instance = AMIVIRT_TRY(session.instances().find(id));
            if (!instance) {
                return Error(Code::invalid_instance_id_not_found, fmt::format("instance \"{}\" not found", id.str()));
            }
            Faults faults = early;
            judge(*instance, request, faults);
            if (!faults.none()) {
                return faults.error(fmt::format("the change of \"{}\"", id.str()));
            }
            if (type) {
                change_type(*instance, *type);
            }
            instance->shutdown_behavior = request.shutdown_behavior.value_or(instance->shutdown_behavior);
            instance->termination_protected = request.termination_protected.value_or(instance->termination_protected);
            if (request.lease) {
                instance->expires = request.lease->ttl ? std::optional(ports_.clock.now() + *request.lease->ttl) : std::nullopt;
            }
            const auto options = AMIVIRT_TRY(options_of(session, id));
            AMIVIRT_TRY(keep_options(session, *instance, changed(options, request.options)));
            const bool is_seed_stale = request.user_data && *request.user_data != instance->user_data;
            if (is_seed_stale) {
                instance->user_data = *request.user_data;
            } else {
                row.objects.clear();  // all of it is in the catalog
            }
            return session.instances().update(*instance);
        }));
    if (operation) {
        fault_point("modify.recorded");
        AMIVIRT_TRY_CONTEXT(finish_modification(*operation), fmt::format("modifying {}", id.str()));
    }
    return reread(id);
}

Result<void> Instances::finish_modification(ActiveOperation& operation) {
    // The catalog has the new user data since the operation began: whoever comes by makes the seed of it.
    for (const auto& object : operation.row().objects) {
        const auto instance = AMIVIRT_TRY(reread(AMIVIRT_TRY(InstanceId::parse(object))));
        std::string public_key;  // none if the key pair is gone
        AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
            if (const auto pair = find_key_pair(session, instance.owner, instance.key_name)) {
                public_key = pair->public_key;
            }
            return {};
        }));
        const auto seed = AMIVIRT_TRY(ports_.seeds.build(AMIVIRT_TRY(seed_of(instance, public_key))));
        AMIVIRT_TRY(ports_.files.create(instance.id, seed));
        AMIVIRT_TRY(ports_.files.persist({instance.id}));
        fault_point("modify.seed");
    }
    return operation.finish([](CatalogSession&) -> Result<void> { return {}; });
}

}  // namespace amivirt
