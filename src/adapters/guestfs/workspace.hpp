// A folder for one inspection, recognisable as the dead's when its process is.
#pragma once

#include <string>

#include "adapters/common/files.hpp"
#include "amivirt/base/log.hpp"

namespace amivirt::guestfs {

class Workspace {
public:
    /// `parent`/inspect-XXXXXX, locked as long as we live. Sweeps the dead's first.
    static Result<Workspace> make(const std::string& parent);
    Workspace(Workspace&&) noexcept = default;
    Workspace& operator=(Workspace&&) = delete;
    ~Workspace();

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// Writes down that the library made `folder` elsewhere (for root, its sockets are always in /tmp), for whoever sweeps up after us.
    void note_outside(const std::string& folder);

private:
    Workspace(std::string path, files::FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
    std::string path_;
    files::FileDescriptor lock_;
    std::string outside_;
};

/// Removes workspaces nobody holds, with what they noted.
[[nodiscard]] Result<void> sweep(const std::string& parent);
/// Removes half-built appliances that a killed supermin left in libguestfs's cache folder.
void sweep_cache(const std::string& cachedir) noexcept;

}  // namespace amivirt::guestfs
