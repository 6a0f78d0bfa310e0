#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <limits>
#include <memory>
#include <string_view>
#include <system_error>

#include "adapters/common/files.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "adapters/qemu_img/sync_all.hpp"
#include "amivirt/base/fault.hpp"

namespace amivirt {
namespace {

constexpr mode_t k_folder_mode = 0711;  ///< the hypervisor's user passes through, nobody lists
/// User data may hold secrets, and so may disks. libvirt hands the file to the hypervisor's user when the domain starts.
constexpr mode_t k_private_mode = 0600;
constexpr std::string_view k_ephemeral = "ephemeral";
constexpr std::string_view k_ephemeral_suffix = ".img";

/// "ephemeral3.img", or its temporary.
bool is_ephemeral(std::string_view name) {
    if (!name.starts_with(k_ephemeral)) {
        return false;
    }
    name.remove_prefix(k_ephemeral.size());
    const std::size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
    name.remove_prefix(digits);
    return digits != 0 && name.starts_with(k_ephemeral_suffix);
}

class InstanceFolders final : public InstanceFiles {
public:
    explicit InstanceFolders(std::string folder) : folder_(std::move(folder)) {}

    Result<InstancePaths> create(const InstanceId& instance, const std::string& seed_image) override {
        AMIVIRT_TRY(files::make_folders(folder(instance), k_folder_mode));
        fault_point("instance_files.folder_made");
        InstancePaths result = paths(instance);
        AMIVIRT_TRY(files::replace(result.seed, seed_image, k_private_mode, files::Durable::no));
        fault_point("instance_files.seed_written");
        return result;
    }

    Result<void> persist(const std::vector<InstanceId>& instances) override {
        std::vector<std::string> seeds;
        seeds.reserve(instances.size());
        for (const InstanceId& instance : instances) {
            seeds.push_back(paths(instance).seed);
        }
        AMIVIRT_TRY(sync_all(seeds));
        for (const InstanceId& instance : instances) {
            AMIVIRT_TRY(files::sync_folder(folder(instance)));
        }
        return instances.empty() ? Result<void>() : files::sync_folder(folder_);
    }

    [[nodiscard]] InstancePaths paths(const InstanceId& instance) const override {
        const std::string base = folder(instance);
        return {base + "/seed.img", base + "/console.log", base + "/nvram.fd"};
    }

    Result<DiskSource> create_ephemeral(const InstanceId& instance, unsigned number, Bytes size) override {
        DiskSource disk = ephemeral_disk(instance, number);
        const std::string& file = disk.location;
        const std::string temporary = file + ".tmp";
        AMIVIRT_TRY(files::make_folders(folder(instance), k_folder_mode));
        // Always a new file: not a block of what was there can come back.
        AMIVIRT_TRY(files::remove(temporary));
        files::RemoveLater guard(temporary);
        {
            const files::FileDescriptor fd = AMIVIRT_TRY(files::open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, k_private_mode));
            if (size.count > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) {
                return files::errno_error(EFBIG, "write", file);
            }
            if (::ftruncate(fd.get(), static_cast<off_t>(size.count)) != 0) {
                return files::errno_error(errno, "write", file);
            }
        }
        fault_point("instance_files.ephemeral_made");
        AMIVIRT_TRY(files::rename(temporary, file));
        guard.keep();
        fault_point("instance_files.ephemeral_named");
        return disk;
    }

    [[nodiscard]] DiskSource ephemeral_disk(const InstanceId& instance, unsigned number) const override {
        return {fmt::format("{}/{}{}{}", folder(instance), k_ephemeral, number, k_ephemeral_suffix), "raw"};
    }

    Result<std::vector<unsigned>> ephemeral_disks(const InstanceId& instance) override {
        std::vector<unsigned> numbers;
        AMIVIRT_TRY(each(folder(instance), [&](const std::string& name) {
            unsigned number = 0;
            const char* const end = name.data() + name.size();
            if (is_ephemeral(name) &&
                std::from_chars(name.data() + k_ephemeral.size(), end, number).ptr + k_ephemeral_suffix.size() == end) {
                numbers.push_back(number);
            }
        }));
        std::sort(numbers.begin(), numbers.end());
        return numbers;
    }

    Result<void> remove_ephemeral(const InstanceId& instance) override {
        std::vector<std::string> found;
        AMIVIRT_TRY(each(folder(instance), [&](const std::string& name) {
            if (is_ephemeral(name)) {
                found.push_back(fmt::format("{}/{}", folder(instance), name));
            }
        }));
        for (const std::string& file : found) {
            AMIVIRT_TRY(files::remove(file));
            fault_point("instance_files.ephemeral_removed");
        }
        return {};
    }

