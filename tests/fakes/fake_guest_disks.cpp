#include "fake_guest_disks.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "fake_disk.hpp"

namespace amivirt::fakes {

namespace {

/// With the folders that nobody named.
FakeTree with_folders(const FakeTree& tree) {
    FakeTree all = tree;
    for (const auto& [path, file] : tree) {
        for (std::size_t slash = path.rfind('/'); slash != 0 && slash != std::string::npos; slash = path.rfind('/', slash - 1)) {
            all.emplace(path.substr(0, slash), FakeFile{"", EntryKind::folder, 0755});
        }
    }
    return all;
}

class FakeFileSystem final : public GuestFileSystem {
public:
    using Packages = std::optional<std::map<std::string, std::string>>;
    FakeFileSystem(FakeTree tree, std::string platform, Packages packages, GuestDisks::Access access, CallScript& script)
        : tree_(with_folders(tree)), platform_(std::move(platform)), packages_(std::move(packages)), access_(access), script_(script) {}

    [[nodiscard]] const FakeTree& files() const { return tree_; }
    [[nodiscard]] const std::string& platform() const override { return platform_; }

    Result<std::vector<GuestEntry>> tree(const std::string& folder) override {
        AMIVIRT_TRY(script_.pass("tree"));
        std::vector<GuestEntry> entries;
        for (const auto& [path, file] : tree_) {
            if (path.starts_with(folder == "/" ? "/" : folder + "/")) {
                entries.push_back(entry(path, file));
            }
        }
        return entries;
    }
    Result<std::vector<std::string>> glob(const std::string& pattern) override {
        AMIVIRT_TRY(script_.pass("glob"));
        std::vector<std::string> found;
        for (const auto& [path, file] : tree_) {
            if (::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0) {
                found.push_back(path);
            }
        }
        return found;
    }
    Result<std::optional<GuestEntry>> look(const std::string& path) override {
        AMIVIRT_TRY(script_.pass("look"));
        const auto at = tree_.find(path);
        return at == tree_.end() ? std::optional<GuestEntry>() : std::optional(entry(path, at->second));
    }
    Result<std::optional<std::string>> read(const std::string& path, std::size_t limit) override {
        AMIVIRT_TRY(script_.pass("read"));
        const auto at = tree_.find(path);
        return at == tree_.end() || at->second.kind != EntryKind::file ? std::optional<std::string>()
                                                                       : std::optional(at->second.content.substr(0, limit));
    }
    Result<std::map<std::string, std::string>> checksums(const std::vector<std::string>& paths) override {
        AMIVIRT_TRY(script_.pass("checksums"));
        std::map<std::string, std::string> sums;
        for (const auto& path : paths) {
            const auto at = tree_.find(path);
            if (at == tree_.end() || at->second.kind != EntryKind::file) {
                return no_file(path);
            }
            sums.emplace(path, fake_sha256(at->second.content));
        }
        return sums;
    }
    Result<std::optional<std::map<std::string, std::string>>> packages() override {
        AMIVIRT_TRY(script_.pass("packages"));
        return packages_;
    }
    Result<void> write(const std::string& path, const std::string& content) override {
        AMIVIRT_TRY(script_.pass("write"));
        const auto at = tree_.find(path);
        if (access_ == GuestDisks::Access::read || at == tree_.end() || at->second.kind != EntryKind::file) {
            return no_file(path);
        }
        at->second.content = content;
        return {};
    }
    Result<void> put(const GuestEntry& file, const std::string& content) override {
        AMIVIRT_TRY(script_.pass("put"));
        return place(file.path, {content, EntryKind::file, file.mode, file.uid, file.gid});
    }
    Result<void> put_folder(const GuestEntry& folder) override {
        AMIVIRT_TRY(script_.pass("put_folder"));
        return place(folder.path, {"", EntryKind::folder, folder.mode, folder.uid, folder.gid});
    }
    Result<void> put_link(const std::string& path, const std::string& target) override {
        AMIVIRT_TRY(script_.pass("put_link"));
        return place(path, {"", EntryKind::link, 0777, 0, 0, 1, target});
    }
    Result<void> remove(const std::string& path) override {
        AMIVIRT_TRY(script_.pass("remove"));
        if (access_ == GuestDisks::Access::read) {
            return no_file(path);
        }
        std::erase_if(tree_, [&](const auto& file) { return file.first == path || file.first.starts_with(path + "/"); });
        return {};
    }

private:
    Result<void> place(const std::string& path, FakeFile file) {
        if (access_ == GuestDisks::Access::read) {
            return no_file(path);
        }
        tree_.insert_or_assign(path, std::move(file));
        tree_ = with_folders(tree_);
        return {};
    }
    static Error no_file(const std::string& path) { return {Code::tool_failed, fmt::format("no file \"{}\" that could be changed", path)}; }
    static GuestEntry entry(const std::string& path, const FakeFile& file) {
        return {path,          file.kind,    file.mode, file.uid,   file.gid, file.kind == EntryKind::file ? file.content.size() : 0,
                file.modified, file.changed, 1,         file.target};
    }

    FakeTree tree_;
    std::string platform_;
    Packages packages_;
    GuestDisks::Access access_;
    CallScript& script_;
};

}  // namespace

FakeTree FakeGuestDisks::tree(const LayerId& layer) const {
    const auto layers = store_.layers();
    auto trees = trees_.lock();
    for (std::optional<LayerId> at = layer; at;) {
        if (const auto found = trees->find(store_.source(*at).location); found != trees->end()) {
            return found->second;
        }
        const auto file = layers.find(*at);
        at = file == layers.end() ? std::nullopt : file->second.parent;
    }
    return {};
}

Result<void> FakeGuestDisks::visit(const DiskSource& disk, Access access, const Body& body) {
    AMIVIRT_TRY(script_.pass("visit"));
    FakeTree tree;
    {
        auto trees = trees_.lock();
        if (const auto found = trees->find(disk.location); found != trees->end()) {
            tree = found->second;
        }
    }
    std::optional<LayerId> layer;
    for (const auto& [id, ignored] : store_.layers()) {
        if (store_.source(id).location == disk.location) {
            layer = id;
        }
    }
    if (layer) {
        tree = this->tree(*layer);
    }
    if (tree.empty()) {
        return Error(Code::unsupported_operation, fmt::format("no operating system was found on the disk \"{}\"", disk.location));
    }
    FakeFileSystem files(std::move(tree), platform_, packages_, access, script_);
    AMIVIRT_TRY(body(files));
    if (access == Access::write) {
        put(disk, files.files());
        if (layer) {
            store_.write(*layer, 0, "changed");  // its file is another one now
        }
    }
    return {};
}

}  // namespace amivirt::fakes
