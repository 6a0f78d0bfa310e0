// The usual cloud image: one Linux system, its root on a partition of its own.
#pragma once

#include <guestfs.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/guestfs/os_release.hpp"
#include "amivirt/domain/platform.hpp"

namespace amivirt::guestfs {

struct PlainSystem {
    OsRelease words;
    std::string version;                       ///< "12.5"
    std::optional<Architecture> architecture;  ///< of its programs
    std::map<std::string, std::string>
        places;  ///< what it mounts where: place to device, "/" among them; empty if its /etc/fstab is not plain
};

/// Looks into the file systems themselves, which takes a second under TCG. guestfs_inspect_os() takes ten: it reads the grammars of all
/// configuration files that Augeas knows, to find out what /etc/fstab says. nullopt: it is no such system, or not surely one; inspect_os()
/// knows more kinds. Nothing is mounted before and after.
[[nodiscard]] std::optional<PlainSystem> find_plain_system(guestfs_h* handle);

/// What /etc/fstab mounts from disks, the root and swap left out: how it names the device, and where. nullopt: a form that is not plain,
/// such as the name of a device, which is another one in the guest. Source: fstab(5). Pure.
[[nodiscard]] std::optional<std::vector<std::pair<std::string, std::string>>> parse_fstab(std::string_view text);

/// libguestfs's word for a processor.
[[nodiscard]] std::optional<Architecture> architecture_of(std::string_view word);

}  // namespace amivirt::guestfs
