#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>

#include "adapters/common/digest.hpp"
#include "adapters/common/files.hpp"
#include "adapters/common/key_file.hpp"
#include "adapters/common/partial.hpp"
#include "adapters/qemu_img/layer_folder.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "adapters/qemu_img/tool.hpp"
#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

using files::FileDescriptor;

constexpr std::size_t k_piece = std::size_t{1} << 20U;
constexpr mode_t k_folder_mode = 0700;
constexpr const char* k_source_key = "source-key";

/// qemu-img's words for a format that it writes.
struct FormatWords {
    const char* driver;
    const char* options;
};
FormatWords words_of(DiskFileFormat format) {
    switch (format) {
        case DiskFileFormat::raw:
            return {"raw", ""};
        case DiskFileFormat::vmdk:
            return {"vmdk", "subformat=monolithicSparse"};
        case DiskFileFormat::vhd:
            return {"vpc", "subformat=dynamic,force_size=on"};  // else it rounds the size up to whole cylinders
        case DiskFileFormat::stream_vmdk:
            return {"vmdk", "subformat=streamOptimized"};
        case DiskFileFormat::qcow2:
            break;
    }
    return {"qcow2", "compat=1.1,cluster_size=65536,lazy_refcounts=off"};
}

class QemuImgCarrier final : public LayerCarrier {
public:
    QemuImgCarrier(const StoreOptions& options, std::string downloads)
        : processes_(options.processes), folder_(options.disks_folder, options.key_file), downloads_(std::move(downloads)) {}

    Result<ChainSource> chain(const LayerId& top) override;
    Result<Brought> bring(const BringRequest& request, Progress& progress) override;
    Result<void> rewrite(const LayerId& target, const ChainSource& from, Encrypted encrypted, Progress& progress) override;
    Result<void> write_out(const ChainSource& from, const std::string& path, DiskFileFormat format, Progress& progress) override;

private:
    struct Source {
        FileDescriptor fd;
        std::uint64_t size = 0;
        std::string path;
    };
    [[nodiscard]] static Result<Source> open_sealed(const std::string& path);
    [[nodiscard]] Result<bool> clone(const Source& source, const LayerId& layer);
    [[nodiscard]] Result<bool> link(const Source& source, const LayerId& layer);
    [[nodiscard]] Result<std::string> copy(const Source& source, const BringRequest& request, Progress& progress);
    [[nodiscard]] static Result<std::string> fill_checked(const Source& source, int out, const std::string& path, const std::string& wanted,
                                                          bool begun, Progress& progress);
    [[nodiscard]] static Result<std::string> fill(const Source& source, int out, const std::string& path, Progress& progress);
    [[nodiscard]] Result<void> convert(const ChainSource& from, const std::vector<std::string>& words, const std::string& to,
                                       const std::string& shown, Bytes limit, bool own_key, Progress& progress);

    ProcessRunner& processes_;
    LayerFolder folder_;
    std::string downloads_;
};

Result<ChainSource> QemuImgCarrier::chain(const LayerId& top) {
    ChainSource source;
    for (const auto& [id, header] : AMIVIRT_TRY(folder_.chain(top))) {
        AMIVIRT_TRY(open_sealed(folder_.path(id)));
        source.links.push_back({{folder_.path(id), "qcow2"}, header.encrypted});
        if (source.links.size() == 1) {
            source.virtual_size = header.virtual_size;
        }
    }
    source.key = folder_.key().file();
    return source;
}

Result<QemuImgCarrier::Source> QemuImgCarrier::open_sealed(const std::string& path) {
    Source source;
    source.fd = AMIVIRT_TRY(files::open(path, O_RDONLY | O_NOFOLLOW));
    AMIVIRT_TRY(read_layer_header(source.fd.get(), path));
    const struct stat status = AMIVIRT_TRY(status_of(source.fd.get(), path));
    if (!is_sealed(status.st_mode)) {
        return Error(Code::incorrect_state, fmt::format("The layer's file \"{}\" is not sealed.", path));
    }
    source.size = static_cast<std::uint64_t>(status.st_size);
    source.path = path;
    return source;
}

