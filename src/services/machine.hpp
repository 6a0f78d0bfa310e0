// What launching and starting share. Private to src/services.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/services/instances.hpp"

namespace amivirt {

inline constexpr Duration k_patience = std::chrono::seconds(30);

/// Held beside the instances of a launch whose ids somebody has been told: "promised r-...".
inline constexpr std::string_view k_promised = "promised ";
/// Likewise, where all that the launch is made of is in the catalog: whoever finds it without its process does it again, "again r-...".
/// Once: what killed one may kill the next.
inline constexpr std::string_view k_again = "again ";

/// EC2's reason of an instance that somebody stops. One that is running with it was asked to shut down by a stop, or for an image, that
/// broke off: that it goes off then is no wish of its own.
inline constexpr std::string_view k_asked_to_stop = "Client.UserInitiatedShutdown";
inline void set_asked_to_stop(Instance& instance) {
    instance.state_reason_code = k_asked_to_stop;
    instance.state_reason_message = "Client.UserInitiatedShutdown: User initiated shutdown";
}

/// invalid_parameter_value for more than 16 KiB (source: EC2 instance user data, before base64), or than 1 MiB where that is wanted.
[[nodiscard]] Result<void> check_user_data(const std::string& user_data, LargeUserData large);

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
    std::string public_key;  ///< of the key pair that is put in; "" none
    NetworkChoice network;

    /// Has somebody been told the ids of the launch, and is all that it is made of in the catalog?
    [[nodiscard]] static bool is_to_be_done_again(const Operation& launch);
    /// A launch whose process died: what it left half made is taken away, and made anew of what was reserved. Once: what killed one may
    /// kill the next. What fails then leaves the instances terminated, with the reason; without a hypervisor all stays for another time.
    [[nodiscard]] static Result<void> carry_out_again(Instances& instances, ActiveOperation& operation);
};

/// The Name tag as a host name (RFC 1123), or the instance id.
[[nodiscard]] std::string hostname_of(const Instance& instance);

/// The volume id as its disk's serial number: without the dash, as EC2's NVMe disks have it; that is also all that virtio shows (20
/// characters).
[[nodiscard]] std::string serial_of(const VolumeId& volume);
[[nodiscard]] std::string serial_of(const EphemeralDisk& disk);
[[nodiscard]] DomainDisk disk_of(const Volume& volume, const VolumeStore& store);
/// Volumes attached to `instance`, root first, then by device name.
[[nodiscard]] std::vector<Volume> volumes_of(const InstanceId& instance, const std::vector<Volume>& all);

}  // namespace amivirt
