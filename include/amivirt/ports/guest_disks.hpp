// The files inside a guest's disk, looked at and changed while no guest runs from it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/result.hpp"
#include "amivirt/ports/volume_store.hpp"

namespace amivirt {

enum class EntryKind { file, folder, link, other };

struct GuestEntry {
    std::string path;  ///< absolute, as the guest sees it
    EntryKind kind = EntryKind::file;
    unsigned mode = 0;  ///< permission bits, 07777
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;  ///< since 1970; whoever may write it may set it to anything
    std::int64_t changed_ns = 0;   ///< the same, by the file system's own clock alone
    std::uint64_t inode = 0;
    std::string target;  ///< of a link
};

/// The guest's own tree: its file systems mounted where it mounts them. Paths are absolute; links lead nowhere but into the tree. What is
/// not there is an answer; tool_failed means that the look broke off.
class GuestFileSystem {
public:
    virtual ~GuestFileSystem() = default;
    /// "linux", "windows", ...; "" where a file system was found and no operating system known.
    [[nodiscard]] virtual const std::string& platform() const = 0;
    /// All below `folder`, in order of path; empty if there is no such folder.
    [[nodiscard]] virtual Result<std::vector<GuestEntry>> tree(const std::string& folder) = 0;
    /// As the shell expands it (`*` takes no leading dot and no slash), in order.
    [[nodiscard]] virtual Result<std::vector<std::string>> glob(const std::string& pattern) = 0;
    /// The entry itself, not what a link leads to; nullopt: none.
    [[nodiscard]] virtual Result<std::optional<GuestEntry>> look(const std::string& path) = 0;
    /// The first `limit` bytes of a regular file; nullopt if `path` is none, or a link.
    [[nodiscard]] virtual Result<std::optional<std::string>> read(const std::string& path, std::size_t limit) = 0;
    /// SHA-256 of each of these regular files, lower-case hex. Of many, all files there are may be read for it.
    [[nodiscard]] virtual Result<std::map<std::string, std::string>> checksums(const std::vector<std::string>& paths) = 0;
    /// What its package manager installed (dpkg, RPM, apk, pacman), name to version; nullopt: none that can be asked.
    [[nodiscard]] virtual Result<std::optional<std::map<std::string, std::string>>> packages() = 0;
    /// New content (at most 2 MiB) for a regular file that is there; mode and owner stay.
    [[nodiscard]] virtual Result<void> write(const std::string& path, const std::string& content) = 0;
    /// A regular file, made anew or replaced (never by way of a link), with this content (at most 2 MiB), mode and owner; folders above it
    /// that are not there are made, 0755 and root's.
    [[nodiscard]] virtual Result<void> put(const GuestEntry& file, const std::string& content) = 0;
    /// A folder with this mode and owner, also if it was there, and those above it as for put().
    [[nodiscard]] virtual Result<void> put_folder(const GuestEntry& folder) = 0;
    /// A link to `target`, instead of a file or link that is there.
    [[nodiscard]] virtual Result<void> put_link(const std::string& path, const std::string& target) = 0;
    /// With all below it. What small files held is overwritten first, so that the blocks they leave do not tell it (file systems that copy
    /// on write keep it all the same). Idempotent.
    [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;
};

class GuestDisks {
public:
    enum class Access { read, write };
    using Body = std::function<Result<void>(GuestFileSystem&)>;
    virtual ~GuestDisks() = default;
    /// Opens the disk of an operating system, in libguestfs's appliance and never on this host, and calls `body`, on another thread. With
    /// Access::write the disk is a writable layer that no guest has open; what `body` changed is durable when this returns without error,
    /// and after an error the disk may be anything. Visits may be nested. Interruptible; an exception of `body` comes through.
    /// 10-20 s under TCG. unsupported_operation: no file system that could be a system's is on it; tool_missing, tool_failed, timed_out.
    [[nodiscard]] virtual Result<void> visit(const DiskSource& disk, Access access, const Body& body) = 0;
};

}  // namespace amivirt
