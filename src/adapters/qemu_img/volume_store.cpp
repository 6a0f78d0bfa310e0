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
#include "adapters/qemu_img/overlay.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "amivirt/base/fault.hpp"

namespace amivirt {
namespace {

using files::FileDescriptor;
using Json = nlohmann::json;

constexpr std::string_view k_suffix = ".qcow2";
constexpr std::string_view k_temporary_suffix = ".tmp";
constexpr mode_t k_folder_mode = 0711;  ///< the hypervisor's user passes through, nobody lists
constexpr mode_t k_sealed_mode = 0444;
constexpr mode_t k_writable_mode = 0600;  ///< libvirt hands it to the hypervisor's user when the domain starts
constexpr Bytes k_tool_memory{2ULL << 30U};
constexpr Duration k_look_cpu{std::chrono::seconds(30)};
constexpr Duration k_look_timeout{std::chrono::minutes(2)};
constexpr Duration k_check_cpu{std::chrono::minutes(10)};
constexpr Duration k_check_timeout{std::chrono::minutes(30)};
constexpr Duration k_convert_cpu{std::chrono::hours(4)};
constexpr Duration k_convert_timeout{std::chrono::hours(12)};

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

/// qemu-img's own words, without its name in front and with the disk named as the user knows it.
std::string tool_words(const CommandResult& result, const std::string& argument, const std::string& shown_as) {
    std::string words = result.errors;
    for (std::size_t at = words.find(argument); !argument.empty() && at != std::string::npos;
         at = words.find(argument, at + shown_as.size())) {
        words.replace(at, argument.size(), shown_as);
    }
    words.resize(std::min(words.find('\n'), words.size()));
    if (words.starts_with("qemu-img: ")) {
        words.erase(0, 10);
    }
    if (words.empty()) {
        words = result.exit_status > 128 ? fmt::format("killed by signal {}", result.exit_status - 128)
                                         : fmt::format("exit status {}", result.exit_status);
    }
    return files::printable(words, 500);
}

bool mentions(const CommandResult& result, std::string_view words) { return result.errors.find(words) != std::string::npos; }

/// QEMU locks the images it opens.
bool in_use(const CommandResult& result) { return mentions(result, "Failed to get") && mentions(result, " lock"); }

Error in_use_error(const std::string& shown_as) {
    return Error(Code::invalid_disk_image, fmt::format("\"{}\" is in use by another program.", shown_as),
                 "Shut down the virtual machine that runs from it, or import a copy.");
}

/// Hears `(12.34/100%)` in what -p prints, however it is cut into pieces.
class PercentReader {
public:
    std::optional<double> take(std::string_view piece) {
        text_.append(piece);
        const auto end = text_.rfind("/100%)");
        if (end == std::string::npos) {
            text_.erase(0, text_.size() > 64 ? text_.size() - 64 : 0);
            return std::nullopt;
        }
        const auto begin = text_.rfind('(', end);
        std::optional<double> percent;
        if (begin != std::string::npos) {
            percent = std::clamp(std::strtod(text_.c_str() + begin + 1, nullptr), 0.0, 100.0);
        }
        text_.erase(0, end + 6);
        return percent;
    }

private:
    std::string text_;
};

class QemuImgStore final : public VolumeStore {
public:
    explicit QemuImgStore(const StoreOptions& options) : options_(options) {}

    Result<void> create(const LayerId& layer, const std::optional<LayerId>& parent, Bytes size) override;
    Result<ProbedDisk> probe(const StagedDisk& disk, const std::string& shown_as) override;
    Result<void> import(const LayerId& layer, const StagedDisk& disk, const ProbedDisk& probed, Progress& progress) override;
    Result<void> remove(const LayerId& layer) override;
    [[nodiscard]] DiskSource source(const LayerId& layer) const override { return {path(layer), "qcow2"}; }
    Result<LayerUsage> usage(const LayerId& layer) override;
    Result<Contents> contents() override;

private:
    [[nodiscard]] std::string path(const LayerId& layer) const {
        return fmt::format("{}/{}{}", options_.disks_folder, layer.str(), k_suffix);
    }
    [[nodiscard]] std::string temporary(const LayerId& layer) const {
        return fmt::format("{}/{}{}", options_.disks_folder, layer.str(), k_temporary_suffix);
    }
    [[nodiscard]] Result<FileDescriptor> create_temporary(const std::string& path) const;
    [[nodiscard]] Result<CommandResult> qemu_img(Command command) const;
    [[nodiscard]] Result<void> second_opinion(const StagedDisk& disk, const std::string& shown_as, ProbedDisk& probed) const;
    [[nodiscard]] Result<void> check(const StagedDisk& disk, const std::string& shown_as, const ProbedDisk& probed) const;
    [[nodiscard]] Result<void> check_size(Bytes size, const std::string& shown_as) const;
    [[nodiscard]] Result<void> convert(const std::string& target, const StagedDisk& disk, const ProbedDisk& probed,
                                       Progress& progress) const;
    [[nodiscard]] static Result<Bytes> virtual_size(int fd, const std::string& path);

