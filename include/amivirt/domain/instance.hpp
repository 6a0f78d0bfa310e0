// An instance: a real virtual machine launched from an image.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/ids.hpp"
#include "amivirt/base/size.hpp"
#include "amivirt/domain/platform.hpp"
#include "amivirt/domain/tag.hpp"

namespace amivirt {

enum class InstanceState { pending, running, shutting_down, terminated, stopping, stopped };
[[nodiscard]] std::string_view to_string(InstanceState value) noexcept;  // EC2's spelling: "shutting-down"
[[nodiscard]] int ec2_code(InstanceState value) noexcept;                // 0 16 32 48 64 80
[[nodiscard]] Result<InstanceState> parse_instance_state(std::string_view text);
enum class InstanceEvent {
    started,      ///< pending -> running
    start,        ///< stopped -> pending
    stop,         ///< running -> stopping
    stopped,      ///< stopping -> stopped; pending -> stopped (a start that failed)
    powered_off,  ///< running -> stopped: by the guest itself, or its QEMU died
    terminate,    ///< any but terminated -> shutting-down
    terminated,   ///< shutting-down -> terminated
    resume,       ///< stopping -> running: a stop that was given up
};
/// incorrect_instance_state for a move that is not in the table; the message is the caller's to sharpen.
[[nodiscard]] Result<InstanceState> next(InstanceState state, InstanceEvent event);

enum class ShutdownBehavior { stop, terminate };
[[nodiscard]] std::string_view to_string(ShutdownBehavior value) noexcept;
[[nodiscard]] Result<ShutdownBehavior> parse_shutdown_behavior(std::string_view text);

/// A forwarded port of the host. Reserved in the catalog: (address, port, protocol) is unique in a region.
struct PortForward {
    std::string address = "127.0.0.1";
    std::uint16_t host_port = 0;
    std::uint16_t guest_port = 22;
    std::string protocol = "tcp";
    bool picked = false;  ///< host_port was 0 and is ours to choose: then another may be chosen later
    friend bool operator==(const PortForward&, const PortForward&) = default;
};

/// Could not both listen?
[[nodiscard]] bool collide(const PortForward& a, const PortForward& b);

/// An instance store disk: made empty at each start, gone at stop and terminate, in no snapshot.
struct EphemeralDisk {
    std::string device_name;
    unsigned number = 0;  ///< ephemeral0..23
    GiB size;
    friend bool operator==(const EphemeralDisk&, const EphemeralDisk&) = default;
};

struct Instance {
    InstanceId id;
    ReservationId reservation;
    AccountId owner;
    ImageId image;
    unsigned launch_index = 0;
    std::string client_token;    ///< "" none
    std::string request_digest;  ///< of the parameters; tells an idempotent repeat from a mismatch
    std::string type;            ///< "t3.micro"
    InstanceState state = InstanceState::pending;
    std::string state_reason_code;  ///< EC2's: "Client.UserInitiatedShutdown", "Client.InstanceInitiatedShutdown", "Server.InternalError"
    std::string state_reason_message;
    TimePoint launched{};
    std::optional<TimePoint> terminated{};
    Architecture architecture = Architecture::x86_64;
    Firmware firmware = Firmware::bios;
    Accelerator accelerator = Accelerator::tcg;
    std::string root_device_name;
    RootDeviceType root_device_type = RootDeviceType::ebs;
    std::vector<EphemeralDisk> ephemeral;  ///< by device name
    std::string mac_address;               ///< unique in a region
    std::vector<PortForward> ports;
    ShutdownBehavior shutdown_behavior = ShutdownBehavior::stop;
    bool termination_protected = false;
    std::string user_data;               ///< raw bytes; at most 16 KiB
    std::string key_name;                ///< of the key pair put in at launch; "" none. A name only: the pair may be gone
    std::string login_user;              ///< who logs in; "" not known
    std::string host_key;                ///< public SSH host key, given by the seed or learnt since: "ssh-ed25519 AAAA..."; "" not known
    std::string host_private_key;        ///< its private half, which the seed tells the guest and nobody else; "" the guest made its own
    std::string session;                 ///< AMIVIRT_SESSION of its launch: what one job launched can be ended together; "" none
    std::optional<TimePoint> expires{};  ///< end of its lease: from then on it is terminated by whoever comes by
    std::string lifeline;  ///< name of the liveness of the process it lives for (`run --rm`); when that is dead, as if expired; "" none
    std::string network = "user";  ///< "user", or libvirt's network or bridge: "network:default", "bridge:br0"
    Tags tags;
};

/// The forward to guest port 22, if any.
[[nodiscard]] std::optional<PortForward> ssh_forward(const Instance& instance);

/// vCPUs and memory as in EC2; templates/instance-types.yaml, to which a user may add.
struct InstanceType {
    std::string name;
    unsigned vcpus = 1;
    MiB memory;
    unsigned instance_store_volumes = 0;
    GiB instance_store_size;
    friend bool operator==(const InstanceType&, const InstanceType&) = default;
};

}  // namespace amivirt
