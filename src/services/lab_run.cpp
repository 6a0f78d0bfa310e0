// A lab, brought to what its file says or taken away, member by member.
#include "lab_run.hpp"

#include <fmt/format.h>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/domain/device_name.hpp"
#include "ordered.hpp"

namespace amivirt {

namespace {

constexpr Duration k_detach_patience = std::chrono::seconds(30);

bool says_not_found(const Error& error) { return facts(error.code).exit_status == static_cast<int>(ExitStatus::not_found); }

/// What is gone need not be removed.
template <class T>
Result<void> unless_gone(Result<T> done) {
    return done || says_not_found(done.error()) ? Result<void>() : Result<void>(std::move(done.error()));
}

}  // namespace

Result<void> Labs::Run::up(const Lab& lab, const LabPlan& plan) {
    plan_ = &plan;
    for (const auto& step : plan.steps) {
        if (step.kind == "key" && step.action != LabAction::remove) {
            AMIVIRT_TRY(bring_key(lab, step));
        }
    }
    for (const auto& step : plan.steps) {
        if (!step.was.empty()) {
            AMIVIRT_TRY(rename(step));
            fault_point("lab.renamed");
        }
    }
    // What goes does so first: its ports and volumes may be wanted by what comes.
    AMIVIRT_TRY(combined(each(plan.steps.size(), [&](std::size_t i) { return let_go(plan.steps[i]); })));
    for (const auto& step : plan.steps) {
        if (step.action == LabAction::remove && step.kind != "instance") {
            AMIVIRT_TRY(remove_other(step));
        }
    }
    for (const auto& volume : lab.volumes) {
        AMIVIRT_TRY(bring_volume(lab, volume, *find_step(plan, "volume", volume.name)));
    }
    const auto machines = machines_of(lab);
    std::vector<std::vector<std::size_t>> after(machines.size());
    for (std::size_t i = 0; i < machines.size(); ++i) {
        for (std::size_t j = 0; j < machines.size(); ++j) {
            if (dependency(lab, machines[i], machines[j]) != nullptr) {
                after[i].push_back(j);
            }
        }
    }
    ids_.lock()->resize(machines.size());
    return combined(for_each_after(after, [&](std::size_t i) { return bring_machine(lab, machines, i, after[i]); }));
}

Result<void> Labs::Run::down(const Lab* lab, const LabPlan& plan) {
    plan_ = &plan;
    std::vector<const LabStep*> steps;
    for (const auto& step : plan.steps) {
        if (step.kind == "instance") {
            steps.push_back(&step);
        }
    }
    const auto machines = lab != nullptr ? machines_of(*lab) : std::vector<LabMachine>();
    const auto machine_of = [&](const LabStep& step) {
        return std::find_if(machines.begin(), machines.end(), [&](const LabMachine& machine) { return machine.name == step.name; });
    };
    std::vector<std::vector<std::size_t>> after(steps.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
        for (std::size_t j = 0; j < steps.size(); ++j) {
            const auto one = machine_of(*steps[i]);
            const auto other = machine_of(*steps[j]);
            if (one != machines.end() && other != machines.end() && dependency(*lab, *other, *one) != nullptr) {
                after[i].push_back(j);  // the other needs it, so the other goes first
            }
        }
    }
    AMIVIRT_TRY(combined(for_each_after(after, [&](std::size_t i) { return let_go(*steps[i]); })));
    for (const auto& step : plan.steps) {
        if (step.action == LabAction::remove && step.kind != "instance") {
            AMIVIRT_TRY(remove_other(step));
        }
    }
    return {};
}

const LabStep* Labs::Run::find_step(const LabPlan& plan, std::string_view kind, const std::string& name) {
    const auto found =
        std::find_if(plan.steps.begin(), plan.steps.end(), [&](const LabStep& step) { return step.kind == kind && step.name == name; });
    return found == plan.steps.end() ? nullptr : &*found;
}

const LabDependency* Labs::Run::dependency(const Lab& lab, const LabMachine& of, const LabMachine& on) {
    const auto& all = lab.instances[of.section].depends_on;
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const LabDependency& one) { return one.on == lab.instances[on.section].name; });
    return found == all.end() ? nullptr : &*found;
}

std::vector<Error> Labs::Run::each(std::size_t count, const std::function<Result<void>(std::size_t)>& task) {
    return for_each_after(std::vector<std::vector<std::size_t>>(count), task);
}

Result<void> Labs::Run::combined(std::vector<Error> errors) const {
    if (errors.empty()) {
        return {};
    }
    if (errors.size() == 1) {
        return std::move(errors.front());
    }
    Faults faults;
    for (auto& error : errors) {
        faults.add(std::move(error));
    }
    return faults.error(fmt::format("lab \"{}\"", name_));
}