Result<Brought> QemuImgCarrier::bring(const BringRequest& request, Progress& progress) {
    const Source source = AMIVIRT_TRY(open_sealed(request.from.location));
    if (AMIVIRT_TRY(clone(source, request.layer))) {
        return Brought{Passage::cloned, ""};
    }
    if (AMIVIRT_TRY(link(source, request.layer))) {
        return Brought{Passage::linked, ""};
    }
    auto sha256 = AMIVIRT_TRY(copy(source, request, progress));
    return Brought{Passage::copied, std::move(sha256)};
}

/// False: the file system cannot.
Result<bool> QemuImgCarrier::clone(const Source& source, const LayerId& layer) {
    const std::string file = folder_.temporary(layer);
    files::RemoveLater guard(file);
    {
        const FileDescriptor out = AMIVIRT_TRY(folder_.create_temporary(file));
        fault_point("layer_carrier.clone_opened");
        if (::ioctl(out.get(), FICLONE, source.fd.get()) != 0) {
            return false;
        }
    }
    AMIVIRT_TRY(folder_.name_sealed(layer));
    guard.keep();
    return true;
}

/// False: it lies on another file system, or may not be linked.
Result<bool> QemuImgCarrier::link(const Source& source, const LayerId& layer) {
    const std::string file = folder_.temporary(layer);
    files::RemoveLater guard(file);
    AMIVIRT_TRY(files::remove(file));
    if (::link(source.path.c_str(), file.c_str()) != 0) {
        return false;
    }
    fault_point("layer_carrier.linked");
    AMIVIRT_TRY(files::sync(source.fd.get(), source.path));
    AMIVIRT_TRY(files::rename(file, folder_.path(layer)));
    // Were the final name a link to the same file already, the rename would have left the temporary one.
    AMIVIRT_TRY(files::remove(file));
    fault_point("layer_carrier.link_named");
    AMIVIRT_TRY(files::sync_folder(folder_.path()));
    guard.keep();
    return true;
}

/// What was copied is a prefix, so that the length of `out` tells how far that went. All of the source is read, for its SHA-256.
Result<std::string> QemuImgCarrier::fill(const Source& source, int out, const std::string& path, Progress& progress) {
    const int in = source.fd.get();
    std::uint64_t done = static_cast<std::uint64_t>((AMIVIRT_TRY(status_of(out, path))).st_size);
    const std::string zeros(std::size_t{64} << 10U, '\0');
    std::string room(k_piece, '\0');
    Sha256 hash;
    progress.phase("copying", Bytes{source.size});
    ::posix_fadvise(in, 0, 0, POSIX_FADV_SEQUENTIAL);
    for (std::uint64_t at = 0; at < source.size;) {
        const off_t found = ::lseek(in, static_cast<off_t>(at), SEEK_DATA);
        if (found < 0 && errno != ENXIO && errno != EINVAL) {
            return files::errno_error(errno, "read", source.path);
        }
        // Where holes cannot be asked for, all is data.
        const std::uint64_t data = found >= 0 ? static_cast<std::uint64_t>(found) : errno == ENXIO ? source.size : at;
        for (; at < data; at += std::min<std::uint64_t>(zeros.size(), data - at)) {
            check_interrupt();
            hash.update(std::string_view(zeros).substr(0, std::min<std::uint64_t>(zeros.size(), data - at)));
        }
        if (data > done) {
            if (::ftruncate(out, static_cast<off_t>(data)) != 0) {
                return files::errno_error(errno, "write", path);
            }
            done = data;
        }
        const off_t hole = data < source.size ? ::lseek(in, static_cast<off_t>(data), SEEK_HOLE) : -1;
        const std::uint64_t end = hole >= 0 ? std::min(static_cast<std::uint64_t>(hole), source.size) : source.size;
        while (at < end) {
            check_interrupt();
            room.resize(std::min<std::uint64_t>(k_piece, end - at));
            const std::string_view piece = AMIVIRT_TRY(files::read_into(room, in, at, source.path));
            if (piece.size() < room.size()) {
                return Error(Code::fetch_failed, fmt::format("\"{}\" became shorter while it was copied.", source.path));
            }
            hash.update(piece);
            if (at + piece.size() > done) {
                const std::uint64_t from = std::max(at, done);
                AMIVIRT_TRY(files::write_at(out, piece.substr(from - at), from, path));
                done = at + piece.size();
                fault_point("layer_carrier.piece_copied");
            }
            at += piece.size();
            progress.advance(Bytes{at});
        }
    }
    return hash.finish();
}

