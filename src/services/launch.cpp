// A launch, step by step (architecture, section 4), and what it takes to switch a machine on.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/domain/device_name.hpp"
#include "faults.hpp"
#include "machine.hpp"
#include "parallel.hpp"
#include "revert_log.hpp"

namespace amivirt {

namespace {

constexpr unsigned k_max_count = 100;
constexpr std::size_t k_max_user_data = 16384;  // source: EC2 instance user data, 16 KiB before base64
// Below the kernel's ephemeral range (32768-60999), so that outgoing connections do not take them.
constexpr unsigned k_first_port = 22000;
constexpr unsigned k_ports = 8000;
constexpr int k_port_attempts = 4;

/// FNV-1a over the parameters: stable between builds and machines, which std::hash is not.
std::string digest(const RunRequest& request, const ImageId& image) {
    std::string text = fmt::format("{}\n{}\n{}\n{}\n{}\n", image.str(), request.count, request.type, to_string(request.shutdown_behavior),
                                   request.user_data);
    for (const auto& [key, value] : request.tags) {
        text += fmt::format("tag {}={}\n", key, value);
    }
    for (const auto& name : request.names) {
        text += fmt::format("name {}\n", name);
    }
    for (const auto& port : request.ports) {
        text += fmt::format("port {}:{}:{}/{}\n", port.address, port.host_port, port.guest_port, port.protocol);
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
    std::uint64_t hash = 14695981039346656037ULL;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
    return fmt::format("{:016x}", hash);
}

/// The Name tag as a host name (RFC 1123), or the instance id.
std::string hostname_of(const Instance& instance) {
    std::string host;
    for (const char c : name_tag(instance.tags)) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        const bool capital = c >= 'A' && c <= 'Z';
        if (letter || capital) {
            host += capital ? static_cast<char>(c - 'A' + 'a') : c;
        } else if (!host.empty() && host.back() != '-') {
            host += '-';
        }
    }
    host = host.substr(0, 63);
    while (!host.empty() && host.back() == '-') {
        host.pop_back();
    }
    return host.empty() ? instance.id.str() : host;
}

std::string fresh_mac(IdSource& ids) {
    const auto bits = ids.random();
    return fmt::format("52:54:00:{:02x}:{:02x}:{:02x}", bits & 0xffU, (bits >> 8U) & 0xffU, (bits >> 16U) & 0xffU);
}

/// Root first, then as a person would sort the device names.
using DeviceOrder = std::tuple<bool, std::optional<DeviceName>, std::string>;
DeviceOrder order_of(const Attachment& attachment) {
    return {!attachment.is_root, parse_device_name(attachment.device_name), attachment.device_name};
}

using PortKey = std::tuple<std::string, std::uint16_t, std::string>;
PortKey key_of(const PortForward& port) { return {port.address, port.host_port, port.protocol}; }

}  // namespace

std::string serial_of(const VolumeId& volume) {
    std::string serial = volume.str();
    std::erase(serial, '-');
    return serial;
}

DomainDisk disk_of(const Volume& volume, const VolumeStore& store) {
    return {store.source(volume.layer), serial_of(volume.id), volume.iops, volume.throughput};
}

std::vector<Volume> volumes_of(const InstanceId& instance, const std::vector<Volume>& all) {
    std::vector<Volume> attached;
    std::copy_if(all.begin(), all.end(), std::back_inserter(attached),
                 [&](const Volume& volume) { return volume.attachment && volume.attachment->instance == instance; });
    std::sort(attached.begin(), attached.end(),
              [](const Volume& a, const Volume& b) { return order_of(*a.attachment) < order_of(*b.attachment); });
    return attached;
}

Result<Instances::Plan> Instances::plan(const AccountId& caller, const RunRequest& request) {
    Plan plan;
    plan.image = AMIVIRT_TRY(ports_.images.resolve_for_launch(caller, request.image));
    Faults faults;
    if (request.count < 1 || request.count > k_max_count) {
        faults.add({Code::invalid_parameter_value, fmt::format("count {} is not in 1..{}", request.count, k_max_count)});
    }
    if (auto type = ports_.types.find(request.type)) {
        plan.type = std::move(*type);
    } else {
        faults.add(std::move(type.error()));
    }
    if (!can_run(ports_.host.architecture(), plan.image.architecture)) {
        faults.add({Code::unsupported_operation, fmt::format("image \"{}\" is {}, this host runs {}", request.image,
                                                             to_string(plan.image.architecture), to_string(ports_.host.architecture()))});
    }
    if (request.user_data.size() > k_max_user_data) {
        faults.add({Code::invalid_parameter_value,
                    fmt::format("user data is limited to {} bytes, and these are {}", k_max_user_data, request.user_data.size())});
    }
    if (request.client_token.size() > 64) {
        faults.add({Code::invalid_parameter_value, fmt::format("client token \"{}\" is longer than 64 characters", request.client_token)});
    }
    faults.check(check_tags(request.tags));
    if (!request.names.empty() && request.names.size() != request.count) {
        faults.add({Code::invalid_parameter_combination, fmt::format("{} names for {} instances", request.names.size(), request.count)});
    }
    std::set<PortKey> fixed;
    for (const auto& port : request.ports) {
        if (port.host_port == 0) {
            continue;
        }
        if (request.count > 1) {
            faults.add({Code::invalid_parameter_combination,
                        fmt::format("host port {} cannot be forwarded to each of {} instances: use 0 to have one picked for each",
                                    port.host_port, request.count)});
        }
        if (!fixed.insert(key_of(port)).second) {
            faults.add({Code::invalid_parameter_value, fmt::format("host port {}/{} is asked for twice", port.host_port, port.protocol)});
        }
    }
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        MergeInput input;
        input.root_device_name = plan.image.root_device_name;
        input.root_device_type = plan.image.root_device_type;
        input.image = plan.image.mapping;
        input.request = request.mapping;
        input.ephemeral_devices = plan.type.instance_store_volumes;
        for (const auto& snapshot : AMIVIRT_TRY(session.snapshots().list()).records) {
            if (snapshot.state == SnapshotState::completed) {
                input.snapshots.push_back({snapshot.id, snapshot.size, snapshot.encrypted});
                plan.layers.emplace(snapshot.id, snapshot.layer);
            }
        }
        auto merged = merge_mappings(input);
        if (merged) {
            plan.devices = std::move(*merged);
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
    if (!faults.none()) {
        return faults.error("this launch");
    }
    // A hypervisor that cannot be asked could not be asked to undo either: find out before anything is made.
    AMIVIRT_TRY(ports_.hypervisor.info());
    return plan;
}

Result<std::vector<PortForward>> Instances::pick_ports(CatalogSession& session, const std::vector<PortForward>& wanted) {
    std::set<PortKey> taken;
    for (const auto& other : AMIVIRT_TRY(session.instances().list()).records) {
        if (other.state != InstanceState::terminated) {
            for (const auto& port : other.ports) {
                taken.insert(key_of(port));
            }
        }
    }
    const unsigned offset = ports_.ids.random() % k_ports;
    unsigned tried = 0;
    std::vector<PortForward> picked;
    for (PortForward port : wanted) {
        if (port.host_port != 0 && !ports_.host.port_free(port.address, port.host_port, port.protocol)) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("port {} of {} is taken by another program on this host", port.host_port, port.address));
        }
        while (port.host_port == 0) {
            if (tried == k_ports) {
                return Error(Code::insufficient_instance_capacity,
                             fmt::format("no free port between {} and {}", k_first_port, k_first_port + k_ports - 1));
            }
            PortForward candidate = port;
            candidate.host_port = static_cast<std::uint16_t>(k_first_port + (offset + tried++) % k_ports);
            if (!taken.contains(key_of(candidate)) && ports_.host.port_free(candidate.address, candidate.host_port, candidate.protocol)) {
                port = candidate;
            }
        }
        taken.insert(key_of(port));
        picked.push_back(port);
    }
    return picked;
}

