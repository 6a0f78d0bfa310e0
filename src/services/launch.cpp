// A launch, step by step (architecture, section 4).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/base/stable_hash.hpp"
#include "amivirt/domain/image_access.hpp"
#include "amivirt/domain/lease.hpp"
#include "amivirt/domain/login.hpp"
#include "amivirt/domain/signing.hpp"
#include "amivirt/domain/type_architecture.hpp"
#include "amivirt/services/ebs_settings.hpp"
#include "faults.hpp"
#include "injection.hpp"
#include "instance_options.hpp"
#include "key_lookup.hpp"
#include "machine.hpp"
#include "parallel.hpp"
#include "revert_log.hpp"
#include "snapshot_permission.hpp"
#include "snapshot_signer.hpp"

namespace amivirt {

namespace {

constexpr unsigned k_max_count = 100;

/// "" for the defaults, so that what was asked before there were options hashes as it did.
std::string described(const InstanceOptions& options) {
    if (options == InstanceOptions()) {
        return "";
    }
    const auto& metadata = options.metadata;
    return fmt::format("options {:d}{:d}{:d}{:d}{:d}{:d} {} metadata {:d}{:d}{:d}{:d} {}\n", options.stop_protected, options.ebs_optimized,
                       options.ena_support, options.sriov_net_support, options.monitored, options.auto_recovery,
                       options.cpu_credits ? to_string(*options.cpu_credits) : "", metadata.tokens_required, metadata.endpoint,
                       metadata.ipv6, metadata.tags, metadata.hop_limit);
}

Error would_succeed() { return {Code::dry_run_operation, "Request would have succeeded, but DryRun flag is set."}; }

/// A hash of the parameters.
std::string digest(const RunRequest& request, const ImageId& image) {
    std::string text = fmt::format("{}\n{}\n{}\n{}\n{}\n", image.str(), request.asked != 0 ? request.asked : request.count, request.type,
                                   to_string(request.shutdown_behavior), request.user_data);
    for (const auto& [key, value] : request.tags) {
        text += fmt::format("tag {}={}\n", key, value);
    }
    for (const auto& [key, value] : request.volume_tags) {
        text += fmt::format("volume tag {}={}\n", key, value);
    }
    for (const auto& name : request.names) {
        text += fmt::format("name {}\n", name);
    }
    if (!request.session.empty()) {
        text += fmt::format("session {}\n", request.session);
    }
    if (request.ttl) {
        text += fmt::format("ttl {}\n", request.ttl->count());
    }
    if (const auto network = parse_network(request.network); network && network->kind != NetworkChoice::Kind::user) {
        text += fmt::format("network {}\n", to_string(*network));
    }
    for (const auto& port : request.ports) {
        text += fmt::format("port {}:{}:{}/{}\n", port.address, port.host_port, port.guest_port, port.protocol);
    }
    if (!request.key_name.empty()) {
        text += fmt::format("key {}\n", request.key_name);
    }
    if (!request.placement.empty()) {
        text += fmt::format("placement {}\n", request.placement);
    }
    if (request.inject == Inject::yes) {
        text += "inject\n";
    }
    if (request.termination_protected) {
        text += "termination protected\n";
    }
    text += described(request.options);
    for (const auto& [key, value] : request.system_tags) {
        text += fmt::format("system tag {}={}\n", key, value);
    }
    for (const auto& device : request.mapping) {
        text += fmt::format("map {} ", device.device_name);
        if (const auto* ebs = std::get_if<EbsDevice>(&device.what)) {
            text += fmt::format("{} {} {} {} {} {} {}", ebs->snapshot ? ebs->snapshot->str() : "", ebs->size ? ebs->size->count : 0,
                                ebs->type ? to_string(*ebs->type) : "", ebs->iops.value_or(0), ebs->throughput.value_or(0),
                                ebs->delete_on_termination ? (*ebs->delete_on_termination ? "1" : "0") : "",
                                ebs->encrypted ? (*ebs->encrypted ? "1" : "0") : "");
        } else if (const auto* ephemeral = std::get_if<EphemeralDevice>(&device.what)) {
            text += fmt::format("ephemeral{}", ephemeral->number);
        }
        text += '\n';
    }
    return fmt::format("{:016x}", stable_hash(text));
}

std::string fresh_mac(IdSource& ids) {
    const auto bits = ids.random();
    return fmt::format("52:54:00:{:02x}:{:02x}:{:02x}", bits & 0xffU, (bits >> 8U) & 0xffU, (bits >> 16U) & 0xffU);
}

/// What the caller launched with this client token before. `image`: the one that is asked for; none if nobody can tell any more, and then
/// it is theirs. idempotent_parameter_mismatch if other parameters came with it.
Result<std::vector<Instance>> find_launched(CatalogSession& session, const AccountId& caller, const RunRequest& request,
                                            const std::optional<ImageId>& image) {
    std::vector<Instance> launched;
    if (request.client_token.empty()) {
        return launched;
    }
    for (auto& other : AMIVIRT_TRY(session.instances().list()).records) {
        if (other.owner != caller || other.client_token != request.client_token) {
            continue;
        }
        if (other.request_digest != digest(request, image.value_or(other.image))) {
            return Error(
                Code::idempotent_parameter_mismatch,
                fmt::format("client token \"{}\" was used before with other parameters, for {}", request.client_token, other.id.str()));
        }
        launched.push_back(std::move(other));
    }
    return launched;
}

template <class Machines>
std::vector<Instance> instances_of(const Machines& machines) {
    std::vector<Instance> instances;
    std::transform(machines.begin(), machines.end(), std::back_inserter(instances), [](const auto& machine) { return machine.instance; });
    return instances;
}

/// The image's signature speaks for its own snapshots alone.
Result<void> check_mapped_signers(CatalogSession& session, const Image& image, const BlockDeviceMapping& request, Faults& faults) {
    const auto policy = AMIVIRT_TRY(session.policy());
    if (!policy.demand_signature) {
        return {};
    }
    const auto its = snapshots_of(image);
    for (const auto& device : request) {
        const auto* ebs = std::get_if<EbsDevice>(&device.what);
        if (ebs != nullptr && ebs->snapshot && std::find(its.begin(), its.end(), *ebs->snapshot) == its.end()) {
            const auto signer = AMIVIRT_TRY(signer_of(session, std::vector{*ebs->snapshot}));
            faults.check(check_signer(policy, signer, fmt::format("snapshot \"{}\"", ebs->snapshot->str())));
        }
    }
    return {};
}

}  // namespace

Result<Instances::Plan> Instances::plan(const AccountId& caller, const RunRequest& request) {
    Plan plan;
    Faults faults;
    auto image = ports_.images.resolve_for_launch(caller, request.image);
    if (image) {
        plan.image = std::move(*image);
    } else {
        faults.add(std::move(image.error()));
    }
    if (request.count < 1 || request.count > k_max_count) {
        faults.add({Code::invalid_parameter_value, fmt::format("count {} is not in 1..{}", request.count, k_max_count)});
    }
    if (auto type = ports_.types.find(request.type)) {
        plan.type = std::move(*type);
        if (image) {
            faults.check(check_type_fits(plan.type.name, plan.image.architecture));
        }
    } else {
        faults.add(std::move(type.error()));
    }
    if (image && !can_run(ports_.host.architecture(), plan.image.architecture)) {
        faults.add({Code::unsupported_operation, fmt::format("image \"{}\" is {}, this host runs {}", request.image,
                                                             to_string(plan.image.architecture), to_string(ports_.host.architecture()))});
    }
    faults.check(check_user_data(request.user_data, request.large_user_data));
    if (request.inject == Inject::yes && !request.user_data.empty() && !request.user_data.starts_with("#!")) {
        faults.add({Code::invalid_parameter_combination, "user data that is put into the disk must be a script: it begins with \"#!\"",
                    "leave out --inject where the image has cloud-init"});
    }
    if (request.client_token.size() > 64) {
        faults.add({Code::invalid_parameter_value, fmt::format("client token \"{}\" is longer than 64 characters", request.client_token)});
    }
    if (request.ttl) {
        faults.check(check_ttl(*request.ttl));
    }
    if (!request.session.empty()) {
        faults.check(check_session_name(request.session));
    }
    if (request.termination_protected && (request.ttl || !request.lifeline.empty())) {  // as in ModifyInstanceRequest
        faults.add({Code::operation_not_permitted, "an instance that is protected from termination cannot have a time to live"});
    }
    if (!request.lifeline.empty() && !request.client_token.empty()) {
        faults.add({Code::invalid_parameter_combination, "what lives for one process only cannot be asked for again by a client token"});
    }
    faults.check(check_tags(request.tags));
    faults.check(check_tags(request.volume_tags));
    if (!request.names.empty() && request.names.size() != request.count) {
        faults.add({Code::invalid_parameter_combination, fmt::format("{} names for {} instances", request.names.size(), request.count)});
    }
    if (auto network = parse_network(request.network)) {
        plan.network = std::move(*network);
    } else {
        faults.add(std::move(network.error()));
    }
    if (plan.network.kind != NetworkChoice::Kind::user && !request.ports.empty()) {
        faults.add(
            {Code::invalid_parameter_combination,
             fmt::format("ports are forwarded on the user network only, and this is \"{}\": there its own address reaches every port",
                         request.network)});
    }
    std::vector<PortForward> fixed;
    for (const auto& port : request.ports) {
        faults.check(ports_.host.may_listen(port.address, port.host_port));
        if (port.host_port == 0) {
            continue;
        }
        if (request.count > 1) {
            faults.add({Code::invalid_parameter_combination,
                        fmt::format("host port {} cannot be forwarded to each of {} instances: use 0 to have one picked for each",
                                    port.host_port, request.count)});
        }
        if (std::any_of(fixed.begin(), fixed.end(), [&](const PortForward& other) { return collide(other, port); })) {
            faults.add({Code::invalid_parameter_value, fmt::format("host port {}/{} is asked for twice", port.host_port, port.protocol)});
        }
        fixed.push_back(port);
    }
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(check_fixed_ports(session, caller, request, faults));
        if (!request.key_name.empty()) {
            if (auto pair = find_key_pair(session, caller, request.key_name)) {
                plan.public_key = std::move(pair->public_key);
            } else {
                faults.add(std::move(pair.error()));
            }
        }
        if (!image) {
            return {};
        }
        MergeInput input;
        input.root_device_name = plan.image.root_device_name;
        input.root_device_type = plan.image.root_device_type;
        input.image = plan.image.mapping;
        input.request = request.mapping;
        input.ephemeral_devices = plan.type.instance_store_volumes;
        // The launch permission covers the image's own snapshots; others are the caller's, shared with it, or not to be found.
        const auto its = snapshots_of(plan.image);
        for (const auto* mapping : {&input.image, &input.request}) {
            for (const auto& device : *mapping) {
                const auto* ebs = std::get_if<EbsDevice>(&device.what);
                const auto snapshot =
                    ebs != nullptr && ebs->snapshot ? AMIVIRT_TRY(session.snapshots().find(*ebs->snapshot)) : std::optional<Snapshot>();
                const bool permitted = snapshot && (std::find(its.begin(), its.end(), snapshot->id) != its.end() ||
                                                    AMIVIRT_TRY(may_use(session, *snapshot, caller)));
                if (permitted && snapshot->state == SnapshotState::completed && !snapshot->bin &&
                    plan.layers.emplace(snapshot->id, snapshot->layer).second) {
                    input.snapshots.push_back({snapshot->id, snapshot->size, snapshot->encrypted});
                }
            }
        }
        AMIVIRT_TRY(check_mapped_signers(session, plan.image, request.mapping, faults));
        auto merged = merge_mappings(input);
        if (merged) {
            plan.devices = std::move(*merged);
            if (AMIVIRT_TRY(EbsSettings::encryption(session, caller)) == Encryption::by_default) {
                for (auto& device : plan.devices) {
                    const bool ebs =
                        !device.ephemeral && !(device.is_root && plan.image.root_device_type == RootDeviceType::instance_store);
                    device.encrypted = device.encrypted || ebs;
                }
            }
        } else {
            faults.add(std::move(merged.error()));
        }
        return {};
    }));
    // A layer that was lost or changed behind our back is told before anything is made over it.
    std::set<LayerId> verified;
    for (const auto& device : plan.devices) {
        const auto parent = device.snapshot ? plan.layers.find(*device.snapshot) : plan.layers.end();
        if (parent != plan.layers.end() && verified.insert(parent->second).second) {
            faults.check(ports_.storage.verify_chain(ports_.catalog, parent->second));
        }
    }
    if (auto choice = ports_.host.accelerator(request.accelerator)) {
        plan.accelerator = std::move(*choice);
    } else {
        faults.add(std::move(choice.error()));
    }
    plan.firmware = plan.image.boot_mode == BootMode::legacy_bios ? Firmware::bios : Firmware::uefi;
    if (auto there = ports_.networks.check(plan.network); !there) {
        if (there.error().code == Code::hypervisor_unavailable) {
            return std::move(there.error());
        }
        faults.add(std::move(there.error()));
    }
    if (!faults.none()) {
        return faults.error("this launch");
    }
    // A hypervisor that cannot be asked could not be asked to undo either: find out before anything is made.
    AMIVIRT_TRY(ports_.hypervisor.info());
    return plan;
}

