// The disks of running domains: hot-plugged, grown, slowed down, snapshotted. Implemented on libvirt, beside ports/hypervisor.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/ids.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/base/size.hpp"
#include "amivirt/ports/hypervisor.hpp"
#include "amivirt/ports/volume_store.hpp"

namespace amivirt {

struct LiveDisk {
    std::string serial;  ///< as in DomainDisk
    DiskSource source;   ///< the file that the guest writes to now
};

/// Freeze the guest's file systems (through the QEMU guest agent) around a snapshot?
enum class Quiesce {
    automatic,  ///< where an agent answers
    yes,        ///< or fail: unsupported_operation if there is no agent
    no,
};

/// Every method may answer hypervisor_unavailable. Thread-safe. incorrect_instance_state where the domain must run and does not.
class LiveDisks {
public:
    virtual ~LiveDisks() = default;
    /// What a running domain has now, seed and foreign disks left out (those without a serial); nullopt: it does not run.
    [[nodiscard]] virtual Result<std::optional<std::vector<LiveDisk>>> attached(const InstanceId& instance) = 0;
    /// Idempotent: a disk of that serial and source is done. insufficient_instance_capacity when the machine has no slot left.
    [[nodiscard]] virtual Result<void> attach(const InstanceId& instance, const DomainDisk& disk) = 0;
    /// Asks the guest to let go of the disk and waits for it: timed_out after `patience`, the disk then stays. Idempotent. Interruptible.
    [[nodiscard]] virtual Result<void> detach(const InstanceId& instance, const std::string& serial, Duration patience) = 0;
    /// Grows the disk under the running guest, which sees the new size. invalid_attachment_not_found if there is no such disk.
    [[nodiscard]] virtual Result<void> resize(const InstanceId& instance, const std::string& serial, Bytes size) = 0;
    /// New limits from now on; nullopt: none.
    [[nodiscard]] virtual Result<void> tune(const InstanceId& instance, const std::string& serial, std::optional<std::uint32_t> iops,
                                            std::optional<std::uint32_t> throughput) = 0;
    struct Overlay {
        std::string serial;  ///< of the disk
        DiskSource top;      ///< an empty layer over what the disk writes to now; the file is there
    };
    /// From one moment on all these disks write to their new tops, or, on an error, none does. What the guest had written is in the layers
    /// below when this returns. `yes` where it was frozen. Guest I/O waits meanwhile, 200 ms at most.
    enum class Frozen { yes, no };
    [[nodiscard]] virtual Result<Frozen> snapshot(const InstanceId& instance, const std::vector<Overlay>& overlays, Quiesce quiesce) = 0;
};

}  // namespace amivirt
