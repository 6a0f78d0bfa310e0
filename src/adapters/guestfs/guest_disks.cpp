#include "adapters/guestfs/guest_disks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>

#include "adapters/common/files.hpp"
#include "adapters/guestfs/handles.hpp"
#include "adapters/guestfs/plain_system.hpp"
#include "adapters/guestfs/session.hpp"

namespace amivirt {

namespace {

using namespace guestfs;

constexpr std::size_t k_chunk = 1U << 20U;  // libguestfs's messages hold 4 MiB
constexpr std::int64_t k_second = 1'000'000'000;
constexpr std::size_t k_few_files = 40;            // each asked for by itself costs a program's start; more than these, and all are read
constexpr std::int64_t k_overwritten = 1LL << 20;  // secrets are small; of what is larger the blocks are left as they are

using StatList = std::unique_ptr<struct guestfs_statns_list, Free<guestfs_free_statns_list>>;
using Applications = std::unique_ptr<struct guestfs_application2_list, Free<guestfs_free_application2_list>>;
using Stat = std::unique_ptr<struct guestfs_statns, Free<guestfs_free_statns>>;

EntryKind kind_of(std::int64_t mode) {
    constexpr std::int64_t type = 0170000;
    switch (mode & type) {
        case 0100000:
            return EntryKind::file;
        case 0040000:
            return EntryKind::folder;
        case 0120000:
            return EntryKind::link;
        default:
            return EntryKind::other;
    }
}

GuestEntry entry_of(std::string path, const struct guestfs_statns& stat) {
    GuestEntry entry;
    entry.path = std::move(path);
    entry.kind = kind_of(stat.st_mode);
    entry.mode = static_cast<unsigned>(stat.st_mode & 07777);
    entry.uid = static_cast<std::uint32_t>(stat.st_uid);
    entry.gid = static_cast<std::uint32_t>(stat.st_gid);
    entry.size = static_cast<std::uint64_t>(stat.st_size);
    entry.modified_ns = stat.st_mtime_sec * k_second + stat.st_mtime_nsec;
    entry.changed_ns = stat.st_ctime_sec * k_second + stat.st_ctime_nsec;
    entry.inode = static_cast<std::uint64_t>(stat.st_ino);
    return entry;
}

/// "SUM  ./PATH" as sha256sum writes it: with a backslash before it where the path has some or a line feed, then written \\ and \n.
std::pair<std::string, std::string> sum_of_line(std::string_view line) {
    const bool escaped = line.starts_with('\\');
    line.remove_prefix(escaped ? 1 : 0);
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.size() < space + 4) {
        return {};
    }
    const std::string_view named = line.substr(space + 3);  // its "." is what was asked for: the root
    std::string path;
    for (std::size_t i = 0; i < named.size(); ++i) {
        const bool special = escaped && named[i] == '\\' && i + 1 < named.size();
        path += special ? (named[++i] == 'n' ? '\n' : named[i]) : named[i];
    }
    return {std::move(path), std::string(line.substr(0, space))};
}

/// As the package managers show it: "1:2.3-4".
std::string version_of(const struct guestfs_application2& application) {
    const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
    const std::string release = text(application.app2_release);
    return fmt::format("{}{}{}{}", application.app2_epoch > 0 ? fmt::format("{}:", application.app2_epoch) : "",
                       text(application.app2_version), release.empty() ? "" : "-", release);
}

/// The library's form: pointers, null at the end.
std::vector<char*> pointers(std::vector<std::string>& names) {
    std::vector<char*> result;
    result.reserve(names.size() + 1);
    for (auto& name : names) {
        result.push_back(name.data());
    }
    result.push_back(nullptr);
    return result;
}

class Files final : public GuestFileSystem {
public:
    Files(Session& session, const DiskSource& disk, GuestDisks::Access access) : session_(session), disk_(disk), access_(access) {}

