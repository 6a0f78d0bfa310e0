// What is on a disk, seen through libguestfs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/log.hpp"
#include "amivirt/ports/health.hpp"
#include "amivirt/ports/image_inspector.hpp"

namespace amivirt {

struct GuestfsOptions {
    /// Asked when an appliance is about to start, since the answer may cost a probe.
    std::function<Accelerator()> accelerator;
    /// A folder (made if need be) for overlays and sockets; each inspection has one of its own in it, named `inspect-...`.
    std::string tmpdir;
    Log& log;
    /// Where libguestfs keeps its appliance, 370 MB, built on first use; "": its own default, /var/tmp/.guestfs-UID, shared with other
    /// tools.
    std::string cachedir{};
    Duration timeout{std::chrono::minutes(10)};
};

/// The appliance, and whatever libguestfs starts besides, dies with us, on an interrupt and on time-out.
[[nodiscard]] std::unique_ptr<ImageInspector> make_guestfs_inspector(GuestfsOptions options);
/// Could the appliance start? Looks only, starts nothing. What is missing is a warning: launches work without.
[[nodiscard]] std::unique_ptr<HealthCheck> make_guestfs_health();
/// Removes what inspections whose process was killed left in `tmpdir`. Cheap when there is nothing; an inspection does it first of all.
[[nodiscard]] Result<void> sweep_guestfs(const std::string& tmpdir);

}  // namespace amivirt
