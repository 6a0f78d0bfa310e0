// What it takes to switch a machine on: its domain, with its disks in order.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "amivirt/base/fault.hpp"
#include "amivirt/domain/device_name.hpp"
#include "machine.hpp"

namespace amivirt {

namespace {

constexpr int k_port_attempts = 4;

/// Root first, then as a person would sort the device names.
using DeviceOrder = std::tuple<bool, std::optional<DeviceName>, std::string>;
DeviceOrder order_of(const Attachment& attachment) {
    return {!attachment.is_root, parse_device_name(attachment.device_name), attachment.device_name};
}

}  // namespace

std::string serial_of(const VolumeId& volume) {
    std::string serial = volume.str();
    std::erase(serial, '-');
    return serial;
}

std::string serial_of(const EphemeralDisk& disk) { return fmt::format("ephemeral{}", disk.number); }

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

Result<void> Instances::power_on(Machine& machine, const InstanceType& type, Begin begin, InstanceStore instance_store,
                                 Progress& progress) {
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
    // Instance store disks are new with every start but that of a mere reboot, and stand where their device names put them.
    if (instance_store == InstanceStore::anew) {
        AMIVIRT_TRY(ports_.files.remove_ephemeral(instance.id));
    }
    std::map<DeviceOrder, DomainDisk> disks;
    for (const auto& volume : machine.volumes) {
        disks.emplace(order_of(*volume.attachment), disk_of(volume, ports_.storage.store()));
    }
    for (const auto& disk : instance.ephemeral) {
        auto source = ports_.files.ephemeral_disk(instance.id, disk.number);
        if (instance_store == InstanceStore::anew) {
            source = AMIVIRT_TRY(ports_.files.create_ephemeral(instance.id, disk.number, disk.size.bytes()));
            fault_point("run.ephemeral");
        }
        disks.emplace(order_of({instance.id, disk.device_name}), DomainDisk{std::move(source), serial_of(disk), {}, {}});
    }
    for (auto& [order, disk] : disks) {
        spec.disks.push_back(std::move(disk));
    }
    spec.seed = paths.seed;
    spec.console_log = paths.console;
    spec.nvram = paths.nvram;
    spec.mac_address = instance.mac_address;
    spec.network = AMIVIRT_TRY(parse_network(instance.network));
    // Better told than what libvirt says of a network that is gone or switched off since.
    AMIVIRT_TRY_CONTEXT(ports_.networks.check(spec.network), fmt::format("starting {}", instance.id.str()));
    AMIVIRT_TRY_CONTEXT(ports_.files.mark_boot(instance.id), fmt::format("starting {}", instance.id.str()));
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

}  // namespace amivirt