    /// Mounts the system's file systems where it mounts them itself.
    Result<void> mount() {
        if (const auto plain = find_plain_system(g()); plain && !plain->places.empty()) {
            platform_ = "linux";
            plain_places_ = plain->places;
            return mount(plain_places_);
        }
        const std::vector<std::string> roots = take(guestfs_inspect_os(g()));
        AMIVIRT_TRY(session_.still_there());
        if (!roots.empty()) {
            root_ = roots.front();
            platform_ = take(guestfs_inspect_get_type(g(), roots.front().c_str()));
            platform_ = platform_ == "unknown" ? "" : platform_;
            const std::vector<std::string> pairs = take(guestfs_inspect_get_mountpoints(g(), roots.front().c_str()));
            std::map<std::string, std::string> places;
            for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
                places.emplace(pairs[i], pairs[i + 1]);
            }
            return mount(places);
        }
        // Too small a system for libguestfs to know it: the first file system with an /etc.
        const std::vector<std::string> pairs = take(guestfs_list_filesystems(g()));
        for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
            if (pairs[i + 1] != "swap" && mount(pairs[i], "/")) {
                if (guestfs_is_dir(g(), "/etc") == 1) {
                    return {};
                }
                guestfs_umount_all(g());
            }
        }
        AMIVIRT_TRY(session_.still_there());
        return Error(Code::unsupported_operation, fmt::format("no operating system was found on the disk \"{}\"", disk_.location));
    }

    [[nodiscard]] const std::string& platform() const override { return platform_; }

    Result<std::vector<GuestEntry>> tree(const std::string& folder) override {
        std::vector<GuestEntry> entries;
        if (guestfs_is_dir(g(), folder.c_str()) != 1) {
            AMIVIRT_TRY(session_.still_there());
            return entries;
        }
        // By way of a file: the list of a whole system is too long for one message.
        const std::string list = session_.folder() + "/tree";
        if (guestfs_find0(g(), folder.c_str(), list.c_str()) != 0) {
            return failed("list", folder);
        }
        const std::string base = folder == "/" ? "" : folder;
        std::map<std::string, std::vector<std::string>> names;  // by their folder: asked for together
        std::ifstream stream(list, std::ios::binary);
        for (std::string name; std::getline(stream, name, '\0');) {
            name.erase(0, name.find_first_not_of('/'));  // it has a slash before it where the folder is not the root
            const std::string path = fmt::format("{}/{}", base, name);
            const std::size_t slash = path.rfind('/');
            if (slash + 1 < path.size()) {
                names[path.substr(0, slash)].push_back(path.substr(slash + 1));
            }
        }
        for (auto& [parent, children] : names) {
            const std::string where = parent.empty() ? "/" : parent;
            auto asked = pointers(children);
            const StatList stats(guestfs_lstatnslist(g(), where.c_str(), asked.data()));
            if (!stats || stats->len != children.size()) {
                return failed("list", where);
            }
            std::vector<std::string> links;
            for (std::uint32_t i = 0; i < stats->len; ++i) {
                if (stats->val[i].st_ino != -1) {
                    entries.push_back(entry_of(fmt::format("{}/{}", parent, children[i]), stats->val[i]));
                    if (entries.back().kind == EntryKind::link) {
                        links.push_back(children[i]);
                    }
                }
            }
            AMIVIRT_TRY(read_links(where, links, entries));
        }
        std::sort(entries.begin(), entries.end(), [](const GuestEntry& a, const GuestEntry& b) { return a.path < b.path; });
        return entries;
    }

    Result<std::vector<std::string>> glob(const std::string& pattern) override {
        const struct guestfs_glob_expand_opts_argv files_alone { GUESTFS_GLOB_EXPAND_OPTS_DIRECTORYSLASH_BITMASK, 0 };
        std::vector<std::string> found = take(guestfs_glob_expand_opts_argv(g(), pattern.c_str(), &files_alone));
        if (found.empty()) {
            AMIVIRT_TRY(session_.still_there());
        }
        std::sort(found.begin(), found.end());
        return found;
    }

    Result<std::optional<GuestEntry>> look(const std::string& path) override {
        const Stat stat(guestfs_lstatns(g(), path.c_str()));
        if (!stat) {
            AMIVIRT_TRY(session_.still_there());
            return std::optional<GuestEntry>();
        }
        GuestEntry entry = entry_of(path, *stat);
        if (entry.kind == EntryKind::link) {
            entry.target = take(guestfs_readlink(g(), path.c_str()));
        }
        return std::optional(std::move(entry));
    }

    Result<std::optional<std::string>> read(const std::string& path, std::size_t limit) override {
        if (guestfs_is_file(g(), path.c_str()) != 1) {
            AMIVIRT_TRY(session_.still_there());
            return std::optional<std::string>();
        }
        std::string content;
        while (content.size() < limit) {
            std::size_t size = 0;
            const auto wanted = static_cast<int>(std::min(k_chunk, limit - content.size()));
            const CString chunk(guestfs_pread(g(), path.c_str(), wanted, static_cast<std::int64_t>(content.size()), &size));
            if (!chunk) {
                return failed("read", path);
            }
            if (size == 0) {
                break;
            }
            content.append(chunk.get(), size);
        }
        return std::optional(std::move(content));
    }

    Result<std::map<std::string, std::string>> checksums(const std::vector<std::string>& paths) override {
        if (paths.size() > k_few_files) {
            return checksums_of_all(paths);
        }
        std::map<std::string, std::string> sums;
        for (const auto& path : paths) {
            std::string sum = take(guestfs_checksum(g(), "sha256", path.c_str()));
            if (sum.empty()) {
                return failed("read", path);
            }
            sums.emplace(path, std::move(sum));
        }
        return sums;
    }

    Result<std::optional<std::map<std::string, std::string>>> packages() override {
        using Packages = std::map<std::string, std::string>;
        if (!plain_places_.empty() && root_.empty()) {
            // Only the library's own inspection lets it list them; it unmounts all.
            const std::vector<std::string> roots = take(guestfs_inspect_os(g()));
            root_ = roots.empty() ? "" : roots.front();
            AMIVIRT_TRY(mount(plain_places_));
        }
        if (root_.empty()) {
            return std::optional<Packages>();
        }
        const Applications all(guestfs_inspect_list_applications2(g(), root_.c_str()));
        if (!all || all->len == 0) {
            AMIVIRT_TRY(session_.still_there());
            return std::optional<Packages>();
        }
        Packages packages;
        for (std::uint32_t i = 0; i < all->len; ++i) {
            // Kernels, and libraries of two architectures, are there more than once.
            std::string& version = packages[all->val[i].app2_name];
            version += (version.empty() ? "" : ", ") + version_of(all->val[i]);
        }
        return std::optional(std::move(packages));
    }

    Result<void> write(const std::string& path, const std::string& content) override {
        if (guestfs_is_file(g(), path.c_str()) != 1 || guestfs_write(g(), path.c_str(), content.data(), content.size()) != 0) {
            return failed("write", path);
        }
        return {};
    }

    Result<void> put(const GuestEntry& file, const std::string& content) override {
        AMIVIRT_TRY(make_room(file.path));
        if (guestfs_write(g(), file.path.c_str(), content.data(), content.size()) != 0) {
            return failed("write", file.path);
        }
        return give(file);
    }

    Result<void> put_folder(const GuestEntry& folder) override {
        if (guestfs_mkdir_p(g(), folder.path.c_str()) != 0) {
            return failed("make", folder.path);
        }
        return give(folder);
    }

    Result<void> put_link(const std::string& path, const std::string& target) override {
        AMIVIRT_TRY(make_room(path));
        return guestfs_ln_s(g(), target.c_str(), path.c_str()) == 0 ? Result<void>() : failed("make", path);
    }

    Result<void> remove(const std::string& path) override {
        const auto entry = AMIVIRT_TRY(look(path));
        if (!entry) {
            return {};
        }
        std::vector<GuestEntry> files{*entry};
        if (entry->kind == EntryKind::folder) {
            files = AMIVIRT_TRY(tree(path));
        }
        bool overwritten = false;
        for (const auto& file : files) {
            if (file.kind == EntryKind::file && file.size > 0 && static_cast<std::int64_t>(file.size) <= k_overwritten) {
                const std::string zeros(file.size, '\0');
                overwritten = true;
                if (guestfs_pwrite(g(), file.path.c_str(), zeros.data(), zeros.size(), 0) != static_cast<int>(zeros.size())) {
                    return failed("write", file.path);
                }
            }
        }
        // The zeros must be on the disk before the file goes, or they never get there.
        if ((overwritten && guestfs_sync(g()) != 0) || guestfs_rm_rf(g(), path.c_str()) != 0) {
            return failed("remove", path);
        }
        return {};
    }

