// What is on a disk that nobody vouched for.
#pragma once

#include <optional>
#include <string>

#include "amivirt/domain/platform.hpp"
#include "amivirt/ports/volume_store.hpp"

namespace amivirt {

struct Inspection {
    std::string platform;      ///< "linux", "windows", ...; "" no operating system found
    std::string distribution;  ///< "debian"
    std::string version;       ///< "12.5"
    std::string product_name;  ///< "Debian GNU/Linux 12 (bookworm)"
    std::optional<Architecture> architecture;
    bool boots_bios = false;  ///< boot code in the MBR, or a BIOS boot partition
    bool boots_uefi = false;  ///< an EFI system partition with a loader
};

class ImageInspector {
public:
    virtual ~ImageInspector() = default;
    /// Reads the disk inside libguestfs's appliance, never writes. 10-20 s under TCG. tool_missing when libguestfs or its
    /// appliance cannot start; tool_failed when it broke off. A disk with nothing on it is an Inspection with platform "".
    [[nodiscard]] virtual Result<Inspection> inspect(const DiskSource& disk) = 0;
};

}  // namespace amivirt
