// Guests' files in memory, a tree for each layer.
#pragma once

#include <map>
#include <string>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/guest_disks.hpp"
#include "call_script.hpp"
#include "fake_volume_store.hpp"

namespace amivirt::fakes {

struct FakeFile {
    std::string content;
    EntryKind kind = EntryKind::file;
    unsigned mode = 0644;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::int64_t modified = 1;
    std::string target = {};
    std::int64_t changed = 0;  ///< 0: the file system does not keep it as finely as would tell anything
};
/// By absolute path; the folders above a file need not be named.
using FakeTree = std::map<std::string, FakeFile>;

/// A layer that nobody wrote files into has those of its parent. Steps: "visit", "tree", "glob", "look", "read", "checksums", "packages",
/// "write", "remove".
class FakeGuestDisks final : public GuestDisks {
public:
    explicit FakeGuestDisks(FakeVolumeStore& store) : store_(store) {}
    [[nodiscard]] Result<void> visit(const DiskSource& disk, Access access, const Body& body) override;

    void put(const DiskSource& disk, FakeTree tree) { trees_.lock()->insert_or_assign(disk.location, std::move(tree)); }
    void put(const LayerId& layer, FakeTree tree) { put(store_.source(layer), std::move(tree)); }
    /// What a guest would see; empty if no layer of the chain has files.
    [[nodiscard]] FakeTree tree(const LayerId& layer) const;
    /// What the package manager of any disk says from now on.
    void see_packages(std::optional<std::map<std::string, std::string>> packages) { packages_ = std::move(packages); }
    void see_platform(std::string platform) { platform_ = std::move(platform); }
    CallScript& script() noexcept { return script_; }

private:
    FakeVolumeStore& store_;
    mutable Sync<std::map<std::string, FakeTree>> trees_;
    std::string platform_ = "linux";
    std::optional<std::map<std::string, std::string>> packages_;
    CallScript script_;
};

}  // namespace amivirt::fakes