    StoreOptions options_;
};

Result<FileDescriptor> QemuImgStore::create_temporary(const std::string& file) const {
    // The folder is nearly always there: asked for only when it is not.
    Result<FileDescriptor> fd = files::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, k_writable_mode);
    if (fd || ::access(options_.disks_folder.c_str(), F_OK) == 0) {
        return fd;
    }
    AMIVIRT_TRY(files::make_folders(options_.disks_folder, k_folder_mode));
    return files::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, k_writable_mode);
}

Result<Bytes> QemuImgStore::virtual_size(int fd, const std::string& file) {
    const std::string header = AMIVIRT_TRY(files::read_at(fd, 0, 32, file));
    if (header.size() < 32 || !header.starts_with("QFI\xfb")) {
        return Error(Code::store_corrupt, fmt::format("The layer's file \"{}\" is not a qcow2 image.", file));
    }
    std::uint64_t size = 0;
    for (std::size_t i = 24; i < 32; ++i) {
        size = size << 8U | static_cast<std::uint8_t>(header[i]);
    }
    return Bytes{size};
}

Result<void> QemuImgStore::create(const LayerId& layer, const std::optional<LayerId>& parent, Bytes size) {
    std::string parent_name;
    if (parent) {
        const std::string parent_path = path(*parent);
        const FileDescriptor fd = AMIVIRT_TRY(files::open(parent_path, O_RDONLY));
        const Bytes least = AMIVIRT_TRY(virtual_size(fd.get(), parent_path));
        if (size < least) {
            return Error(Code::invalid_parameter_value, fmt::format("A disk of {} cannot be made over layer \"{}\", which holds {}.",
                                                                    human(size), parent->str(), human(least)));
        }
        parent_name = parent->str() + std::string(k_suffix);
    }
    const SparseFile overlay = AMIVIRT_TRY(empty_overlay(size, parent_name));
    const std::string file = temporary(layer);
    files::RemoveLater guard(file);
    const FileDescriptor fd = AMIVIRT_TRY(create_temporary(file));
    fault_point("volume_store.create_opened");
    for (const auto& [offset, bytes] : overlay.pieces) {
        AMIVIRT_TRY(files::write_at(fd.get(), bytes, offset, file));
    }
    if (::ftruncate(fd.get(), static_cast<off_t>(overlay.length)) != 0) {
        return files::errno_error(errno, "write", file);
    }
    fault_point("volume_store.create_written");
    AMIVIRT_TRY(files::rename(file, path(layer)));
    guard.keep();
    fault_point("volume_store.create_named");
    return {};
}

