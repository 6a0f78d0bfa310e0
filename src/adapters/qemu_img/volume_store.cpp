#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "adapters/common/files.hpp"
#include "adapters/qemu_img/disk_format.hpp"
#include "adapters/qemu_img/layer_folder.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "adapters/qemu_img/sync_all.hpp"
#include "adapters/qemu_img/tool.hpp"
#include "amivirt/base/fault.hpp"

namespace amivirt {
namespace {

using files::FileDescriptor;
using Json = nlohmann::json;

class FileBytes final : public ByteSource {
public:
    FileBytes(int fd, std::uint64_t size, const std::string& path) : fd_(fd), size_(size), path_(path) {}
    [[nodiscard]] std::uint64_t size() const override { return size_; }
    [[nodiscard]] Result<std::string> read(std::uint64_t offset, std::size_t count) const override {
        return files::read_at(fd_, offset, count, path_);
    }

private:
    int fd_;
    std::uint64_t size_;
    const std::string& path_;
};

/// The disk as qemu-img's argument: its driver explicit, and a backing file not followed even if one appeared since the probe.
std::string image_argument(const std::string& path, const std::string& format) {
    try {
        const Json options = {{"driver", format}, {"file", {{"driver", "file"}, {"filename", path}}}, {"backing", nullptr}};
        return "json:" + options.dump();
    } catch (const Json::exception&) {
        return {};
    }
}

Error in_use_error(const std::string& shown_as) {
    return Error(Code::invalid_disk_image, fmt::format("\"{}\" is in use by another program.", shown_as),
                 "Shut down the virtual machine that runs from it, or import a copy.");
}

std::int64_t modified_ns(const struct stat& status) noexcept {
    return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

class QemuImgStore final : public VolumeStore {
public:
    explicit QemuImgStore(const StoreOptions& options) : options_(options), folder_(options.disks_folder, options.key_file) {}

    Result<void> create(const LayerId& layer, const std::optional<LayerId>& parent, Bytes size, Encrypted encrypted) override;
    Result<void> persist(const std::vector<LayerId>& layers) override;
    Result<Seal> seal(const LayerId& layer) override;
    Result<void> grow(const LayerId& layer, Bytes size) override;
    Result<ProbedDisk> probe(const StagedDisk& disk, const std::string& shown_as) override;
    Result<void> import(const LayerId& layer, const StagedDisk& disk, const ProbedDisk& probed, Progress& progress) override;
    using VolumeStore::remove;
    Result<void> remove(const std::vector<LayerId>& layers) override;
    [[nodiscard]] DiskSource source(const LayerId& layer) const override { return {folder_.path(layer), "qcow2"}; }
    Result<std::optional<LayerFile>> look(const LayerId& layer) override;
    Result<Contents> contents() override;

private:
    [[nodiscard]] Result<void> second_opinion(const StagedDisk& disk, const std::string& shown_as, ProbedDisk& probed) const;
    [[nodiscard]] Result<void> check(const StagedDisk& disk, const std::string& shown_as, const ProbedDisk& probed) const;
    [[nodiscard]] Result<void> check_size(Bytes size, const std::string& shown_as) const;
    [[nodiscard]] Result<void> convert(const std::string& target, const StagedDisk& disk, const ProbedDisk& probed,
                                       Progress& progress) const;

    StoreOptions options_;
    LayerFolder folder_;
};

Result<void> QemuImgStore::create(const LayerId& layer, const std::optional<LayerId>& parent, Bytes size, Encrypted encrypted) {
    files::RemoveLater guard(folder_.temporary(layer));
    AMIVIRT_TRY(folder_.write_empty(layer, parent, size, encrypted));
    fault_point("volume_store.create_written");
    AMIVIRT_TRY(files::rename(folder_.temporary(layer), folder_.path(layer)));
    guard.keep();
    fault_point("volume_store.create_named");
    return {};
}

Result<void> QemuImgStore::persist(const std::vector<LayerId>& layers) {
    if (layers.empty()) {
        return {};
    }
    std::vector<std::string> paths;
    paths.reserve(layers.size());
    for (const LayerId& layer : layers) {
        paths.push_back(folder_.path(layer));
    }
    AMIVIRT_TRY(sync_all(paths));
    fault_point("volume_store.persisted");
    return files::sync_folder(folder_.path());
}

Result<Seal> QemuImgStore::seal(const LayerId& layer) {
    const std::string file = folder_.path(layer);
    const FileDescriptor fd = AMIVIRT_TRY(files::open(file, O_RDONLY));
    AMIVIRT_TRY(read_layer_header(fd.get(), file));
    // The hypervisor's user, to whom libvirt gave the file, could make it writable again. Only root may take it back; others own it
    // already.
    if (::geteuid() == 0 && ::fchown(fd.get(), 0, 0) != 0 && errno != EPERM && errno != EINVAL) {
        return files::errno_error(errno, "take over", file);
    }
    if (::fchmod(fd.get(), k_sealed_mode) != 0) {
        return files::errno_error(errno, "set the mode of", file);
    }
    fault_point("volume_store.sealed");
    AMIVIRT_TRY(files::sync(fd.get(), file));
    // create() did not wait for its name to last.
    AMIVIRT_TRY(files::sync_folder(folder_.path()));
    fault_point("volume_store.seal_synced");
    const struct stat status = AMIVIRT_TRY(status_of(fd.get(), file));
    return Seal{Bytes{static_cast<std::uint64_t>(status.st_size)}, modified_ns(status), ""};
}

Result<void> QemuImgStore::grow(const LayerId& layer, Bytes size) {
    const std::string file = folder_.path(layer);
    const FileDescriptor fd = AMIVIRT_TRY(files::open(file, O_RDONLY));
    const LayerHeader header = AMIVIRT_TRY(read_layer_header(fd.get(), file));
    if (header.virtual_size >= size) {
        return files::sync(fd.get(), file);
    }
    if (size.count % 512 != 0) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("A disk of {} bytes cannot be made: it needs a multiple of 512.", size.count));
    }
    if (is_sealed(AMIVIRT_TRY(status_of(fd.get(), file)).st_mode)) {
        return Error(Code::incorrect_state, fmt::format("The layer \"{}\" is sealed and cannot grow.", layer.str()));
    }
    Command command;
    command.argv = {"resize", "-q"};
    if (header.encrypted) {
        const std::vector<std::string> key = AMIVIRT_TRY(folder_.key().arguments());
        command.argv.insert(command.argv.end(), key.begin(), key.end());
    }
    const std::string argument = AMIVIRT_TRY(LayerFolder::alone(file, header.encrypted ? Encrypted::yes : Encrypted::no));
    command.argv.insert(command.argv.end(), {argument, std::to_string(size.count)});
    const CommandResult result = AMIVIRT_TRY(qemu_img::run(options_.processes, std::move(command), qemu_img::k_glance));
    if (result.exit_status != 0) {
        return qemu_img::layer_error(result, "grow", argument, file, folder_.key());
    }
    fault_point("volume_store.grown");
    return files::sync(fd.get(), file);
}

Result<void> QemuImgStore::check_size(Bytes size, const std::string& shown_as) const {
    if (size.count == 0) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" is a disk of size 0.", shown_as));
    }
    if (size > options_.max_virtual_size) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" is a disk of {}; the largest that is taken is {}.", shown_as,
                                                           human(size), human(options_.max_virtual_size)));
    }
    return {};
}