Result<void> Labs::Run::record(CatalogSession& session, const LabStep& step, const std::string& resource, const std::string& digest) const {
    LabMember member;
    member.lab = lab_scope(caller_, name_);
    member.kind = step.kind;
    member.name = step.name;
    member.key = lab_member_key(member.lab, member.kind, member.name);
    member.resource = resource;
    member.digest = digest;
    member.created = ports_.clock.now();
    // Replaced and not updated: it is listed in the order of what was made.
    AMIVIRT_TRY(session.lab_members().erase(member.key));
    return session.lab_members().insert(member);
}

Result<void> Labs::Run::forget(CatalogSession& session, const LabStep& step) const {
    return session.lab_members().erase(lab_member_key(lab_scope(caller_, name_), step.kind, step.name));
}

Result<void> Labs::Run::rename(const LabStep& step) const {
    const bool stays = step.action != LabAction::create && step.action != LabAction::replace;  // else its disks' records go, as planned
    return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        for (auto& member : AMIVIRT_TRY(session.lab_members().list()).records) {
            const bool is_disk = stays && member.kind == "disk" && member.name.starts_with(step.was + ":");
            if (member.lab != lab_scope(caller_, name_) || !(is_disk || (member.kind == step.kind && member.name == step.was))) {
                continue;
            }
            AMIVIRT_TRY(session.lab_members().erase(member.key));
            member.name = step.name + member.name.substr(step.was.size());
            member.key = lab_member_key(member.lab, member.kind, member.name);
            AMIVIRT_TRY(session.lab_members().insert(member));
        }
        return {};
    });
}

Result<void> Labs::Run::note_digest(const LabStep& step) const {
    return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        auto member = AMIVIRT_TRY(session.lab_members().find(lab_member_key(lab_scope(caller_, name_), step.kind, step.name)));
        if (!member || member->digest == step.digest) {
            return {};
        }
        member->digest = step.digest;
        return session.lab_members().update(*member);
    });
}

Result<std::optional<LabMember>> Labs::Run::member_of(const std::string& kind, const std::string& name) const {
    std::optional<LabMember> member;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        member = AMIVIRT_TRY(session.lab_members().find(lab_member_key(lab_scope(caller_, name_), kind, name)));
        return {};
    }));
    return member;
}

Result<void> Labs::Run::let_go(const LabStep& step) {
    if (step.kind != "instance") {
        return {};
    }
    for (const auto& volume : step.change.detach) {
        const Slot slot(slots_);
        AMIVIRT_TRY_CONTEXT(unless_gone(ports_.volumes.detach(caller_, volume.str(), k_detach_patience)),
                            fmt::format("detaching {} from {}", volume.str(), step.name));
        fault_point("lab.detached");
    }
    if (step.action != LabAction::remove && step.action != LabAction::replace) {
        return {};
    }
    const Slot slot(slots_);
    AMIVIRT_TRY_CONTEXT(unless_gone(ports_.instances.terminate(caller_, step.resource)), fmt::format("removing {}", step.name));
    fault_point("lab.terminated");
    if (step.action == LabAction::remove) {
        AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) { return forget(session, step); }));
        fault_point("lab.forgotten");
        progress_.note(fmt::format("{}: removed", step.name));
    }
    return {};
}

Result<void> Labs::Run::remove_other(const LabStep& step) {
    if (step.kind == "key") {
        return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
            AMIVIRT_TRY(session.key_pairs().erase(AMIVIRT_TRY(KeyPairId::parse(step.resource))));
            return forget(session, step);
        });
    }
    AMIVIRT_TRY_CONTEXT(unless_gone(ports_.volumes.remove(caller_, step.resource)), fmt::format("removing {}", step.name));
    fault_point("lab.removed");
    AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) { return forget(session, step); }));
    if (step.kind == "volume") {
        progress_.note(fmt::format("{}: removed", step.name));
    }
    return {};
}

Result<void> Labs::Run::bring_key(const Lab& lab, const LabStep& step) {
    if (step.action == LabAction::keep) {
        return {};
    }
    const auto said = std::find_if(lab.keys.begin(), lab.keys.end(), [&](const LabKey& key) { return key.name == step.name; });
    KeyPair pair = AMIVIRT_TRY(read_key(*said));
    pair.id = make_id<KeyPairId>(ports_.ids);
    pair.owner = caller_;
    pair.name = said->name;
    pair.created = ports_.clock.now();
    pair.tags.emplace(k_lab_tag, name_);
    AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        if (!step.resource.empty()) {
            AMIVIRT_TRY(session.key_pairs().erase(AMIVIRT_TRY(KeyPairId::parse(step.resource))));
        }
        AMIVIRT_TRY(session.key_pairs().insert(pair));
        return record(session, step, pair.id.str(), step.digest);
    }));
    fault_point("lab.key");
    progress_.note(fmt::format("{}: key pair {}", step.name, pair.id.str()));
    return {};
}