Result<std::string> sum_of(int fd, const std::string& path) {
    std::string room(k_piece, '\0');
    Sha256 hash;
    for (std::uint64_t at = 0;;) {
        check_interrupt();
        const std::string_view piece = AMIVIRT_TRY(files::read_into(room, fd, at, path));
        hash.update(piece);
        at += piece.size();
        if (piece.size() < k_piece) {
            return hash.finish();
        }
    }
}

/// Fills `out` and reads it again: what an earlier process left (`begun`) may be less than its length says, if the machine went down
/// meanwhile. `wanted` is the source's SHA-256, where it is known.
Result<std::string> QemuImgCarrier::fill_checked(const Source& source, int out, const std::string& path, const std::string& wanted,
                                                 bool begun, Progress& progress) {
    for (;; begun = false) {
        auto read = AMIVIRT_TRY(fill(source, out, path, progress));
        if (!wanted.empty() && read != wanted) {
            return layer_corrupt(source.path, "is not what it was when it was sealed");
        }
        if (AMIVIRT_TRY(sum_of(out, path)) == read) {
            return read;
        }
        if (!begun) {
            return Error(Code::checksum_mismatch, fmt::format("\"{}\" is not what was written to it.", path));
        }
        if (::ftruncate(out, 0) != 0) {
            return files::errno_error(errno, "write", path);
        }
    }
}

Result<std::string> QemuImgCarrier::copy(const Source& source, const BringRequest& request, Progress& progress) {
    AMIVIRT_TRY(files::make_folders(downloads_, k_folder_mode));
    std::string path = downloads_ + "/" + partial_name(request.url);
    const bool known = request.resume && !request.validator.empty() && request.resume->validator == request.validator &&
                       request.resume->file == partial_name(request.url);
    if (!request.validator.empty() && request.on_download) {
        // Before there is a file: one that no record knows would be nobody's. For a known one, that it is in use again.
        AMIVIRT_TRY(request.on_download(Download{request.url, partial_name(request.url), request.validator,
                                                 std::chrono::floor<Duration>(std::chrono::system_clock::now())}));
    }
    FileDescriptor out = request.validator.empty() ? FileDescriptor() : open_locked(path, O_RDWR | O_CREAT);
    const bool resumable = static_cast<bool>(out);
    if (resumable) {
        const auto length = static_cast<std::uint64_t>((AMIVIRT_TRY(status_of(out.get(), path))).st_size);
        if ((!known || length > source.size) && ::ftruncate(out.get(), 0) != 0) {
            return files::errno_error(errno, "write", path);
        }
    } else {
        path = folder_.temporary(request.layer);
        AMIVIRT_TRY(folder_.create_temporary(path));
        out = AMIVIRT_TRY(files::open(path, O_RDWR | O_NOFOLLOW));
    }
    files::RemoveLater guard(path);
    fault_point("layer_carrier.copy_opened");
    std::string sha256;
    try {
        auto filled = fill_checked(source, out.get(), path, request.sha256, known, progress);
        if (!filled) {
            // A cable that came loose, a server that went away: the next try goes on. Not where it has filled the disk, or is wrong.
            if (resumable && filled.error().code == Code::io_error) {
                guard.keep();
            }
            return std::move(filled.error());
        }
        sha256 = std::move(*filled);
    } catch (const Interrupted&) {
        if (resumable) {
            guard.keep();
        }
        throw;
    }
    fault_point("layer_carrier.copied");
    if (resumable) {
        AMIVIRT_TRY(folder_.create_temporary(folder_.temporary(request.layer)));  // makes the folder, where it is the first layer
        AMIVIRT_TRY(files::rename(path, folder_.temporary(request.layer)));
        guard.keep();
    }
    AMIVIRT_TRY(folder_.name_sealed(request.layer));
    guard.keep();
    return sha256;
}