Result<std::vector<Instances::Machine>> Instances::reserve(CatalogSession& session, const AccountId& caller, const Plan& plan,
                                                           const RunRequest& request) {
    const auto now = ports_.clock.now();
    const auto reservation = make_id<ReservationId>(ports_.ids);
    // What the plan saw may have gone meanwhile; from here on the volumes hold it.
    const auto image = AMIVIRT_TRY(session.images().find(plan.image.id));
    if (!image) {
        return Error(Code::invalid_ami_id_unavailable, fmt::format("image \"{}\" is no longer available", request.image));
    }
    AMIVIRT_TRY(authorize(ImageAction::run, *image, caller, now));
    for (const auto& device : plan.devices) {
        const auto snapshot = device.snapshot ? AMIVIRT_TRY(session.snapshots().find(*device.snapshot)) : std::nullopt;
        if (device.snapshot && (!snapshot || snapshot->bin)) {
            return Error(Code::invalid_snapshot_not_found,
                         fmt::format("snapshot \"{}\" of {} is gone", device.snapshot->str(), device.device_name));
        }
    }
    std::vector<PortForward> wanted = request.ports;
    const bool is_forwarded = plan.network.kind == NetworkChoice::Kind::user;
    if (is_forwarded && std::none_of(wanted.begin(), wanted.end(),
                                     [](const PortForward& port) { return port.guest_port == 22 && port.protocol == "tcp"; })) {
        wanted.insert(wanted.begin(), PortForward{});
    }
    std::vector<Machine> machines;
    for (unsigned index = 0; index < request.count; ++index) {
        Machine machine;
        Instance& instance = machine.instance;
        instance.id = make_id<InstanceId>(ports_.ids);
        instance.reservation = reservation;
        instance.owner = caller;
        instance.image = plan.image.id;
        instance.launch_index = index;
        instance.client_token = request.client_token;
        instance.request_digest = digest(request, plan.image.id);
        instance.type = plan.type.name;
        instance.state = InstanceState::pending;
        instance.launched = now;
        instance.architecture = plan.image.architecture;
        instance.firmware = plan.firmware;
        instance.accelerator = plan.accelerator.accelerator;
        instance.root_device_name = plan.image.root_device_name;
        instance.root_device_type = plan.image.root_device_type;
        for (const auto& device : plan.devices) {
            if (device.ephemeral) {
                instance.ephemeral.push_back({device.device_name, *device.ephemeral, plan.type.instance_store_size});
            }
        }
        instance.mac_address = fresh_mac(ports_.ids);
        instance.network = to_string(plan.network);
        instance.shutdown_behavior = request.shutdown_behavior;
        instance.termination_protected = request.termination_protected;
        instance.user_data = request.user_data;
        instance.session = request.session;
        instance.expires = request.ttl ? std::optional(now + *request.ttl) : std::nullopt;
        instance.lifeline = request.lifeline;
        instance.key_name = request.key_name;
        instance.login_user = login_user_of(plan.image);
        auto host_key = AMIVIRT_TRY(ports_.ssh_keys.generate(KeyType::ed25519, ""));
        instance.host_key = host_key.public_key.line;
        instance.host_private_key = std::move(host_key.private_key);
        instance.tags = request.tags;
        if (!request.names.empty()) {
            instance.tags["Name"] = request.names.at(index);
        }
        for (const auto& [key, value] : request.system_tags) {
            instance.tags[key] = value;
        }
        instance.ports = AMIVIRT_TRY(pick_ports(session, instance.id, wanted));
        AMIVIRT_TRY(session.instances().insert(instance));
        AMIVIRT_TRY(keep_options(session, instance, request.options));
        for (const auto& device : plan.devices) {
            if (device.ephemeral) {
                continue;
            }
            Layer layer;
            layer.id = make_id<LayerId>(ports_.ids);
            layer.virtual_size = device.size.bytes();
            layer.encrypted = device.encrypted;
            layer.created = now;
            if (device.snapshot) {
                layer.parent = plan.layers.at(*device.snapshot);
            }
            AMIVIRT_TRY(session.layers().insert(layer));
            Volume volume;
            volume.id = make_id<VolumeId>(ports_.ids);
            volume.owner = caller;
            volume.layer = layer.id;
            volume.snapshot = device.snapshot;
            volume.size = device.size;
            volume.type = device.type;
            volume.iops = device.iops;
            volume.throughput = device.throughput;
            volume.encrypted = device.encrypted;
            volume.instance_store = device.is_root && instance.root_device_type == RootDeviceType::instance_store;
            volume.created = now;
            volume.tags = request.volume_tags;
            volume.attachment =
                Attachment{instance.id, device.device_name, device.is_root, volume.instance_store || device.delete_on_termination, now};
            AMIVIRT_TRY(session.volumes().insert(volume));
            machine.parents.emplace(volume.id, layer.parent);
            machine.volumes.push_back(std::move(volume));
        }
        machines.push_back(std::move(machine));
    }
    return machines;
}

