// One disk in one appliance of libguestfs, which dies with us, on an interrupt and on time-out.
#pragma once

#include <functional>
#include <string>

#include "adapters/guestfs/appliance.hpp"
#include "adapters/guestfs/handles.hpp"
#include "adapters/guestfs/inspector.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/ports/volume_store.hpp"

namespace amivirt::guestfs {

enum class DriveAccess { read_only, read_write };

struct Job {
    DiskSource disk;
    DriveAccess access = DriveAccess::read_only;
    std::string done = "looked at";  ///< what is done to the disk, for messages
    std::string hint;                ///< of an appliance that cannot start
};

/// What the caller of in_appliance() works with.
class Session {
public:
    virtual ~Session() = default;
    [[nodiscard]] virtual guestfs_h* g() const = 0;
    /// tool_failed if the appliance has ended: what failed last failed because of that.
    [[nodiscard]] virtual Result<void> still_there() = 0;
    /// A folder for files of this session; goes with it.
    [[nodiscard]] virtual const std::string& folder() const = 0;
};

/// Starts an appliance with the disk on a thread of its own, so that everything that thread forks is libguestfs's, and calls `body` there.
/// With DriveAccess::read_write, what was written is on the disk when this returns without error. Nests. An exception comes through.
[[nodiscard]] Result<void> in_appliance(const GuestfsOptions& options, const Job& job, const std::function<Result<void>(Session&)>& body);

/// The library's last error, up to where it starts to advise on debugging.
[[nodiscard]] std::string last_error(guestfs_h* handle);
/// The environment (LIBGUESTFS_PATH, LIBGUESTFS_HV, ...) counts as for any other program that uses libguestfs. Null where it cannot be.
[[nodiscard]] HandlePtr open_handle();
[[nodiscard]] ApplianceHost appliance_host(guestfs_h* handle);

}  // namespace amivirt::guestfs
