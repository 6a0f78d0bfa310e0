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
    /// Makes the folder and writes the seed; replaces what is there. Not durable before persist(). The hypervisor's user can read it,
    /// others cannot.
    [[nodiscard]] virtual Result<InstancePaths> create(const InstanceId& instance, const std::string& seed_image) = 0;
    /// Makes what create() made durable, before the catalog says that they run.
    [[nodiscard]] virtual Result<void> persist(const std::vector<InstanceId>& instances) = 0;
    [[nodiscard]] virtual InstancePaths paths(const InstanceId& instance) const = 0;
    /// Makes instance store disk `number` empty and `size` large (sparse, raw), replacing what is there.
    [[nodiscard]] virtual Result<DiskSource> create_ephemeral(const InstanceId& instance, unsigned number, Bytes size) = 0;
    /// What create_ephemeral() of this number answered, whether it is there or not.
    [[nodiscard]] virtual DiskSource ephemeral_disk(const InstanceId& instance, unsigned number) const = 0;
    /// The numbers of those whose files are there, in order.
    [[nodiscard]] virtual Result<std::vector<unsigned>> ephemeral_disks(const InstanceId& instance) = 0;
    /// Removes all instance store disks. Idempotent.
    [[nodiscard]] virtual Result<void> remove_ephemeral(const InstanceId& instance) = 0;
    /// The whole folder, for good: no power cut brings it back once this has returned. Idempotent.
    [[nodiscard]] virtual Result<void> remove(const InstanceId& instance) = 0;
    /// Console bytes from `offset` on, at most `limit`; empty at the end or if nothing was printed yet.
    [[nodiscard]] virtual Result<std::string> console(const InstanceId& instance, std::uint64_t offset, std::size_t limit) = 0;
    [[nodiscard]] virtual Result<std::uint64_t> console_size(const InstanceId& instance) = 0;
    /// A boot begins: what is printed from now on is its own. The folder is there.
    [[nodiscard]] virtual Result<void> mark_boot(const InstanceId& instance) = 0;
    /// Where in the console the last boot that was marked begins; 0 if none was, or if the console was begun anew since.
    [[nodiscard]] virtual Result<std::uint64_t> boot_offset(const InstanceId& instance) = 0;
    [[nodiscard]] virtual Result<Bytes> allocated(const InstanceId& instance) = 0;
    [[nodiscard]] virtual Result<std::vector<InstanceId>> list() = 0;
};

}  // namespace amivirt
