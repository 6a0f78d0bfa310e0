// What is done to the insides of an image: its identity taken away, what must not be shared found and removed, two compared.
// Private to src/services.
#pragma once

#include <vector>

#include "amivirt/domain/image_insides.hpp"
#include "amivirt/ports/guest_disks.hpp"

namespace amivirt {

/// Takes away what tells one machine from another, and what its system makes anew at boot: machine-id, SSH host keys, cloud-init's state,
/// logs, DHCP leases, shell histories, random seeds. unsupported_operation unless it is a Linux.
[[nodiscard]] Result<void> generalize(GuestFileSystem& files);
/// In order of severity, then of rule and path. unsupported_operation unless it is a Linux.
[[nodiscard]] Result<std::vector<LintFinding>> lint(GuestFileSystem& files);
/// Does what each finding's `fix` says.
[[nodiscard]] Result<void> mend(GuestFileSystem& files, const std::vector<LintFinding>& findings);
/// How two disks are related.
enum class Kinship {
    one_base,  ///< both began as the same disk
    none,
};
/// Files of one size are read, unless both are one file of one file system, which nobody has changed since: what times a file is given with
/// tells nothing (archives and SOURCE_DATE_EPOCH make them all alike).
[[nodiscard]] Result<ImageDiff> compare(GuestFileSystem& before, GuestFileSystem& after, Kinship kinship);

}  // namespace amivirt