Result<ProbedDisk> QemuImgStore::probe(const StagedDisk& disk, const std::string& shown_as) {
    const FileDescriptor fd(::open(disk.path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd) {
        const int error_number = errno;
        return Error(Code::invalid_disk_image,
                     fmt::format("\"{}\" cannot be read: {}.", shown_as, std::generic_category().message(error_number)));
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) {
        return files::errno_error(errno, "look at", disk.path);
    }
    if (!S_ISREG(status.st_mode)) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" is not a regular file.", shown_as));
    }
    const FileBytes bytes(fd.get(), static_cast<std::uint64_t>(status.st_size), disk.path);
    const DiskFormat found = AMIVIRT_TRY(recognise_disk(bytes, shown_as));
    ProbedDisk probed{found.format, found.virtual_size.value_or(Bytes{})};
    if (found.virtual_size) {
        AMIVIRT_TRY(check_size(*found.virtual_size, shown_as));
    }
    if (probed.format != "raw") {
        AMIVIRT_TRY(second_opinion(disk, shown_as, probed));
        AMIVIRT_TRY(check(disk, shown_as, probed));
    }
    return probed;
}

/// What qemu-img, which will read the disk in the end, makes of it.
Result<void> QemuImgStore::second_opinion(const StagedDisk& disk, const std::string& shown_as, ProbedDisk& probed) const {
    Command command;
    const std::string argument = image_argument(disk.path, probed.format);
    if (argument.empty()) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" cannot be read: its name is not UTF-8.", files::printable(shown_as)),
                     "Rename the file.");
    }
    command.argv = {"info", "--output=json", argument};
    const CommandResult result = AMIVIRT_TRY(qemu_img::run(options_.processes, std::move(command), qemu_img::k_glance));
    if (result.exit_status != 0) {
        if (qemu_img::in_use(result)) {
            return in_use_error(shown_as);
        }
        return Error(Code::invalid_disk_image,
                     fmt::format("\"{}\" cannot be read as {}: {}.", shown_as, probed.format, qemu_img::words(result, argument, shown_as)));
    }
    const Json answer = Json::parse(result.output, nullptr, false);
    if (!answer.is_object() || !answer.contains("virtual-size") || !answer["virtual-size"].is_number_unsigned()) {
        return Error(Code::tool_failed, fmt::format("qemu-img gave no size for \"{}\".", shown_as));
    }
    if (answer.contains("backing-filename") || answer.contains("full-backing-filename")) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" has a backing file; an image must be complete in itself.", shown_as));
    }
    if (answer.value("encrypted", false)) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" is encrypted, which is not supported.", shown_as));
    }
    const Json::json_pointer data_file("/format-specific/data/data-file");
    if (answer.contains(data_file)) {
        return Error(Code::invalid_disk_image,
                     fmt::format("\"{}\" keeps its data in an external data file; an image must be complete in itself.", shown_as));
    }
    probed.virtual_size = Bytes{answer["virtual-size"].get<std::uint64_t>()};
    return check_size(probed.virtual_size, shown_as);
}