Result<void> Instances::make_files(const Machine& machine, const Plan& plan, Inject inject, Progress& progress) {
    for (const auto& volume : machine.volumes) {
        check_interrupt();
        AMIVIRT_TRY_CONTEXT(ports_.storage.store().create(volume.layer, machine.parents.at(volume.id), volume.size.bytes(),
                                                          volume.encrypted ? Encrypted::yes : Encrypted::no),
                            fmt::format("making volume {}", volume.id.str()));
        fault_point("run.volume");
    }
    const Seed content = AMIVIRT_TRY(seed_of(machine.instance, plan.public_key));
    if (inject == Inject::yes) {
        progress.note(fmt::format("putting keys into {}", machine.instance.id.str()));
        AMIVIRT_TRY_CONTEXT(
            ports_.guests.visit(ports_.storage.store().source(machine.volumes.front().layer), GuestDisks::Access::write,
                                [&](GuestFileSystem& files) { return put_in(files, content, machine.instance.login_user); }),
            fmt::format("putting keys into {}", machine.instance.id.str()));
        fault_point("run.injected");
    }
    const auto seed = AMIVIRT_TRY(ports_.seeds.build(content));
    AMIVIRT_TRY(ports_.files.create(machine.instance.id, seed));
    fault_point("run.files");
    return {};
}