    Result<void> remove(const InstanceId& instance) override {
        std::error_code error;
        std::filesystem::remove_all(folder(instance), error);
        if (error) {
            return files::errno_error(error.value(), "remove", folder(instance));
        }
        fault_point("instance_files.removed");
        // Also where none was there: who removed it may have been killed before this.
        return std::filesystem::exists(folder_, error) ? files::sync_folder(folder_) : Result<void>();
    }

    Result<std::string> console(const InstanceId& instance, std::uint64_t offset, std::size_t limit) override {
        const std::string file = paths(instance).console;
        Result<files::FileDescriptor> fd = files::open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        if (!fd) {
            return errno == ENOENT ? Result<std::string>(std::string()) : Result<std::string>(std::move(fd.error()));
        }
        struct stat status {};
        if (::fstat(fd->get(), &status) != 0) {
            return files::errno_error(errno, "read", file);
        }
        // Asked of the size first, so that a caller's generous limit costs no memory.
        const auto size = static_cast<std::uint64_t>(status.st_size);
        if (offset >= size) {
            return std::string();
        }
        return files::read_at(fd->get(), offset, static_cast<std::size_t>(std::min<std::uint64_t>(limit, size - offset)), file);
    }

    Result<std::uint64_t> console_size(const InstanceId& instance) override {
        const std::string file = paths(instance).console;
        struct stat status {};
        if (::stat(file.c_str(), &status) != 0) {
            if (errno == ENOENT) {
                return std::uint64_t{0};
            }
            return files::errno_error(errno, "look at", file);
        }
        return static_cast<std::uint64_t>(status.st_size);
    }

    Result<void> mark_boot(const InstanceId& instance) override {
        const std::uint64_t size = AMIVIRT_TRY(console_size(instance));
        return files::replace(boot_mark(instance), fmt::format("{}\n", size), k_private_mode, files::Durable::no);
    }

    Result<std::uint64_t> boot_offset(const InstanceId& instance) override {
        const std::string file = boot_mark(instance);
        const Result<files::FileDescriptor> fd = files::open(file, O_RDONLY | O_NOFOLLOW);
        if (!fd) {
            return errno == ENOENT ? Result<std::uint64_t>(std::uint64_t{0}) : Result<std::uint64_t>(fd.error());
        }
        constexpr std::size_t k_longest = 32;
        const std::string text = AMIVIRT_TRY(files::read_at(fd->get(), 0, k_longest, file));
        std::uint64_t offset = 0;
        std::from_chars(text.data(), text.data() + text.size(), offset);  // what is no number, as a power loss leaves it, is 0
        // virtlogd begins a console anew when it has grown too long.
        return offset <= AMIVIRT_TRY(console_size(instance)) ? offset : std::uint64_t{0};
    }

    Result<Bytes> allocated(const InstanceId& instance) override {
        Bytes total;
        AMIVIRT_TRY(each(folder(instance), [&](const std::string& name) {
            struct stat status {};
            if (::lstat(fmt::format("{}/{}", folder(instance), name).c_str(), &status) == 0) {
                total = total + files::allocated(status);
            }
        }));
        return total;
    }

    Result<std::vector<InstanceId>> list() override {
        std::vector<InstanceId> result;
        AMIVIRT_TRY(each(folder_, [&](const std::string& name) {
            if (auto id = InstanceId::parse(name)) {
                result.push_back(std::move(*id));
            }
        }));
        std::sort(result.begin(), result.end());
        return result;
    }

private:
    [[nodiscard]] std::string folder(const InstanceId& instance) const { return folder_ + "/" + instance.str(); }

    [[nodiscard]] std::string boot_mark(const InstanceId& instance) const { return folder(instance) + "/boot"; }

    /// Names in a folder; an absent one has none.
    template <class Visit>
    static Result<void> each(const std::string& path, Visit&& visit) {
        const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(path.c_str()), ::closedir);
        if (!stream) {
            if (errno == ENOENT) {
                return {};
            }
            return files::errno_error(errno, "list", path);
        }
        errno = 0;
        while (const dirent* entry = ::readdir(stream.get())) {
            const std::string name(entry->d_name);
            if (name != "." && name != "..") {
                visit(name);
            }
            errno = 0;
        }
        if (errno != 0) {
            return files::errno_error(errno, "list", path);
        }
        return {};
    }

    std::string folder_;
};

}  // namespace

std::unique_ptr<InstanceFiles> make_instance_files(const std::string& instances_folder) {
    return std::make_unique<InstanceFolders>(instances_folder);
}

}  // namespace amivirt