Result<void> Labs::Run::bring_volume(const Lab& lab, const LabVolume& volume, const LabStep& step) {
    if (step.action == LabAction::create) {
        auto request = request_for(volume.ebs, tags_of(lab, volume));
        request.with_reservation = [&](CatalogSession& session, const Volume& creating) {
            return record(session, step, creating.id.str(), step.digest);
        };
        const auto made = AMIVIRT_TRY_CONTEXT(ports_.volumes.create(caller_, request), fmt::format("making volume {}", step.name));
        fault_point("lab.volume");
        progress_.note(fmt::format("{}: made, {}", step.name, made.id.str()));
        return {};
    }
    AMIVIRT_TRY_CONTEXT(apply(step), fmt::format("changing volume {}", step.name));
    return note_digest(step);
}

Result<void> Labs::Run::apply(const LabStep& step) {
    if (step.change.tags) {
        AMIVIRT_TRY(set_tags(step.resource, *step.change.tags));
    }
    for (const auto& growth : step.change.growths) {
        AMIVIRT_TRY(ports_.volumes.modify(caller_, growth.volume.str(), {growth.size, growth.type, growth.iops, growth.throughput}));
        fault_point("lab.grown");
    }
    if (step.change.tags || !step.change.growths.empty()) {
        progress_.note(fmt::format("{}: changed", step.name));
    }
    return {};
}

Result<void> Labs::Run::set_tags(const std::string& resource, const Tags& wanted) {
    const auto now = AMIVIRT_TRY(ports_.tagging.resolve(caller_, resource));
    TagsToRemove superfluous;
    for (const auto& [key, value] : now.tags) {
        if (!wanted.contains(key)) {
            superfluous.emplace_back(key, std::nullopt);
        }
    }
    if (!superfluous.empty()) {
        AMIVIRT_TRY(ports_.tagging.remove(caller_, {resource}, superfluous));
    }
    AMIVIRT_TRY(ports_.tagging.add(caller_, {resource}, wanted));
    fault_point("lab.tagged");
    return {};
}

Result<void> Labs::Run::bring_machine(const Lab& lab, const std::vector<LabMachine>& machines, std::size_t index,
                                      const std::vector<std::size_t>& needed) {
    const LabMachine& machine = machines[index];
    const LabStep& step = *find_step(*plan_, "instance", machine.name);
    const bool is_booted = step.action != LabAction::keep && step.action != LabAction::change;
    std::optional<InstanceId> id;
    if (step.action != LabAction::create && step.action != LabAction::replace) {
        id = AMIVIRT_TRY(InstanceId::parse(step.resource));
    }
    if (is_booted) {
        for (const std::size_t other : needed) {
            const InstanceId on = *(*ids_.lock())[other];
            AMIVIRT_TRY_CONTEXT(wait(on, machines[other].name, dependency(lab, machine, machines[other])->until),
                                fmt::format("launching {}", machine.name));
        }
    }
    check_interrupt();
    {
        const Slot slot(slots_);
        if (!id) {
            id = AMIVIRT_TRY_CONTEXT(launch(lab, machine, step), fmt::format("launching {}", machine.name));
        } else if (step.action == LabAction::start) {
            AMIVIRT_TRY_CONTEXT(ports_.instances.start(caller_, step.resource, options_.accelerator, progress_),
                                fmt::format("starting {}", machine.name));
            fault_point("lab.started");
            progress_.note(fmt::format("{}: started", machine.name));
        }
        AMIVIRT_TRY_CONTEXT(apply(step), fmt::format("changing {}", machine.name));
        for (const auto& disk : attachments(lab.instances[machine.section], step)) {
            AMIVIRT_TRY_CONTEXT(attach(lab, machine, *id, disk), fmt::format("attaching {} to {}", disk.device, machine.name));
        }
        AMIVIRT_TRY(note_digest(step));
    }
    (*ids_.lock())[index] = id;
    return options_.until == Readiness::running ? Result<void>() : wait(*id, machine.name, options_.until);
}

Result<void> Labs::Run::wait(const InstanceId& id, const std::string& name, Readiness until) {
    switch (until) {
        case Readiness::running:
            return {};
        case Readiness::ssh:
            AMIVIRT_TRY_CONTEXT(ports_.instances.wait_ssh(id, options_.patience), fmt::format("waiting for {}", name));
            return {};
        case Readiness::cloud_init:
            AMIVIRT_TRY_CONTEXT(ports_.cloud_init.wait(id, options_.patience), fmt::format("waiting for {}", name));
            return {};
    }
    return {};
}