/// What is acknowledged must outlive a power cut.
Result<void> Instances::persist_files(const std::vector<Machine>& machines) {
    std::vector<LayerId> tops;
    std::vector<InstanceId> folders;
    for (const auto& machine : machines) {
        folders.push_back(machine.instance.id);
        for (const auto& volume : machine.volumes) {
            tops.push_back(volume.layer);
        }
    }
    AMIVIRT_TRY(ports_.storage.store().persist(tops));
    return ports_.files.persist(folders);
}

/// Asked before all else: the image, the key pair and the snapshots may have gone since.
Result<std::vector<Instance>> Instances::launched_before(const AccountId& caller, const RunRequest& request) {
    if (request.client_token.empty() || !request.lifeline.empty()) {  // the plan refuses both together
        return std::vector<Instance>();
    }
    std::optional<ImageId> image;
    if (ImageId::looks_like(request.image)) {
        image = AMIVIRT_TRY(ImageId::parse(request.image));
    } else if (const auto named = ports_.images.resolve_for_launch(caller, request.image)) {
        image = named->id;
    }
    std::vector<Instance> launched;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        launched = AMIVIRT_TRY(find_launched(session, caller, request, image));
        return {};
    }));
    return launched;
}

Result<std::vector<Instance>> Instances::run(const AccountId& caller, const RunRequest& request, Progress& progress) {
    if (auto launched = AMIVIRT_TRY(launched_before(caller, request)); !launched.empty()) {
        return request.dry_run == DryRun::yes ? Result<std::vector<Instance>>(would_succeed()) : std::move(launched);
    }
    const Plan plan = AMIVIRT_TRY(this->plan(caller, request));
    if (const auto remark = AMIVIRT_TRY(ports_.images.audit(caller, plan.image)); !remark.empty()) {
        progress.note(remark);
    }
    if (request.dry_run == DryRun::yes) {
        return would_succeed();
    }
    std::vector<Machine> machines;
    std::vector<Instance> repeated;
    auto operation = AMIVIRT_TRY(
        ports_.operations.begin(OperationKind::run_instances, {}, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            repeated = AMIVIRT_TRY(find_launched(session, caller, request, plan.image.id));
            if (!repeated.empty()) {
                return {};
            }
            machines = AMIVIRT_TRY(reserve(session, caller, plan, request));
            for (const auto& machine : machines) {
                row.objects.push_back(machine.instance.id.str());
            }
            if (request.on_reserved) {
                const auto reservation = machines.front().instance.reservation.str();
                row.objects.push_back(fmt::format("{}{}", k_promised, reservation));
                if (request.inject == Inject::no && request.lifeline.empty()) {
                    row.objects.push_back(fmt::format("{}{}", k_again, reservation));
                }
            }
            return request.with_reservation ? request.with_reservation(session, instances_of(machines)) : Result<void>();
        }));
    if (!operation) {
        return repeated;
    }
    auto running = bring_all_up(*operation, machines, plan, request, progress);
    if (!running) {
        std::vector<std::string> names;
        names.reserve(machines.size());
        for (const auto& machine : machines) {
            names.push_back(machine.instance.id.str());
        }
        if (request.on_reserved) {
            leave_terminated(machines, running.error());
        }
        // All there is to read of a launch in the background. Of another the caller tells the error: so it is no warning here.
        ports_.log.write(LogLevel::info, "instances",
                         fmt::format("the launch of {} failed: {}", fmt::join(names, ", "), amivirt::describe(running.error())));
    }
    return running;
}

