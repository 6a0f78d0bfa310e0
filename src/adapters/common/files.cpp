#include "adapters/common/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "adapters/common/utf8.hpp"

namespace amivirt::files {
namespace {

constexpr std::size_t k_block = 4096;

bool all_zero(std::string_view bytes) noexcept {
    return bytes.empty() || (bytes.front() == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

void FileDescriptor::reset(int fd) noexcept {
    if (fd_ >= 0) {
        ::close(fd_);
    }
    fd_ = fd;
}

RemoveLater::~RemoveLater() {
    if (!path_.empty()) {
        ::unlink(path_.c_str());
    }
}

Error errno_error(int error_number, std::string_view doing, std::string_view path) {
    const bool full = error_number == ENOSPC || error_number == EDQUOT;
    Error error(full ? Code::store_full : Code::io_error,
                fmt::format("Cannot {} \"{}\": {}.", doing, path, std::generic_category().message(error_number)));
    if (full) {
        error.hint = "Make room on that file system, or choose another one with --home.";
    }
    return error;
}

Result<FileDescriptor> open(const std::string& path, int flags, mode_t mode) {
    for (;;) {
        FileDescriptor fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
        if (fd) {
            return fd;
        }
        if (errno != EINTR) {
            return errno_error(errno, (flags & O_CREAT) != 0 ? "create" : "open", path);
        }
    }
}

Result<void> write_at(int fd, std::string_view bytes, std::uint64_t offset, const std::string& path) {
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno_error(errno, "write", path);
        }
        offset += static_cast<std::uint64_t>(written);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<std::string_view> read_into(std::string& room, int fd, std::uint64_t offset, const std::string& path) {
    std::size_t done = 0;
    while (done < room.size()) {
        const ssize_t count = ::pread(fd, room.data() + done, room.size() - done, static_cast<off_t>(offset + done));
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno_error(errno, "read", path);
        }
        if (count == 0) {
            break;
        }
        done += static_cast<std::size_t>(count);
    }
    return std::string_view(room).substr(0, done);
}

Result<std::string> read_at(int fd, std::uint64_t offset, std::size_t size, const std::string& path) {
    std::string bytes(size, '\0');
    bytes.resize(AMIVIRT_TRY(read_into(bytes, fd, offset, path)).size());
    return bytes;
}

Result<void> SparseWriter::write(std::string_view bytes) {
    while (!bytes.empty()) {
        // Up to the next block's border in the file, so that holes fall on whole blocks however the bytes come.
        const std::size_t count = std::min(bytes.size(), k_block - static_cast<std::size_t>(offset_ % k_block));
        if (all_zero(bytes.substr(0, count))) {
            offset_ += count;
            bytes.remove_prefix(count);
            continue;
        }
        std::size_t run = count;
        while (run < bytes.size() && !all_zero(bytes.substr(run, k_block))) {
            run += std::min(k_block, bytes.size() - run);
        }
        AMIVIRT_TRY(write_at(fd_, bytes.substr(0, run), offset_, path_));
        offset_ += run;
        bytes.remove_prefix(run);
    }
    return {};
}

Result<void> SparseWriter::finish() {
    if (::ftruncate(fd_, static_cast<off_t>(offset_)) != 0) {
        return errno_error(errno, "write", path_);
    }
    return {};
}

Result<void> sync(int fd, const std::string& path) {
    if (::fsync(fd) != 0) {
        return errno_error(errno, "write", path);
    }
    return {};
}

Result<void> sync_folder(const std::string& path) {
    const FileDescriptor fd = AMIVIRT_TRY(open(path, O_RDONLY | O_DIRECTORY));
    // Some file systems cannot sync a folder and say EINVAL; their names are as safe as they get.
    if (::fsync(fd.get()) != 0 && errno != EINVAL) {
        return errno_error(errno, "write", path);
    }
    return {};
}

namespace {

/// False: a folder above it is missing.
Result<bool> make_folder(const std::string& path, const std::string& parent, mode_t mode, Durable durable) {
    if (::mkdir(path.c_str(), mode) == 0) {
        if (::chmod(path.c_str(), mode) != 0) {
            return errno_error(errno, "set the mode of", path);
        }
        if (durable == Durable::yes) {
            AMIVIRT_TRY(sync_folder(parent.empty() ? "." : parent));
        }
        return true;
    }
    if (errno == EEXIST) {
        struct stat status {};
        if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
            return true;
        }
        return errno_error(ENOTDIR, "create the folder", path);
    }
    if (errno == ENOENT) {
        return false;
    }
    return errno_error(errno, "create the folder", path);
}

}  // namespace

Result<void> make_folders(const std::string& path, mode_t mode, Durable durable) {
    const std::string parent = std::filesystem::path(path).parent_path().string();
    if (AMIVIRT_TRY(make_folder(path, parent, mode, durable))) {
        return {};
    }
    if (!parent.empty() && parent != path) {
        AMIVIRT_TRY(make_folders(parent, mode, durable));
        // Once more and no oftener: /proc says the same of a folder that it does not want.
        if (AMIVIRT_TRY(make_folder(path, parent, mode, durable))) {
            return {};
        }
    }
    return errno_error(ENOENT, "create the folder", path);
}

Result<void> rename(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) {
        return errno_error(errno, "rename", from);
    }
    return {};
}

Result<void> remove(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return errno_error(errno, "remove", path);
    }
    return {};
}

Result<void> replace(const std::string& path, std::string_view content, mode_t mode, Durable durable) {
    const std::string temporary = path + ".tmp";
    RemoveLater guard(temporary);
    const FileDescriptor fd = AMIVIRT_TRY(open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode));
    if (::fchmod(fd.get(), mode) != 0) {
        return errno_error(errno, "set the mode of", temporary);
    }
    SparseWriter writer(fd.get(), temporary);
    AMIVIRT_TRY(writer.write(content));
    AMIVIRT_TRY(writer.finish());
    if (durable == Durable::yes) {
        AMIVIRT_TRY(sync(fd.get(), temporary));
    }
    AMIVIRT_TRY(rename(temporary, path));
    guard.keep();
    if (durable == Durable::yes) {
        AMIVIRT_TRY(sync_folder(std::filesystem::path(path).parent_path().string()));
    }
    return {};
}

std::string printable(std::string_view text, std::size_t limit) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        if (out.size() >= limit) {
            return out + "...";
        }
        const std::size_t length = utf8_length_at(text, at);
        const auto byte = static_cast<unsigned char>(text[at]);
        const bool control =
            byte < 0x20 || byte == 0x7f || (byte == 0xc2 && length == 2 && static_cast<unsigned char>(text[at + 1]) < 0xa0);
        if (length == 0 || control) {
            for (const char c : text.substr(at, std::max<std::size_t>(length, 1))) {
                out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
            }
        } else {
            out += text.substr(at, length);
        }
        at += std::max<std::size_t>(length, 1);
    }
    return out;
}

}  // namespace amivirt::files