Result<CommandResult> QemuImgStore::qemu_img(Command command) const {
    command.argv.insert(command.argv.begin(), "qemu-img");
    command.environment.emplace_back("LC_ALL", "C");
    command.memory_limit = k_tool_memory;
    Result<CommandResult> result = options_.processes.run(command);
    if (!result && result.error().code == Code::tool_missing) {
        result.error().hint = "apt-get install qemu-utils";
    }
    return result;
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
    command.cpu_limit = k_look_cpu;
    command.timeout = k_look_timeout;
    const CommandResult result = AMIVIRT_TRY(qemu_img(std::move(command)));
    if (result.exit_status != 0) {
        if (in_use(result)) {
            return in_use_error(shown_as);
        }
        return Error(Code::invalid_disk_image,
                     fmt::format("\"{}\" cannot be read as {}: {}.", shown_as, probed.format, tool_words(result, argument, shown_as)));
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
    command.cpu_limit = k_check_cpu;
    command.timeout = k_check_timeout;
    const CommandResult result = AMIVIRT_TRY(qemu_img(std::move(command)));
    if (result.exit_status == 0 || result.exit_status == k_only_leaks) {
        return {};
    }
    if (in_use(result)) {
        return in_use_error(shown_as);
    }
    return Error(
        Code::invalid_disk_image,
        fmt::format("\"{}\" is a {} {} disk image: {}.", shown_as, result.exit_status == k_corrupt ? "truncated or damaged" : "broken",
                    probed.format, tool_words(result, argument, shown_as)),
        probed.format == "qcow2" ? "Copy or download it again, or try to mend it: qemu-img check -r all SOURCE"
                                 : "Copy or download it again.");
}

Result<void> QemuImgStore::import(const LayerId& layer, const StagedDisk& disk, const ProbedDisk& probed, Progress& progress) {
    const std::string file = temporary(layer);
    files::RemoveLater guard(file);
    AMIVIRT_TRY(create_temporary(file));
    fault_point("volume_store.import_opened");
    AMIVIRT_TRY(convert(file, disk, probed, progress));
    fault_point("volume_store.import_converted");
    {
        const FileDescriptor fd = AMIVIRT_TRY(files::open(file, O_RDWR));
        if (::fchmod(fd.get(), k_sealed_mode) != 0) {
            return files::errno_error(errno, "set the mode of", file);
        }
        AMIVIRT_TRY(files::sync(fd.get(), file));
    }
    fault_point("volume_store.import_synced");
    AMIVIRT_TRY(files::rename(file, path(layer)));
    guard.keep();
    files::RemoveLater named(path(layer));
    fault_point("volume_store.import_named");
    AMIVIRT_TRY(files::sync_folder(options_.disks_folder));
    named.keep();
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
    command.cpu_limit = k_convert_cpu;
    command.timeout = k_convert_timeout;
    // All of the disk, its tables, and some air: a layer that grows beyond that is no honest conversion.
    command.file_size_limit = Bytes{probed.virtual_size.count + probed.virtual_size.count / 1024 + (64ULL << 20U)};
    PercentReader percent;
    std::uint64_t shown = 0;
    progress.phase("converting", disk.size);
    command.on_output = [&](std::string_view piece) {
        if (const auto value = percent.take(piece)) {
            shown = std::max(shown, static_cast<std::uint64_t>(static_cast<double>(disk.size.count) * *value / 100.0));
            progress.advance(Bytes{shown});
        }
    };
    const CommandResult result = AMIVIRT_TRY(qemu_img(std::move(command)));
    if (result.exit_status == 0) {
        progress.advance(disk.size);
        return {};
    }
    if (in_use(result)) {
        return in_use_error(disk.path);
    }
    const std::string words = tool_words(result, argument, disk.path);
    if (mentions(result, "No space left on device") || mentions(result, "Disk quota exceeded")) {
        return files::errno_error(ENOSPC, "write", target);
    }
    if (mentions(result, "error while reading") || result.exit_status == 128 + SIGXFSZ || mentions(result, "File too large")) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" could not be converted: {}.", disk.path, words));
    }
    return Error(Code::tool_failed, fmt::format("qemu-img could not convert \"{}\": {}.", disk.path, words));
}

Result<void> QemuImgStore::remove(const LayerId& layer) {
    AMIVIRT_TRY(files::remove(temporary(layer)));
    fault_point("volume_store.remove_temporary");
    AMIVIRT_TRY(files::remove(path(layer)));
    fault_point("volume_store.removed");
    return {};
}

Result<LayerUsage> QemuImgStore::usage(const LayerId& layer) {
    const std::string file = path(layer);
    const FileDescriptor fd = AMIVIRT_TRY(files::open(file, O_RDONLY));
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) {
        return files::errno_error(errno, "look at", file);
    }
    return LayerUsage{AMIVIRT_TRY(virtual_size(fd.get(), file)), files::allocated(status)};
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
        if (name.ends_with(k_suffix)) {
            stem.remove_suffix(k_suffix.size());
        } else if (name.ends_with(k_temporary_suffix)) {
            stem.remove_suffix(k_temporary_suffix.size());
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