Result<void> QemuImgCarrier::convert(const ChainSource& from, const std::vector<std::string>& words, const std::string& to,
                                     const std::string& shown, Bytes limit, bool own_key, Progress& progress) {
    Command command;
    // Target cache "unsafe": we sync once, at the end.
    command.argv = {"convert", "-p", "-t", "unsafe"};
    std::vector<LayerFolder::Link> links;
    bool locked = false;
    for (const auto& link : from.links) {
        links.push_back({link.disk.location, link.encrypted});
        locked = locked || link.encrypted;
    }
    if (locked) {
        RegionKey key(from.key);
        AMIVIRT_TRY(key.get());
        command.argv.insert(command.argv.end(),
                            {"--object", fmt::format("secret,id={},file={}", k_source_key, qemu_img::option_value(from.key))});
    }
    if (own_key) {
        const std::vector<std::string> key = AMIVIRT_TRY(folder_.key().arguments());
        command.argv.insert(command.argv.end(), key.begin(), key.end());
    }
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    const std::string argument = AMIVIRT_TRY(LayerFolder::stacked(links, k_source_key));
    command.argv.insert(command.argv.end(), {argument, to});
    command.file_size_limit = limit;
    progress.phase("writing", from.virtual_size);
    command.on_output = qemu_img::percent_of(progress, Bytes{0}, from.virtual_size);
    const CommandResult result = AMIVIRT_TRY(qemu_img::run(processes_, std::move(command), qemu_img::k_copy));
    if (result.exit_status == 0) {
        progress.advance(from.virtual_size);
        return {};
    }
    if (qemu_img::disk_full(result)) {
        return files::errno_error(ENOSPC, "write", shown);
    }
    if (qemu_img::key_refused(result)) {
        return key_refused(from.key, from.links.front().disk.location);
    }
    return Error(Code::tool_failed, fmt::format("qemu-img could not write \"{}\": {}.", shown, qemu_img::words(result, argument, shown)));
}

/// All of the disk, its tables, and some air.
Bytes generous(Bytes size) { return Bytes{size.count + size.count / 64 + (64ULL << 20U)}; }

Result<void> QemuImgCarrier::rewrite(const LayerId& target, const ChainSource& from, Encrypted encrypted, Progress& progress) {
    const std::string file = folder_.temporary(target);
    files::RemoveLater guard(file);
    AMIVIRT_TRY(folder_.write_empty(target, std::nullopt, from.virtual_size, encrypted));
    fault_point("layer_carrier.rewrite_opened");
    AMIVIRT_TRY(convert(from, {"-n", "--target-is-zero", "--target-image-opts"}, LayerFolder::options(file, encrypted), file,
                        generous(from.virtual_size), encrypted == Encrypted::yes, progress));
    fault_point("layer_carrier.rewritten");
    AMIVIRT_TRY(folder_.name_sealed(target));
    guard.keep();
    return {};
}

Result<void> QemuImgCarrier::write_out(const ChainSource& from, const std::string& path, DiskFileFormat format, Progress& progress) {
    const FormatWords as = words_of(format);
    std::vector<std::string> words{"-O", as.driver};
    if (*as.options != '\0') {
        words.insert(words.end(), {"-o", as.options});
    }
    // qemu-img takes "nbd:..." and the like for more than a name: a path that begins with a slash is one.
    AMIVIRT_TRY(convert(from, words, path, path, generous(from.virtual_size), false, progress));
    fault_point("layer_carrier.written_out");
    const FileDescriptor fd = AMIVIRT_TRY(files::open(path, O_RDONLY));
    return files::sync(fd.get(), path);
}

}  // namespace

std::unique_ptr<LayerCarrier> make_layer_carrier(const StoreOptions& options, const std::string& downloads_folder) {
    return std::make_unique<QemuImgCarrier>(options, downloads_folder);
}

}  // namespace amivirt