Result<std::vector<Instances::Machine>> Instances::reserve(CatalogSession& session, const AccountId& caller, const Plan& plan,
                                                           const RunRequest& request) {
    const auto now = ports_.clock.now();
    const auto reservation = make_id<ReservationId>(ports_.ids);
    // What the plan saw may have gone meanwhile; from here on the volumes hold it.
    const auto image = AMIVIRT_TRY(session.images().find(plan.image.id));
    if (!image || image->state != ImageState::available) {
        return Error(Code::invalid_ami_id_unavailable, fmt::format("image \"{}\" is no longer available", request.image));
    }
    for (const auto& device : plan.devices) {
        if (device.snapshot && !AMIVIRT_TRY(session.snapshots().find(*device.snapshot))) {
            return Error(Code::invalid_snapshot_not_found,
                         fmt::format("snapshot \"{}\" of {} is gone", device.snapshot->str(), device.device_name));
        }
    }
    std::vector<PortForward> wanted = request.ports;
    if (std::none_of(wanted.begin(), wanted.end(),
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
        instance.shutdown_behavior = request.shutdown_behavior;
        instance.user_data = request.user_data;
        instance.tags = request.tags;
        if (!request.names.empty()) {
            instance.tags["Name"] = request.names.at(index);
        }
        instance.ports = AMIVIRT_TRY(pick_ports(session, wanted));
        AMIVIRT_TRY(session.instances().insert(instance));
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

Result<void> Instances::power_on(Machine& machine, const InstanceType& type, Begin begin, Progress& progress) {
    Instance& instance = machine.instance;
    const auto paths = ports_.files.paths(instance.id);
    DomainSpec spec;
    spec.instance = instance.id;
    spec.store_id = ports_.catalog.store_id();
    spec.region = ports_.region;
    spec.image = instance.image;
    spec.vcpus = type.vcpus;
    spec.memory = type.memory;
    spec.architecture = instance.architecture;
    spec.firmware = instance.firmware;
    spec.accelerator = instance.accelerator;
    // Instance store disks are new with every start, and stand where their device names put them.
    AMIVIRT_TRY(ports_.files.remove_ephemeral(instance.id));
    std::map<DeviceOrder, DomainDisk> disks;
    for (const auto& volume : machine.volumes) {
        disks.emplace(order_of(*volume.attachment), disk_of(volume, ports_.storage.store()));
    }
    for (const auto& disk : instance.ephemeral) {
        auto source = AMIVIRT_TRY(ports_.files.create_ephemeral(instance.id, disk.number, disk.size.bytes()));
        fault_point("run.ephemeral");
        disks.emplace(order_of({instance.id, disk.device_name}),
                      DomainDisk{std::move(source), fmt::format("ephemeral{}", disk.number), {}, {}});
    }
    for (auto& [order, disk] : disks) {
        spec.disks.push_back(std::move(disk));
    }
    spec.seed = paths.seed;
    spec.console_log = paths.console;
    spec.nvram = paths.nvram;
    spec.mac_address = instance.mac_address;
    for (int attempt = 1;; ++attempt) {
        spec.ports = instance.ports;
        auto started = ports_.hypervisor.start(spec, begin);
        if (started) {
            return {};
        }
        // Somebody outside this store took a port between our look and QEMU's bind.
        if (started.error().code != Code::insufficient_instance_capacity || attempt == k_port_attempts) {
            return std::move(started.error()).with_context(fmt::format("starting {}", instance.id.str()));
        }
        AMIVIRT_TRY(replace_ports(instance, progress));
    }
}

Result<void> Instances::replace_ports(Instance& instance, Progress& progress) {
    const auto before = instance.ports;
    AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        std::vector<PortForward> wanted = before;
        for (auto& port : wanted) {
            port.host_port = ports_.host.port_free(port.address, port.host_port, port.protocol) ? port.host_port : std::uint16_t{0};
        }
        auto row = AMIVIRT_TRY(session.instances().find(instance.id));
        if (!row) {
            return Error(Code::store_corrupt, fmt::format("the record of {} is gone", instance.id.str()));
        }
        row->ports = AMIVIRT_TRY(pick_ports(session, wanted));
        AMIVIRT_TRY(session.instances().update(*row));
        instance.ports = row->ports;
        return {};
    }));
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (before[i] != instance.ports[i]) {
            progress.note(
                fmt::format("{}: host port {} is taken, using {}", instance.id.str(), before[i].host_port, instance.ports[i].host_port));
        }
    }
    return {};
}

