// POSIX files for adapters: descriptors that close themselves, errno told as our errors, files that appear whole.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "amivirt/base/result.hpp"
#include "amivirt/base/size.hpp"

namespace amivirt::files {

class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        if (this != &other) {
            reset(std::exchange(other.fd_, -1));
        }
        return *this;
    }
    ~FileDescriptor() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
    void reset(int fd = -1) noexcept;

private:
    int fd_ = -1;
};

/// Removes a file when destroyed, unless told to keep it: temporary files of a step that failed or was interrupted.
class RemoveLater {
public:
    explicit RemoveLater(std::string path) : path_(std::move(path)) {}
    RemoveLater(const RemoveLater&) = delete;
    RemoveLater& operator=(const RemoveLater&) = delete;
    ~RemoveLater();
    void keep() noexcept { path_.clear(); }

private:
    std::string path_;
};

/// Writes a file from its beginning, with holes for blocks of zeros.
class SparseWriter {
public:
    SparseWriter(int fd, const std::string& path) : fd_(fd), path_(path) {}
    [[nodiscard]] Result<void> write(std::string_view bytes);
    /// Gives the file its length, also if it ends in a hole.
    [[nodiscard]] Result<void> finish();

private:
    int fd_;
    const std::string& path_;
    std::uint64_t offset_ = 0;
};

enum class Durable { yes, no };

/// `Cannot write "/x": No space left on device.`, as store_full for a full disk or quota, else io_error. `doing` is "write", "open", ...
[[nodiscard]] Error errno_error(int error_number, std::string_view doing, std::string_view path);

/// O_CLOEXEC is added.
[[nodiscard]] Result<FileDescriptor> open(const std::string& path, int flags, mode_t mode = 0600);
/// `path` is for the message.
[[nodiscard]] Result<void> write_at(int fd, std::string_view bytes, std::uint64_t offset, const std::string& path);
/// Into `room`; what it returns is the part that was filled: shorter only at the end of the file.
[[nodiscard]] Result<std::string_view> read_into(std::string& room, int fd, std::uint64_t offset, const std::string& path);
/// Fewer than `size` bytes only at the end of the file.
[[nodiscard]] Result<std::string> read_at(int fd, std::uint64_t offset, std::size_t size, const std::string& path);
[[nodiscard]] Result<void> sync(int fd, const std::string& path);
/// Makes renames and new names in it last.
[[nodiscard]] Result<void> sync_folder(const std::string& path);
/// With its parents; mode (not cut by the umask) for those it makes. An existing folder is left as it is.
[[nodiscard]] Result<void> make_folders(const std::string& path, mode_t mode, Durable durable = Durable::no);
[[nodiscard]] Result<void> rename(const std::string& from, const std::string& to);
/// Idempotent: absent is done.
[[nodiscard]] Result<void> remove(const std::string& path);
/// A temporary name beside it, then a rename: readers see the old file or the new one. Mode is not cut by the umask.
[[nodiscard]] Result<void> replace(const std::string& path, std::string_view content, mode_t mode, Durable durable);
/// What the file system gives it.
[[nodiscard]] inline Bytes allocated(const struct stat& status) noexcept { return {static_cast<std::uint64_t>(status.st_blocks) * 512U}; }

/// Untrusted text for a message: control characters (C0, DEL, C1) and what is not UTF-8 as \xNN, cut at about `limit` bytes.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace amivirt::files
