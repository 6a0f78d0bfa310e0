#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <map>
#include <system_error>

#include "adapters/common/digest.hpp"
#include "adapters/common/files.hpp"
#include "adapters/fetch/compression.hpp"
#include "adapters/fetch/download.hpp"
#include "adapters/fetch/fetch.hpp"
#include "adapters/fetch/source.hpp"
#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt {
namespace {

using files::FileDescriptor;

constexpr mode_t k_folder_mode = 0700;
constexpr std::size_t k_piece = std::size_t{1} << 20U;
constexpr std::size_t k_head = 16;
/// What staging of a layer may leave in the staging folder.
constexpr std::array<std::string_view, 3> k_suffixes{".staged", ".download", ".built"};
/// A partial download that no record names any more, since its process died while another one forgot the record, goes after this.
constexpr std::chrono::hours k_orphan_age{48};

/// Enough to see that a file was written to or replaced.
struct Identity {
    dev_t device{};
    ino_t inode{};
    off_t size{};
    timespec modified{};
    timespec changed{};

    explicit Identity(const struct stat& status)
        : device(status.st_dev), inode(status.st_ino), size(status.st_size), modified(status.st_mtim), changed(status.st_ctim) {}
    [[nodiscard]] bool same(const Identity& other) const noexcept {
        const auto same_time = [](const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; };
        // The change time too, since whoever owns the file can set the modification time back.
        return device == other.device && inode == other.inode && size == other.size && same_time(modified, other.modified) &&
               same_time(changed, other.changed);
    }
};

class Stager final : public SourceStager {
public:
    explicit Stager(const StagerOptions& options) : options_(options) {}

    Result<Staged> stage(const StageRequest& request, Progress& progress) override;
    Result<void> check_unchanged(const Staged& staged) override;
    [[nodiscard]] std::string scratch(const LayerId& layer) const override;
    Result<void> discard(const LayerId& layer) override;
    Result<void> discard_download(const Download& download) override;

private:
    [[nodiscard]] Result<Staged> stage_file(const StageRequest& request, const std::string& path, Progress& progress);
    [[nodiscard]] Result<Staged> stage_url(const StageRequest& request, const std::string& url, Progress& progress);
    [[nodiscard]] Result<Staged> unpack_file(const StageRequest& request, int fd, const std::string& path, Compression compression,
                                             Bytes size, const std::string& known_sha256, Progress& progress);
    void sweep_downloads() const;
    [[nodiscard]] std::string staged_path(const LayerId& layer) const {
        return fmt::format("{}/{}.staged", options_.staging_folder, layer.str());
    }

    StagerOptions options_;
    Sync<std::map<std::string, Identity>> read_files_;
};

Result<void> check_digest(const StageRequest& request, const std::string& found) {
    std::string wanted = request.sha256;
    std::transform(wanted.begin(), wanted.end(), wanted.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (wanted.empty() || wanted == found) {
        return {};
    }
    return Error(Code::checksum_mismatch,
                 fmt::format("\"{}\" has the SHA-256 \"{}\", not \"{}\".", without_credentials(request.source), found, request.sha256));
}

Result<FileDescriptor> open_local(const std::string& path) {
    FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd) {
        return fd;
    }
    const int error_number = errno;
    if (error_number == ENOENT || error_number == ENOTDIR) {
        return Error(Code::fetch_failed, fmt::format("There is no file \"{}\".", path));
    }
    return Error(Code::fetch_failed, fmt::format("Cannot read \"{}\": {}.", path, std::generic_category().message(error_number)));
}

Result<void> check_local(const std::string& path, const struct stat& status, Bytes limit) {
    if (S_ISDIR(status.st_mode)) {
        return Error(Code::fetch_failed, fmt::format("\"{}\" is a directory, not a disk image.", path));
    }
    if (!S_ISREG(status.st_mode)) {
        return Error(Code::fetch_failed, fmt::format("\"{}\" is not a regular file.", path));
    }
    const Bytes size{static_cast<std::uint64_t>(status.st_size)};
    if (size.count == 0) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" is empty.", path));
    }
    if (size > limit) {
        return Error(Code::invalid_disk_image,
                     fmt::format("\"{}\" is {} long; the largest that is taken is {}.", path, human(size), human(limit)));
    }
    return {};
}

Error changed_error(const std::string& path) {
    return Error(Code::fetch_failed, fmt::format("\"{}\" changed while it was read.", path), "Import it when nothing writes to it.");
}

