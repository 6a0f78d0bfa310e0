// The small files of an instance: seed, console log, NVRAM; one folder per instance.
#pragma once

#include <string>
#include <vector>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/size.hpp"
#include "amivirt/ports/volume_store.hpp"

namespace amivirt {

struct InstancePaths {
    std::string seed;     ///< NoCloud image, read-only
    std::string console;  ///< what the serial console printed, appended over boots
    std::string nvram;    ///< UEFI variables
};

class InstanceFiles {
public:
    virtual ~InstanceFiles() = default;
    /// Makes the folder and writes the seed; replaces what is there. The hypervisor's user can read it, others cannot.
    [[nodiscard]] virtual Result<InstancePaths> create(const InstanceId& instance, const std::string& seed_image) = 0;
    [[nodiscard]] virtual InstancePaths paths(const InstanceId& instance) const = 0;
    /// Makes instance store disk `number` empty and `size` large (sparse, raw), replacing what is there.
    [[nodiscard]] virtual Result<DiskSource> create_ephemeral(const InstanceId& instance, unsigned number, Bytes size) = 0;
    /// Removes all instance store disks. Idempotent.
    [[nodiscard]] virtual Result<void> remove_ephemeral(const InstanceId& instance) = 0;
    /// The whole folder. Idempotent.
    [[nodiscard]] virtual Result<void> remove(const InstanceId& instance) = 0;
    /// Console bytes from `offset` on, at most `limit`; empty at the end or if nothing was printed yet.
    [[nodiscard]] virtual Result<std::string> console(const InstanceId& instance, std::uint64_t offset, std::size_t limit) = 0;
    [[nodiscard]] virtual Result<std::uint64_t> console_size(const InstanceId& instance) = 0;
    [[nodiscard]] virtual Result<Bytes> allocated(const InstanceId& instance) = 0;
    [[nodiscard]] virtual Result<std::vector<InstanceId>> list() = 0;
};

}  // namespace amivirt
