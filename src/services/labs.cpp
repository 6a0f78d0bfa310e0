#include "amivirt/services/labs.hpp"

#include <fmt/format.h>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "lab_run.hpp"
#include "machine.hpp"
#include "revert_log.hpp"

namespace amivirt {

std::string lab_scope(const AccountId& caller, const std::string& lab) { return fmt::format("{}/{}", caller.str(), lab); }

Result<Labs::Seen> Labs::look(const AccountId& caller, const std::string& name) {
    Seen seen;
    // Observes, so that a machine that was switched off from within is not taken for a running one.
    auto listing =
        AMIVIRT_TRY(ports_.instances.describe(caller, {.ids_or_names = {}, .filters = {}, .include_terminated = true, .session = {}}));
    seen.hypervisor_error = std::move(listing.hypervisor_error);
    std::set<std::string> ids;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (auto& member : AMIVIRT_TRY(session.lab_members().list()).records) {
            if (member.lab == lab_scope(caller, name)) {
                ids.insert(member.resource);
                seen.there.members.push_back(std::move(member));
            }
        }
        for (auto& instance : AMIVIRT_TRY(session.instances().list()).records) {
            if (ids.contains(instance.id.str())) {
                seen.there.instances.push_back(std::move(instance));
            }
        }
        seen.there.volumes = AMIVIRT_TRY(session.volumes().list()).records;
        std::erase_if(seen.there.volumes, [&](const Volume& volume) { return volume.owner != caller; });
        seen.there.key_pairs = AMIVIRT_TRY(session.key_pairs().list()).records;
        std::erase_if(seen.there.key_pairs, [&](const KeyPair& pair) { return pair.owner != caller; });
        // A record that cannot be read must not pass for one that is gone: find() tells them apart.
        for (const auto& member : seen.there.members) {
            if (InstanceId::looks_like(member.resource)) {
                (void)AMIVIRT_TRY(session.instances().find(AMIVIRT_TRY(InstanceId::parse(member.resource))));
            } else if (VolumeId::looks_like(member.resource)) {
                (void)AMIVIRT_TRY(session.volumes().find(AMIVIRT_TRY(VolumeId::parse(member.resource))));
            }
        }
        return {};
    }));
    for (auto& view : listing.views) {
        if (ids.contains(view.instance.id.str())) {
            seen.views.push_back(std::move(view));
        }
    }
    return seen;
}

Result<std::unique_ptr<ActiveOperation>> Labs::hold(const AccountId& caller, const std::string& name) {
    return ports_.operations.begin(OperationKind::change_lab, {"lab:" + lab_scope(caller, name)}, k_patience,
                                   [](CatalogSession&, Operation&) -> Result<void> { return {}; });
}

Result<LabReport> Labs::examine(const AccountId& caller, const Lab& lab) {
    Seen seen = AMIVIRT_TRY(look(caller, lab.name));
    LabReport report;
    report.plan = plan_lab(lab, seen.there);
    report.views = std::move(seen.views);
    report.hypervisor_error = std::move(seen.hypervisor_error);
    return report;
}

Result<LabReport> Labs::plan(const AccountId& caller, const Lab& lab, const LabOptions& options) {
    Seen seen = AMIVIRT_TRY(look(caller, lab.name));
    LabReport report;
    report.plan = plan_lab(lab, seen.there);
    SilentProgress silent;
    AMIVIRT_TRY(Run(ports_, caller, lab.name, options, silent).check(lab, report.plan, seen));
    report.views = std::move(seen.views);
    report.hypervisor_error = std::move(seen.hypervisor_error);
    return report;
}

Result<LabReport> Labs::up(const AccountId& caller, const Lab& lab, const LabOptions& options, Progress& progress) {
    const auto operation = AMIVIRT_TRY(hold(caller, lab.name));
    Revert let_go(logged(ports_.log, "labs"));
    let_go.push("let go of the lab", [&] {
        const InterruptShield shield;
        return operation->finish([](CatalogSession&) { return Result<void>(); });
    });
    Seen seen = AMIVIRT_TRY(look(caller, lab.name));
    if (seen.hypervisor_error) {
        return std::move(*seen.hypervisor_error);
    }
    LabReport report;
    report.plan = plan_lab(lab, seen.there);
    Run run(ports_, caller, lab.name, options, progress);
    AMIVIRT_TRY(run.check(lab, report.plan, seen));
    if (options.on_plan) {
        options.on_plan(report.plan);
    }
    fault_point("lab.planned");
    AMIVIRT_TRY(run.up(lab, report.plan));
    Seen after = AMIVIRT_TRY(look(caller, lab.name));
    for (auto& step : report.plan.steps) {
        for (const auto& member : after.there.members) {
            if (member.kind == step.kind && member.name == step.name) {
                step.resource = member.resource;
            }
        }
        for (const auto& volume : after.there.volumes) {
            if (volume.id.str() == step.resource) {
                step.state = to_string(volume.state);
            }
        }
    }
    report.views = std::move(after.views);
    report.hypervisor_error = std::move(after.hypervisor_error);
    return report;
}

Result<LabReport> Labs::down(const AccountId& caller, const std::string& name, const Lab* lab, KeepVolumes keep, const LabOptions& options,
                             Progress& progress) {
    const auto operation = AMIVIRT_TRY(hold(caller, name));
    Revert let_go(logged(ports_.log, "labs"));
    let_go.push("let go of the lab", [&] {
        const InterruptShield shield;
        return operation->finish([](CatalogSession&) { return Result<void>(); });
    });
    const Seen seen = AMIVIRT_TRY(look(caller, name));
    LabReport report;
    report.plan = plan_removal(name, seen.there, keep);
    if (options.on_plan) {
        options.on_plan(report.plan);
    }
    fault_point("lab.planned");
    AMIVIRT_TRY(Run(ports_, caller, name, options, progress).down(lab, report.plan));
    return report;
}

}  // namespace amivirt