private:
    guestfs_h* g() const { return session_.g(); }

    Result<std::map<std::string, std::string>> checksums_of_all(const std::vector<std::string>& paths) {
        const std::string list = session_.folder() + "/sums";
        if (guestfs_checksums_out(g(), "sha256", "/", list.c_str()) != 0) {
            return failed("read the files of");
        }
        const std::set<std::string> wanted(paths.begin(), paths.end());
        std::map<std::string, std::string> sums;
        std::ifstream stream(list, std::ios::binary);
        for (std::string line; std::getline(stream, line);) {
            if (auto [path, sum] = sum_of_line(line); wanted.contains(path)) {
                sums.emplace(std::move(path), std::move(sum));
            }
        }
        const auto missing = std::find_if(wanted.begin(), wanted.end(), [&](const std::string& path) { return !sums.contains(path); });
        if (missing != wanted.end()) {
            return failed("read", *missing);
        }
        return sums;
    }

    /// The folders above it, and nothing of its name.
    Result<void> make_room(const std::string& path) {
        const std::string above = path.substr(0, path.rfind('/'));
        if (!above.empty() && guestfs_mkdir_p(g(), above.c_str()) != 0) {
            return failed("make", above);
        }
        return guestfs_rm_f(g(), path.c_str()) == 0 ? Result<void>() : failed("remove", path);
    }

    Result<void> give(const GuestEntry& entry) {
        if (guestfs_chmod(g(), static_cast<int>(entry.mode), entry.path.c_str()) != 0 ||
            guestfs_chown(g(), static_cast<int>(entry.uid), static_cast<int>(entry.gid), entry.path.c_str()) != 0) {
            return failed("change", entry.path);
        }
        return {};
    }

    /// Place to device: "/" comes before what is below it.
    Result<void> mount(const std::map<std::string, std::string>& places) {
        for (const auto& [place, device] : places) {
            if (!mount(device, place) && place == "/") {
                return failed("mount the root file system of");
            }
        }
        return {};
    }

    bool mount(const std::string& device, const std::string& place) {
        return (access_ == GuestDisks::Access::read ? guestfs_mount_ro(g(), device.c_str(), place.c_str())
                                                    : guestfs_mount(g(), device.c_str(), place.c_str())) == 0;
    }

    Result<void> read_links(const std::string& folder, std::vector<std::string>& links, std::vector<GuestEntry>& entries) {
        if (links.empty()) {
            return {};
        }
        auto asked = pointers(links);
        std::vector<std::string> targets = take(guestfs_readlinklist(g(), folder.c_str(), asked.data()));
        if (targets.size() != links.size()) {
            return failed("list", folder);
        }
        std::size_t next = targets.size();
        for (auto entry = entries.rbegin(); next > 0; ++entry) {  // they are among the last
            if (entry->kind == EntryKind::link) {
                entry->target = std::move(targets[--next]);
            }
        }
        return {};
    }

    Error failed(std::string_view what, const std::string& path = {}) {
        const std::string why = last_error(g());
        if (auto gone = session_.still_there(); !gone) {
            return std::move(gone.error());
        }
        return {Code::tool_failed, path.empty() ? fmt::format("libguestfs cannot {} the disk \"{}\": {}", what, disk_.location, why)
                                                : fmt::format("libguestfs cannot {} \"{}\" on the disk \"{}\": {}", what,
                                                              files::printable(path), disk_.location, why)};
    }

    Session& session_;
    const DiskSource& disk_;
    GuestDisks::Access access_;
    std::string root_;  ///< as libguestfs knows the system; "": it does not
    std::string platform_;
    std::map<std::string, std::string> plain_places_;  ///< empty: it is no plain system
};

class GuestfsDisks final : public GuestDisks {
public:
    explicit GuestfsDisks(GuestfsOptions options) : options_(std::move(options)) {}

    Result<void> visit(const DiskSource& disk, Access access, const Body& body) override {
        const Job job{disk, access == Access::read ? DriveAccess::read_only : DriveAccess::read_write,
                      access == Access::read ? "looked at" : "worked on", "libguestfs-test-tool shows more"};
        return in_appliance(options_, job, [&](Session& session) -> Result<void> {
            Files files(session, disk, access);
            AMIVIRT_TRY(files.mount());
            return body(files);
        });
    }

private:
    GuestfsOptions options_;
};

}  // namespace

std::unique_ptr<GuestDisks> make_guestfs_disks(GuestfsOptions options) { return std::make_unique<GuestfsDisks>(std::move(options)); }

}  // namespace amivirt