Result<std::vector<Instance>> Instances::bring_all_up(ActiveOperation& operation, std::vector<Machine>& machines, const Plan& plan,
                                                      const RunRequest& request, Progress& progress) {
    if (plan.accelerator.fell_back) {
        progress.note(fmt::format("using TCG (software emulation, slower): {}", plan.accelerator.reason));
    }
    Revert revert(logged(ports_.log, "instances"));
    revert.push("undo the launch", [&] { return undo_launch(operation); });
    if (request.on_reserved) {
        request.on_reserved(instances_of(machines));
    }
    // Several begin paused: the first guests' boot would take the processors from the starts of the last.
    const Begin begin = machines.size() > 1 ? Begin::paused : Begin::running;
    AMIVIRT_TRY(for_each_parallel(machines.size(), ports_.parallel,
                                  [&](std::size_t i) { return make_files(machines[i], plan, request.inject, progress); }));
    // The disk is slow to say that all is there: it is asked while the domains start, which may change their ports.
    const auto made = machines;
    AMIVIRT_TRY(for_each_parallel(machines.size() + 1, ports_.parallel, [&](std::size_t i) -> Result<void> {
        if (i == 0) {
            return persist_files(made);
        }
        check_interrupt();
        AMIVIRT_TRY(power_on(machines[i - 1], plan.type, begin, InstanceStore::anew, progress));
        fault_point("run.started");
        return {};
    }));
    check_interrupt();
    for (const auto& machine : machines) {
        if (begin == Begin::paused) {
            AMIVIRT_TRY(ports_.hypervisor.resume(machine.instance.id));
            fault_point("run.resumed");
        }
    }
    std::vector<Instance> running;
    AMIVIRT_TRY(operation.finish([&](CatalogSession& session) -> Result<void> {
        running.clear();
        for (const auto& machine : machines) {
            // What was told before may have been changed meanwhile (tags, host keys): only what the launch changes is written.
            auto instance = AMIVIRT_TRY(session.instances().find(machine.instance.id));
            if (!instance) {
                return Error(Code::store_corrupt, fmt::format("the row of instance {} is gone", machine.instance.id.str()));
            }
            instance->state = AMIVIRT_TRY(next(instance->state, InstanceEvent::started));
            AMIVIRT_TRY(session.instances().update(*instance));
            for (const Volume& its : machine.volumes) {
                auto volume = AMIVIRT_TRY(session.volumes().find(its.id));
                auto layer = AMIVIRT_TRY(session.layers().find(its.layer));
                if (!volume || !layer) {
                    return Error(Code::store_corrupt,
                                 fmt::format("the row of volume {} or of its layer {} is gone", its.id.str(), its.layer.str()));
                }
                volume->state = VolumeState::in_use;
                AMIVIRT_TRY(session.volumes().update(*volume));
                layer->state = LayerState::writable;
                AMIVIRT_TRY(session.layers().update(*layer));
            }
            running.push_back(std::move(*instance));
        }
        // It may have gone while they started.
        if (auto image = AMIVIRT_TRY(session.images().find(plan.image.id))) {
            image->last_launched = ports_.clock.now();
            AMIVIRT_TRY(session.images().update(*image));
        }
        return {};
    }));
    revert.commit();
    ports_.log.write(LogLevel::info, "instances", fmt::format("{} instance(s) of {} running", running.size(), plan.image.id.str()));
    return running;
}

}  // namespace amivirt