/// Tables that point beyond the end of the file: data of a truncated image would else silently read as zeros.
Result<void> QemuImgStore::check(const StagedDisk& disk, const std::string& shown_as, const ProbedDisk& probed) const {
    if (probed.format != "qcow2" && probed.format != "vmdk") {
        return {};  // for the others our own reader has walked the map, or QEMU does when it opens them
    }
    constexpr int k_corrupt = 2;
    constexpr int k_only_leaks = 3;
    const std::string argument = image_argument(disk.path, probed.format);
    Command command;
    command.argv = {"check", "-q", argument};
    const CommandResult result = AMIVIRT_TRY(qemu_img::run(options_.processes, std::move(command), qemu_img::k_walk));
    if (result.exit_status == 0 || result.exit_status == k_only_leaks) {
        return {};
    }
    if (qemu_img::in_use(result)) {
        return in_use_error(shown_as);
    }
    return Error(
        Code::invalid_disk_image,
        fmt::format("\"{}\" is a {} {} disk image: {}.", shown_as, result.exit_status == k_corrupt ? "truncated or damaged" : "broken",
                    probed.format, qemu_img::words(result, argument, shown_as)),
        probed.format == "qcow2" ? "Copy or download it again, or try to mend it: qemu-img check -r all SOURCE"
                                 : "Copy or download it again.");
}

Result<void> QemuImgStore::import(const LayerId& layer, const StagedDisk& disk, const ProbedDisk& probed, Progress& progress) {
    const std::string file = folder_.temporary(layer);
    files::RemoveLater guard(file);
    AMIVIRT_TRY(folder_.create_temporary(file));
    fault_point("volume_store.import_opened");
    AMIVIRT_TRY(convert(file, disk, probed, progress));
    fault_point("volume_store.import_converted");
    AMIVIRT_TRY(folder_.name_sealed(layer));
    guard.keep();
    return {};
}

