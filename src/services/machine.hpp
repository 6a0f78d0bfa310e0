// What launching and starting share. Private to src/services.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "amivirt/services/instances.hpp"

namespace amivirt {

inline constexpr Duration k_patience = std::chrono::seconds(30);

struct Instances::Machine {
    Instance instance;
    std::vector<Volume> volumes;                         ///< root first, then by device name
    std::map<VolumeId, std::optional<LayerId>> parents;  ///< the layer each new volume begins over; used by a launch only
};

struct Instances::Plan {
    Image image;
    InstanceType type;
    std::vector<ResolvedDevice> devices;
    std::map<SnapshotId, LayerId> layers;
    AcceleratorChoice accelerator;
    Firmware firmware = Firmware::bios;
};

/// The volume id as its disk's serial number: without the dash, as EC2's NVMe disks have it; that is also all that virtio shows (20
/// characters).
[[nodiscard]] std::string serial_of(const VolumeId& volume);
[[nodiscard]] DomainDisk disk_of(const Volume& volume, const VolumeStore& store);
/// Volumes attached to `instance`, root first, then by device name.
[[nodiscard]] std::vector<Volume> volumes_of(const InstanceId& instance, const std::vector<Volume>& all);

}  // namespace amivirt