Result<Staged> Stager::stage(const StageRequest& request, Progress& progress) {
    const SourceName name = AMIVIRT_TRY(parse_source(request.source));
    return name.url.empty() ? stage_file(request, name.path, progress) : stage_url(request, name.url, progress);
}

Result<Staged> Stager::stage_file(const StageRequest& request, const std::string& path, Progress& progress) {
    const FileDescriptor fd = AMIVIRT_TRY(open_local(path));
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) {
        return files::errno_error(errno, "look at", path);
    }
    AMIVIRT_TRY(check_local(path, status, options_.max_unpacked_size));
    std::error_code error;
    const std::string real = std::filesystem::canonical(path, error).string();
    if (error) {
        return Error(Code::fetch_failed, fmt::format("Cannot find \"{}\": {}.", path, error.message()));
    }
    const Identity before(status);
    const Bytes size{static_cast<std::uint64_t>(status.st_size)};
    ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    const Compression compression = recognise_compression(AMIVIRT_TRY(files::read_at(fd.get(), 0, k_head, path)));

    Staged staged;
    if (compression != Compression::none) {
        staged = AMIVIRT_TRY(unpack_file(request, fd.get(), path, compression, size, "", progress));
    } else {
        progress.phase("reading", size);
        Sha256 hash;
        std::string piece(k_piece, '\0');
        for (std::uint64_t done = 0; done < size.count;) {
            check_interrupt();
            const ssize_t count = ::pread(fd.get(), piece.data(), piece.size(), static_cast<off_t>(done));
            if (count < 0 && errno == EINTR) {
                continue;
            }
            if (count < 0) {
                return Error(Code::fetch_failed, fmt::format("Cannot read \"{}\": {}.", path, std::generic_category().message(errno)));
            }
            if (count == 0) {
                return changed_error(path);
            }
            hash.update(std::string_view(piece).substr(0, static_cast<std::size_t>(count)));
            done += static_cast<std::uint64_t>(count);
            progress.advance(Bytes{std::min(done, size.count)});
        }
        staged.disk = {real, size};
        staged.source_sha256 = hash.finish();
        staged.content_sha256 = staged.source_sha256;
        AMIVIRT_TRY(check_digest(request, staged.source_sha256));
        read_files_.lock()->insert_or_assign(real, before);
    }
    if (::fstat(fd.get(), &status) != 0 || !before.same(Identity(status))) {
        if (staged.temporary) {
            AMIVIRT_TRY(discard(request.layer));
        }
        return changed_error(path);
    }
    return staged;
}

Result<Staged> Stager::unpack_file(const StageRequest& request, int fd, const std::string& path, Compression compression, Bytes size,
                                   const std::string& known_sha256, Progress& progress) {
    AMIVIRT_TRY(files::make_folders(options_.staging_folder, k_folder_mode));
    const std::string target = staged_path(request.layer);
    files::RemoveLater guard(target);
    const FileDescriptor out = AMIVIRT_TRY(files::open(target, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW));
    fault_point("stager.unpack_opened");
    progress.phase("unpacking", size);
    Sha256 source_hash;
    Sha256 content_hash;
    files::SparseWriter writer(out.get(), target);
    std::string piece;
    std::uint64_t read = 0;
    const auto read_piece = [&]() -> Result<std::string_view> {
        piece = AMIVIRT_TRY(files::read_at(fd, read, k_piece, path));
        read += piece.size();
        if (known_sha256.empty()) {
            source_hash.update(piece);
        }
        progress.advance(Bytes{std::min(read, size.count)});
        return std::string_view(piece);
    };
    UnpackRequest unpacking{compression, without_credentials(request.source), read_piece,
                            [&](std::string_view bytes) -> Result<void> {
                                content_hash.update(bytes);
                                return writer.write(bytes);
                            },
                            options_.max_unpacked_size};
    const Bytes unpacked = AMIVIRT_TRY(unpack(unpacking));
    AMIVIRT_TRY(writer.finish());
    // What lies behind the compressed data is not unpacked, but it is part of the source.
    while (!AMIVIRT_TRY(read_piece()).empty()) {
        check_interrupt();
    }
    Staged staged;
    staged.source_sha256 = known_sha256.empty() ? source_hash.finish() : known_sha256;
    AMIVIRT_TRY(check_digest(request, staged.source_sha256));
    staged.content_sha256 = content_hash.finish();
    staged.disk = {target, unpacked};
    staged.temporary = true;
    guard.keep();
    fault_point("stager.unpacked");
    return staged;
}

