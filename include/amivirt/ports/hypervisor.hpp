// The hypervisor: real domains. Implemented on libvirt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/size.hpp"
#include "amivirt/domain/instance.hpp"
#include "amivirt/domain/network.hpp"
#include "amivirt/domain/platform.hpp"
#include "amivirt/ports/volume_store.hpp"

namespace amivirt {

struct DomainDisk {
    DiskSource source;   ///< whether it, or a layer below, is encrypted is seen in the files' headers
    std::string serial;  ///< what the guest sees, at most 20 characters: the volume id without its dash (as on EC2's NVMe disks)
    std::optional<std::uint32_t> iops;        ///< total per second
    std::optional<std::uint32_t> throughput;  ///< MiB/s
};

/// All a domain is made from; rendered into templates/domain.xml.
struct DomainSpec {
    InstanceId instance;   ///< also the domain's name
    std::string store_id;  ///< into <metadata>, with region and image
    std::string region;
    ImageId image;
    unsigned vcpus = 1;
    MiB memory;
    Architecture architecture = Architecture::x86_64;
    Firmware firmware = Firmware::bios;
    Accelerator accelerator = Accelerator::tcg;
    std::vector<DomainDisk> disks;  ///< root first: vda, vdb, ...; the seed comes last of all
    std::string seed;
    std::string console_log;
    std::string nvram;
    std::string mac_address;
    NetworkChoice network;
    std::vector<PortForward> ports;  ///< of the user network; on others there are none
};

/// A machine that begins paused does not compete with those that are still being started.
enum class Begin { running, paused };

enum class DomainState { running, paused, shutting_down, off };
/// Why it is off, where libvirt knows.
enum class OffReason { none, guest_shutdown, destroyed, crashed, failed };

struct ObservedDomain {
    std::string name;
    DomainState state = DomainState::off;
    OffReason reason = OffReason::none;
};

struct HypervisorInfo {
    std::string uri;
    std::string hypervisor;       ///< "QEMU 7.2.22"
    std::string library_version;  ///< "9.0.0"
};

/// Every method may answer hypervisor_unavailable: "could not ask" is never "not there". Thread-safe. The connection
/// opens on first use and again after libvirtd was restarted.
class Hypervisor {
public:
    virtual ~Hypervisor() = default;
    [[nodiscard]] virtual Result<HypervisorInfo> info() = 0;
    /// All domains, ours or not, in one call.
    [[nodiscard]] virtual Result<std::vector<ObservedDomain>> observe() = 0;
    /// nullopt: no such domain.
    [[nodiscard]] virtual Result<std::optional<ObservedDomain>> observe(const InstanceId& instance) = 0;
    /// The store id in the domain's metadata; "" if it is not amivirt's; nullopt: no such domain.
    [[nodiscard]] virtual Result<std::optional<std::string>> owner(const std::string& domain_name) = 0;
    /// Defines the domain (replacing its definition if there is one) and starts it. If the start fails the error quotes QEMU's own
    /// words and the domain stays defined, off. A forwarded port that is taken on the host: insufficient_instance_capacity.
    /// Begin::paused: its processors wait for resume() (where the hypervisor cannot do that it runs at once).
    [[nodiscard]] virtual Result<void> start(const DomainSpec& spec, Begin begin) = 0;
    /// Lets a paused domain run. Idempotent: running is done. incorrect_instance_state if it is off or absent.
    [[nodiscard]] virtual Result<void> resume(const InstanceId& instance) = 0;
    /// Asks the guest to power off (ACPI); returns at once. incorrect_instance_state if it is not running.
    [[nodiscard]] virtual Result<void> request_shutdown(const InstanceId& instance) = 0;
    /// Asks the guest to reboot; where it does not listen, the caller resets.
    [[nodiscard]] virtual Result<void> request_reboot(const InstanceId& instance) = 0;
    [[nodiscard]] virtual Result<void> reset(const InstanceId& instance) = 0;
    /// Pulls the plug. Idempotent: off or absent is done.
    [[nodiscard]] virtual Result<void> power_off(const InstanceId& instance) = 0;
    /// Pulls the plug and forgets the definition (and its NVRAM entry). Idempotent.
    [[nodiscard]] virtual Result<void> remove(const InstanceId& instance) = 0;
};

}  // namespace amivirt
