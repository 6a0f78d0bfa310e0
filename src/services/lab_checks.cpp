// What can be checked of a lab before anything of it is made.
#include <fmt/format.h>

#include "lab_run.hpp"

namespace amivirt {

namespace {

/// `lab.yaml:12: instances.web`, before what is wrong with it.
Error at_line(const Lab& lab, int line, std::string_view where, Error error) {
    error.message = fmt::format("{}:{}: {}: {}", lab.file, line, where, error.message);
    return error;
}

}  // namespace

Result<void> Labs::Run::check(const Lab& lab, const LabPlan& plan, const Seen& seen) {
    Faults faults;
    for (const auto& fault : plan.faults) {
        faults.add({Code::invalid_parameter_value, fault});
    }
    for (const auto& key : lab.keys) {
        if (auto pair = read_key(key); !pair) {
            faults.add(at_line(lab, key.line, "keys." + key.name, std::move(pair.error())));
        }
    }
    going_.clear();
    for (const auto& step : plan.steps) {
        if (step.kind == "instance" && (step.action == LabAction::remove || step.action == LabAction::replace)) {
            going_.insert(step.resource);
        }
    }
    const auto machines = machines_of(lab);
    std::set<std::size_t> checked;
    for (const auto& machine : machines) {
        const LabStep& step = *find_step(plan, "instance", machine.name);
        const bool is_made = step.action == LabAction::create || step.action == LabAction::replace;
        if (is_made && checked.insert(machine.section).second) {
            check_launch(lab, machine, seen, faults);
        }
        check_uses(lab, machine, step, plan, seen, faults);
    }
    for (const auto& volume : lab.volumes) {
        if (find_step(plan, "volume", volume.name)->action == LabAction::create && volume.ebs.snapshot) {
            faults.check(check_snapshot(lab, volume));
        }
    }
    return faults.none() ? Result<void>() : Result<void>(faults.error(fmt::format("lab \"{}\"", lab.name)));
}

void Labs::Run::check_launch(const Lab& lab, const LabMachine& machine, const Seen& seen, Faults& faults) {
    const LabInstance& section = lab.instances[machine.section];
    const std::string where = "instances." + section.name;
    if (!section.key.empty()) {
        const bool is_ours = std::any_of(lab.keys.begin(), lab.keys.end(), [&](const LabKey& key) { return key.name == section.key; });
        const bool is_there = std::any_of(seen.there.key_pairs.begin(), seen.there.key_pairs.end(),
                                          [&](const KeyPair& pair) { return pair.name == section.key; });
        if (!is_ours && !is_there) {
            faults.add(at_line(lab, section.line, where,
                               {Code::invalid_key_pair_not_found, fmt::format("key pair \"{}\" not found", section.key)}));
        }
    }
    auto request = request_for(lab, machine);
    if (!request) {
        faults.add(at_line(lab, section.line, where, std::move(request.error())));
        return;
    }
    request->dry_run = DryRun::yes;
    request->key_name.clear();  // maybe still to be made; checked above
    for (const auto& name : going_) {
        if (const auto id = InstanceId::parse(name)) {
            request->leaving.insert(*id);
        }
    }
    SilentProgress silent;
    if (auto tried = ports_.instances.run(caller_, *request, silent); !tried && tried.error().code != Code::dry_run_operation) {
        faults.add(at_line(lab, section.line, where, std::move(tried.error())));
    }
}

void Labs::Run::check_uses(const Lab& lab, const LabMachine& machine, const LabStep& step, const LabPlan& plan, const Seen& seen,
                           Faults& faults) {
    const LabInstance& section = lab.instances[machine.section];
    for (const auto& disk : attachments(section, step)) {
        const LabStep* made = disk.volume.empty() ? nullptr : find_step(plan, "volume", disk.volume);
        const auto found = made == nullptr ? seen.there.volumes.end()
                                           : std::find_if(seen.there.volumes.begin(), seen.there.volumes.end(),
                                                          [&](const Volume& volume) { return volume.id.str() == made->resource; });
        if (found == seen.there.volumes.end() || !found->attachment) {
            continue;
        }
        const bool is_let_go = going_.contains(found->attachment->instance.str()) ||
                               std::any_of(plan.steps.begin(), plan.steps.end(), [&](const LabStep& other) {
                                   const auto& detach = other.change.detach;
                                   return std::find(detach.begin(), detach.end(), found->id) != detach.end();
                               });
        if (!is_let_go) {
            faults.add(
                at_line(lab, section.line, "instances." + section.name,
                        {Code::volume_in_use, fmt::format("volume \"{}\" ({}) is attached to {}, which is not this lab's to take it from",
                                                          disk.volume, found->id.str(), found->attachment->instance.str())}));
        }
    }
}

Result<void> Labs::Run::check_snapshot(const Lab& lab, const LabVolume& volume) {
    std::optional<Snapshot> snapshot;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        snapshot = AMIVIRT_TRY(session.snapshots().find(*volume.ebs.snapshot));
        return {};
    }));
    if (!snapshot || snapshot->owner != caller_ || snapshot->bin) {
        return at_line(lab, volume.line, "volumes." + volume.name,
                       {Code::invalid_snapshot_not_found, fmt::format("snapshot \"{}\" not found", volume.ebs.snapshot->str())});
    }
    if (volume.ebs.size && *volume.ebs.size < snapshot->size) {
        return at_line(lab, volume.line, "volumes." + volume.name,
                       {Code::invalid_parameter_value, fmt::format("{} GiB cannot hold snapshot \"{}\", which has {} GiB",
                                                                   volume.ebs.size->count, snapshot->id.str(), snapshot->size.count)});
    }
    return {};
}

Result<KeyPair> Labs::Run::read_key(const LabKey& key) const {
    auto read = AMIVIRT_TRY(ports_.keys.read_public(key.public_key));
    KeyPair pair;
    pair.type = read.type;
    pair.fingerprint = std::move(read.fingerprint);
    pair.public_key = std::move(read.line);
    return pair;
}

}  // namespace amivirt