Result<Staged> Stager::stage_url(const StageRequest& request, const std::string& url, Progress& progress) {
    AMIVIRT_TRY(files::make_folders(options_.staging_folder, k_folder_mode));
    AMIVIRT_TRY(files::make_folders(options_.downloads_folder, k_folder_mode));
    sweep_downloads();
    DownloadRequest wanted;
    wanted.url = url;
    wanted.downloads_folder = options_.downloads_folder;
    wanted.private_file = fmt::format("{}/{}.download", options_.staging_folder, request.layer.str());
    wanted.resume = request.resume;
    wanted.on_download = request.on_download;
    wanted.limit = options_.max_unpacked_size;
    const Downloaded got = AMIVIRT_TRY(download(wanted, progress, options_.log));
    files::RemoveLater guard(got.path);
    fault_point("stager.downloaded");
    const std::string shown = without_credentials(url);
    if (got.size.count == 0) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" is empty.", shown));
    }
    AMIVIRT_TRY(check_digest(request, got.sha256));
    const Compression compression = recognise_compression(AMIVIRT_TRY(files::read_at(got.fd.get(), 0, k_head, got.path)));
    if (compression != Compression::none) {
        return unpack_file(request, got.fd.get(), got.path, compression, got.size, got.sha256, progress);
    }
    Staged staged;
    staged.disk = {staged_path(request.layer), got.size};
    staged.source_sha256 = got.sha256;
    staged.content_sha256 = got.sha256;
    staged.temporary = true;
    AMIVIRT_TRY(files::rename(got.path, staged.disk.path));
    guard.keep();
    fault_point("stager.download_moved");
    return staged;
}

Result<void> Stager::check_unchanged(const Staged& staged) {
    if (staged.temporary) {
        return {};
    }
    auto known = read_files_.lock();
    const auto entry = known->find(staged.disk.path);
    struct stat status {};
    if (entry == known->end() || ::stat(staged.disk.path.c_str(), &status) != 0 || !entry->second.same(Identity(status))) {
        return changed_error(staged.disk.path);
    }
    return {};
}

std::string Stager::scratch(const LayerId& layer) const {
    if (const auto made = files::make_folders(options_.staging_folder, k_folder_mode); !made) {
        options_.log.write(LogLevel::warning, "fetch", made.error().message);
    }
    return fmt::format("{}/{}.built", options_.staging_folder, layer.str());
}

Result<void> Stager::discard(const LayerId& layer) {
    for (const std::string_view suffix : k_suffixes) {
        AMIVIRT_TRY(files::remove(fmt::format("{}/{}{}", options_.staging_folder, layer.str(), suffix)));
    }
    return {};
}

Result<void> Stager::discard_download(const Download& download) {
    // The name comes from a record: it must not lead elsewhere.
    if (download.file != partial_name(download.url)) {
        return Error(Code::store_corrupt, fmt::format("The download of \"{}\" is recorded under the strange name \"{}\".",
                                                      without_credentials(download.url), files::printable(download.file)));
    }
    const std::string path = options_.downloads_folder + "/" + download.file;
    const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) {
        if (errno == ENOENT) {
            return {};
        }
        return files::errno_error(errno, "open", path);
    }
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        options_.log.write(LogLevel::info, "fetch",
                           fmt::format("\"{}\" is left to the process that downloads it", without_credentials(download.url)));
        return {};
    }
    return files::remove(path);
}

void Stager::sweep_downloads() const {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(options_.downloads_folder, error)) {
        const std::string path = entry.path().string();
        struct stat status {};
        const FileDescriptor fd(path.ends_with(k_partial_suffix) ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1);
        if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
            continue;
        }
        const auto age = std::chrono::system_clock::now() - std::chrono::system_clock::from_time_t(status.st_mtim.tv_sec);
        if (age > k_orphan_age && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && ::unlink(path.c_str()) == 0) {
            options_.log.write(LogLevel::info, "fetch", fmt::format("removed \"{}\", a partial download nobody came back for", path));
        }
    }
}

}  // namespace

std::unique_ptr<SourceStager> make_source_stager(const StagerOptions& options) { return std::make_unique<Stager>(options); }

}  // namespace amivirt