Result<void> Instances::bring_up(Machine& machine, const InstanceType& type, Begin begin, Progress& progress) {
    for (const auto& volume : machine.volumes) {
        check_interrupt();
        AMIVIRT_TRY_CONTEXT(ports_.storage.store().create(volume.layer, machine.parents.at(volume.id), volume.size.bytes(),
                                                          volume.encrypted ? Encrypted::yes : Encrypted::no),
                            fmt::format("making volume {}", volume.id.str()));
        fault_point("run.volume");
    }
    const auto seed = AMIVIRT_TRY(ports_.seeds.build({machine.instance.id, hostname_of(machine.instance), {}, machine.instance.user_data}));
    AMIVIRT_TRY(ports_.files.create(machine.instance.id, seed));
    fault_point("run.files");
    check_interrupt();
    AMIVIRT_TRY(power_on(machine, type, begin, progress));
    fault_point("run.started");
    return {};
}

Result<std::vector<Instance>> Instances::run(const AccountId& caller, const RunRequest& request, Progress& progress) {
    const Plan plan = AMIVIRT_TRY(this->plan(caller, request));
    if (request.dry_run == DryRun::yes) {
        return Error(Code::dry_run_operation, "Request would have succeeded, but DryRun flag is set.");
    }
    std::vector<Machine> machines;
    std::vector<Instance> repeated;
    auto operation = AMIVIRT_TRY(
        ports_.operations.begin(OperationKind::run_instances, {}, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            repeated.clear();
            if (!request.client_token.empty()) {
                for (auto& other : AMIVIRT_TRY(session.instances().list()).records) {
                    if (other.owner == caller && other.client_token == request.client_token) {
                        if (other.request_digest != digest(request, plan.image.id)) {
                            return Error(Code::idempotent_parameter_mismatch,
                                         fmt::format("client token \"{}\" was used before with other parameters, for {}",
                                                     request.client_token, other.id.str()));
                        }
                        repeated.push_back(std::move(other));
                    }
                }
                if (!repeated.empty()) {
                    return {};
                }
            }
            machines = AMIVIRT_TRY(reserve(session, caller, plan, request));
            for (const auto& machine : machines) {
                row.objects.push_back(machine.instance.id.str());
            }
            return {};
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
    revert.push("undo the launch", [&]() -> Result<void> {
        clear_interrupt();
        return undo_launch(operation);
    });
    if (request.on_reserved) {
        std::vector<Instance> pending;
        std::transform(machines.begin(), machines.end(), std::back_inserter(pending),
                       [](const Machine& machine) { return machine.instance; });
        request.on_reserved(pending);
    }
    // Several begin paused: the first guests' boot would take the processors from the starts of the last.
    const Begin begin = machines.size() > 1 ? Begin::paused : Begin::running;
    AMIVIRT_TRY(for_each_parallel(machines.size(), ports_.parallel,
                                  [&](std::size_t i) { return bring_up(machines[i], plan.type, begin, progress); }));
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
            Instance instance = machine.instance;
            instance.state = AMIVIRT_TRY(next(instance.state, InstanceEvent::started));
            AMIVIRT_TRY(session.instances().update(instance));
            for (Volume volume : machine.volumes) {
                volume.state = VolumeState::in_use;
                AMIVIRT_TRY(session.volumes().update(volume));
                auto layer = AMIVIRT_TRY(session.layers().find(volume.layer));
                if (!layer) {
                    return Error(Code::store_corrupt, fmt::format("the row of layer {} is gone", volume.layer.str()));
                }
                layer->state = LayerState::writable;
                AMIVIRT_TRY(session.layers().update(*layer));
            }
            running.push_back(std::move(instance));
        }
        return {};
    }));
    revert.commit();
    ports_.log.write(LogLevel::info, "instances", fmt::format("{} instance(s) of {} running", running.size(), plan.image.id.str()));
    return running;
}

Result<void> Instances::undo_launch(ActiveOperation& operation) {
    if (operation.finished()) {
        return {};
    }
    std::vector<InstanceId> ids;
    for (const auto& object : operation.row().objects) {
        ids.push_back(AMIVIRT_TRY(InstanceId::parse(object)));
    }
    AMIVIRT_TRY(for_each_parallel(ids.size(), ports_.parallel, [&](std::size_t i) -> Result<void> {
        AMIVIRT_TRY(ports_.hypervisor.remove(ids[i]));
        fault_point("undo.domain");
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
            AMIVIRT_TRY(session.instances().erase(id));
        }
        return ports_.storage.mark_unreachable(session, row);
    }));
    return ports_.storage.finish(operation);
}

}  // namespace amivirt