Result<InstanceId> Labs::Run::launch(const Lab& lab, const LabMachine& machine, const LabStep& step) {
    RunRequest request = AMIVIRT_TRY(request_for(lab, machine));
    request.with_reservation = [&](CatalogSession& session, const std::vector<Instance>& pending) {
        return record(session, step, pending.front().id.str(), step.digest);
    };
    const auto made = AMIVIRT_TRY(ports_.instances.run(caller_, request, progress_));
    fault_point("lab.launched");
    progress_.note(fmt::format("{}: launched, {}", machine.name, made.front().id.str()));
    return made.front().id;
}

std::vector<LabDisk> Labs::Run::attachments(const LabInstance& section, const LabStep& step) {
    if (step.action != LabAction::create && step.action != LabAction::replace) {
        return step.change.attach;
    }
    std::vector<LabDisk> disks;
    std::copy_if(section.disks.begin(), section.disks.end(), std::back_inserter(disks),
                 [](const LabDisk& disk) { return !disk.volume.empty(); });
    return disks;
}

Result<void> Labs::Run::attach(const Lab& lab, const LabMachine& machine, const InstanceId& id, const LabDisk& disk) {
    AttachVolumeRequest request;
    request.instance = id.str();
    request.device = disk.device;
    if (disk.volume.empty()) {
        request.volume = AMIVIRT_TRY(own_disk(lab, machine, disk)).str();
        request.delete_on_termination = true;
    } else {
        const auto member = AMIVIRT_TRY(member_of("volume", disk.volume));
        if (!member) {
            return Error(Code::invalid_volume_not_found, fmt::format("volume \"{}\" of the lab is gone", disk.volume));
        }
        request.volume = member->resource;
    }
    AMIVIRT_TRY(ports_.volumes.attach(caller_, request));
    fault_point("lab.attached");
    progress_.note(fmt::format("{}: {} attached as {}", machine.name, request.volume, disk.device));
    return {};
}

Result<VolumeId> Labs::Run::own_disk(const Lab& lab, const LabMachine& machine, const LabDisk& disk) {
    LabStep step;
    step.kind = "disk";
    step.name = machine.name + ":" + disk.device;
    if (const auto member = AMIVIRT_TRY(member_of(step.kind, step.name))) {
        if (auto volume = ports_.volumes.resolve(caller_, member->resource); volume && !volume->attachment) {
            return volume->id;
        }
    }
    auto request = request_for(disk.ebs, {{std::string(k_lab_tag), lab.name}});
    request.with_reservation = [&](CatalogSession& session, const Volume& creating) {
        return record(session, step, creating.id.str(), {});
    };
    const auto made = AMIVIRT_TRY(ports_.volumes.create(caller_, request));
    fault_point("lab.disk");
    return made.id;
}

CreateVolumeRequest Labs::Run::request_for(const EbsDevice& ebs, Tags tags) {
    CreateVolumeRequest request;
    request.size = ebs.size;
    request.snapshot = ebs.snapshot ? ebs.snapshot->str() : "";
    request.type = ebs.type;
    request.iops = ebs.iops;
    request.throughput = ebs.throughput;
    request.encrypted = ebs.encrypted.value_or(false);
    request.tags = std::move(tags);
    return request;
}

Result<RunRequest> Labs::Run::request_for(const Lab& lab, const LabMachine& machine) {
    const LabInstance& section = lab.instances[machine.section];
    const Image image = AMIVIRT_TRY(ports_.images.resolve_for_launch(caller_, section.image));
    RunRequest request;
    request.image = image.id.str();
    request.type = section.type;
    for (const auto& disk : section.disks) {
        if (disk.volume.empty()) {
            EbsDevice ebs = disk.ebs;
            ebs.delete_on_termination = true;
            request.mapping.push_back({disk.device, ebs});
        }
    }
    // What the image brings along beyond its root would outlive the machine: EC2's default, and here nobody would remove it.
    for (const auto& entry : image.mapping) {
        const bool is_said = std::any_of(section.disks.begin(), section.disks.end(),
                                         [&](const LabDisk& disk) { return same_device(disk.device, entry.device_name); });
        if (std::holds_alternative<EbsDevice>(entry.what) && !is_said) {
            EbsDevice ebs;
            ebs.delete_on_termination = true;
            if (image.root_device_type == RootDeviceType::ebs) {
                request.mapping.push_back({entry.device_name, ebs});
            }
        }
    }
    request.user_data = section.user_data;
    request.large_user_data = LargeUserData::yes;  // it comes from a file: the lab's, or one that it names
    request.ports = section.ports;
    request.tags = tags_of(lab, machine);
    request.volume_tags = {{std::string(k_lab_tag), lab.name}};
    request.key_name = section.key.empty() ? options_.default_key : section.key;
    request.network = section.network;
    request.accelerator = options_.accelerator;
    request.session = options_.session;
    return request;
}

}  // namespace amivirt