Result<void> QemuImgStore::convert(const std::string& target, const StagedDisk& disk, const ProbedDisk& probed, Progress& progress) const {
    const std::string argument = image_argument(disk.path, probed.format);
    if (argument.empty()) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" cannot be read: its name is not UTF-8.", files::printable(disk.path)));
    }
    Command command;
    // Written in order (no -W), so that the same disk gives the same layer; target cache "unsafe" (the default): we sync once, at the end.
    command.argv = {"convert", "-p", "-O", "qcow2", "-o", "compat=1.1,cluster_size=65536,lazy_refcounts=off", argument, target};
    // All of the disk, its tables, and some air: a layer that grows beyond that is no honest conversion.
    command.file_size_limit = Bytes{probed.virtual_size.count + probed.virtual_size.count / 1024 + (64ULL << 20U)};
    progress.phase("converting", disk.size);
    command.on_output = qemu_img::percent_of(progress, Bytes{0}, disk.size);
    const CommandResult result = AMIVIRT_TRY(qemu_img::run(options_.processes, std::move(command), qemu_img::k_copy));
    if (result.exit_status == 0) {
        progress.advance(disk.size);
        return {};
    }
    if (qemu_img::in_use(result)) {
        return in_use_error(disk.path);
    }
    const std::string words = qemu_img::words(result, argument, disk.path);
    if (qemu_img::disk_full(result)) {
        return files::errno_error(ENOSPC, "write", target);
    }
    if (qemu_img::mentions(result, "error while reading") || result.exit_status == 128 + SIGXFSZ ||
        qemu_img::mentions(result, "File too large")) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" could not be converted: {}.", disk.path, words));
    }
    return Error(Code::tool_failed, fmt::format("qemu-img could not convert \"{}\": {}.", disk.path, words));
}

Result<void> QemuImgStore::remove(const std::vector<LayerId>& layers) {
    for (const LayerId& layer : layers) {
        AMIVIRT_TRY(files::remove(folder_.temporary(layer)));
        fault_point("volume_store.remove_temporary");
        AMIVIRT_TRY(files::remove(folder_.path(layer)));
        fault_point("volume_store.removed");
    }
    // Also where none was there: who removed them may have been killed before this.
    if (layers.empty() || (::access(folder_.path().c_str(), F_OK) != 0 && errno == ENOENT)) {
        return {};
    }
    return files::sync_folder(folder_.path());
}

Result<std::optional<LayerFile>> QemuImgStore::look(const LayerId& layer) {
    const std::string file = folder_.path(layer);
    const Result<FileDescriptor> fd = files::open(file, O_RDONLY | O_NONBLOCK);
    if (!fd) {
        return ::access(file.c_str(), F_OK) != 0 && errno == ENOENT ? Result<std::optional<LayerFile>>(std::nullopt) : fd.error();
    }
    const struct stat status = AMIVIRT_TRY(status_of(fd->get(), file));
    const LayerHeader header = AMIVIRT_TRY(read_layer_header(fd->get(), file));
    LayerFile result;
    result.virtual_size = header.virtual_size;
    result.parent = header.parent;
    result.encrypted = header.encrypted;
    result.read_only = is_sealed(status.st_mode);
    result.file_size = Bytes{static_cast<std::uint64_t>(status.st_size)};
    result.allocated = files::allocated(status);
    result.modified_ns = modified_ns(status);
    result.linked = status.st_nlink > 1;
    return std::optional(result);
}

Result<VolumeStore::Contents> QemuImgStore::contents() {
    Contents result;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(options_.disks_folder.c_str()), ::closedir);
    if (!folder) {
        if (errno == ENOENT) {
            return result;
        }
        return files::errno_error(errno, "list", options_.disks_folder);
    }
    errno = 0;
    while (const dirent* entry = ::readdir(folder.get())) {
        const std::string_view name(entry->d_name);
        if (name == "." || name == "..") {
            continue;
        }
        // A temporary is a file of its layer: remove() takes it away.
        std::string_view stem = name;
        if (name.ends_with(k_layer_suffix)) {
            stem.remove_suffix(k_layer_suffix.size());
        } else if (name.ends_with(k_layer_temporary_suffix)) {
            stem.remove_suffix(k_layer_temporary_suffix.size());
        } else {
            stem = {};
        }
        if (const auto id = LayerId::parse(stem)) {
            result.layers.push_back(*id);
        } else {
            result.unknown.emplace_back(name);
        }
        errno = 0;
    }
    if (errno != 0) {
        return files::errno_error(errno, "list", options_.disks_folder);
    }
    std::sort(result.layers.begin(), result.layers.end());
    result.layers.erase(std::unique(result.layers.begin(), result.layers.end()), result.layers.end());
    std::sort(result.unknown.begin(), result.unknown.end());
    return result;
}

}  // namespace

std::unique_ptr<VolumeStore> make_volume_store(const StoreOptions& options) { return std::make_unique<QemuImgStore>(options); }

}  // namespace amivirt
