#include "adapters/guestfs/workspace.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace amivirt::guestfs {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_prefix = "inspect-";
constexpr std::string_view k_note = "outside";

Result<files::FileDescriptor> open_folder(const std::string& path) { return files::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW); }

/// One at a time makes or removes workspaces; it takes milliseconds.
Result<files::FileDescriptor> lock_parent(const std::string& parent) {
    auto folder = AMIVIRT_TRY(open_folder(parent));
    while (::flock(folder.get(), LOCK_EX) != 0) {
        if (errno != EINTR) {
            return files::errno_error(errno, "lock", parent);
        }
    }
    return folder;
}

/// Removes what an inspection noted: only a folder of the library's own naming, ours, with nothing in it but sockets.
void remove_outside(const std::string& workspace) {
    std::ifstream note(fmt::format("{}/{}", workspace, k_note));
    std::string folder;
    if (!std::getline(note, folder)) {
        return;
    }
    struct stat facts {};
    if (!fs::path(folder).is_absolute() || !fs::path(folder).filename().string().starts_with("libguestfs") ||
        ::lstat(folder.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode) || facts.st_uid != ::geteuid()) {
        return;
    }
    std::error_code error;
    for (fs::directory_iterator each(folder, error), end; !error && each != end; each.increment(error)) {
        if (each->symlink_status(error).type() == fs::file_type::socket) {
            ::unlink(each->path().c_str());
        }
    }
    ::rmdir(folder.c_str());
}

void remove_tree(const std::string& path) {
    std::error_code ignored;  // what stays is swept the next time
    fs::remove_all(path, ignored);
}

Result<void> sweep_locked(const std::string& parent) {
    std::error_code error;
    std::vector<std::string> found;
    for (fs::directory_iterator each(parent, error), end; !error && each != end; each.increment(error)) {
        if (each->path().filename().string().starts_with(k_prefix)) {
            found.push_back(each->path().string());
        }
    }
    for (const std::string& path : found) {
        const auto folder = open_folder(path);
        if (folder && ::flock(folder->get(), LOCK_EX | LOCK_NB) == 0) {
            remove_outside(path);
            remove_tree(path);
        }
    }
    return error ? Result<void>(files::errno_error(error.value(), "list", parent)) : Result<void>();
}

}  // namespace

Result<Workspace> Workspace::make(const std::string& parent) {
    AMIVIRT_TRY(files::make_folders(parent, 0700));
    const auto lock = AMIVIRT_TRY(lock_parent(parent));
    AMIVIRT_TRY(sweep_locked(parent));
    std::string path = fmt::format("{}/{}XXXXXX", parent, k_prefix);
    if (::mkdtemp(path.data()) == nullptr) {
        return files::errno_error(errno, "make a folder in", parent);
    }
    auto folder = open_folder(path);
    if (!folder || ::flock(folder->get(), LOCK_EX | LOCK_NB) != 0) {
        const int error_number = errno;
        ::rmdir(path.c_str());
        return folder ? files::errno_error(error_number, "lock", path) : folder.error();
    }
    return Workspace(std::move(path), std::move(*folder));
}

Workspace::~Workspace() {
    if (lock_) {                // not moved from
        remove_outside(path_);  // the library's own cleaning up is a program too, killed by an interrupt with the others
        remove_tree(path_);
    }
}

void Workspace::note_outside(const std::string& folder) {
    if (folder != outside_ && !folder.starts_with(path_ + "/")) {
        std::ofstream(fmt::format("{}/{}", path_, k_note)) << folder << '\n';
        outside_ = folder;
    }
}

Result<void> sweep(const std::string& parent) {
    struct stat facts {};
    if (::stat(parent.c_str(), &facts) != 0 && errno == ENOENT) {
        return {};
    }
    const auto lock = AMIVIRT_TRY(lock_parent(parent));
    return sweep_locked(parent);
}

void sweep_cache(const std::string& cachedir) noexcept {
    try {
        const std::string folder = fmt::format("{}/.guestfs-{}", cachedir, ::geteuid());
        std::vector<std::string> halves;
        std::error_code error;
        for (fs::directory_iterator each(folder, error), end; !error && each != end; each.increment(error)) {
            if (each->path().filename().string().starts_with("appliance.d.")) {
                halves.push_back(each->path().string());
            }
        }
        if (halves.empty()) {
            return;
        }
        // supermin holds this lock as long as it builds.
        const auto lock = files::open(folder + "/lock", O_RDWR);
        struct flock whole {};
        whole.l_type = F_WRLCK;
        whole.l_whence = SEEK_SET;
        if (lock && ::fcntl(lock->get(), F_SETLK, &whole) == 0) {
            for (const std::string& half : halves) {
                remove_tree(half);
            }
        }
    } catch (const std::exception&) {  // it is only a cache
    }
}

}  // namespace amivirt::guestfs
