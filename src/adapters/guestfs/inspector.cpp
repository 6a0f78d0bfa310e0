#include "adapters/guestfs/inspector.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <deque>
#include <future>
#include <optional>
#include <thread>

#include "adapters/guestfs/appliance.hpp"
#include "adapters/guestfs/boot_facts.hpp"
#include "adapters/guestfs/children.hpp"
#include "adapters/guestfs/handles.hpp"
#include "adapters/guestfs/os_release.hpp"
#include "adapters/guestfs/workspace.hpp"
#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt {

namespace {

using namespace guestfs;

constexpr int k_memory_mib = 512;  // libguestfs's appliance wants little; the file systems of a hostile disk may want more
constexpr auto k_watch = std::chrono::milliseconds(50);
constexpr std::size_t k_kept_messages = 40;
constexpr int k_os_release_bytes = 16 * 1024;
constexpr std::size_t k_max_folders = 256;  // of an EFI system partition
constexpr std::uint64_t k_cache_bytes = 500ULL << 20U;

/// What libguestfs, supermin and QEMU say while they work: to the log, and kept for the error if there is one.
class Messages {
public:
    explicit Messages(Log& log) : log_(log) {}

    void add(std::string_view text) {
        while (!text.empty()) {
            const std::size_t end = text.find_first_of("\r\n");
            add_line(text.substr(0, end));
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        }
    }

    /// The last line that tells of a failure of a program, or "".
    [[nodiscard]] std::string complaint() {
        auto lines = lines_.lock();
        const auto found = std::find_if(lines->rbegin(), lines->rend(), [](const std::string& line) {
            for (const char* word : {"supermin: ", "qemu-system-", "qemu-img: ", "cp: ", "No space left", "ermission denied"}) {
                if (line.find(word) != std::string::npos) {
                    return true;
                }
            }
            return false;
        });
        return found == lines->rend() ? std::string() : files::printable(*found);
    }

private:
    void add_line(std::string_view line) {
        if (line.find_first_not_of(" \t") == std::string_view::npos) {
            return;
        }
        log_.write(LogLevel::debug, "guestfs", std::string(line));
        auto lines = lines_.lock();
        lines->emplace_back(line.substr(0, 1000));
        if (lines->size() > k_kept_messages) {
            lines->pop_front();
        }
    }

    Log& log_;
    Sync<std::deque<std::string>> lines_;
};

void on_message(guestfs_h* /*handle*/, void* opaque, std::uint64_t /*event*/, int /*event_handle*/, int /*flags*/, const char* text,
                std::size_t size, const std::uint64_t* /*array*/, std::size_t /*array_size*/) {
    try {
        static_cast<Messages*>(opaque)->add({text, size});
    } catch (...) {  // called from C
    }
}

/// The library's last error, up to where it starts to advise on debugging.
std::string last_error(guestfs_h* handle) {
    const char* text = guestfs_last_error(handle);
    const std::string_view all = text == nullptr ? "no reason given" : text;
    return files::printable(all.substr(0, all.find('\n')));
}

ApplianceHost appliance_host(guestfs_h* handle) {
    ApplianceHost host;
    const char* folders = guestfs_get_path(handle);
    const std::string path = folders == nullptr ? "" : folders;
    for (std::size_t at = 0; at <= path.size();) {
        const std::size_t colon = std::min(path.find(':', at), path.size());
        if (colon > at) {
            host.library_path.push_back(path.substr(at, colon - at));
        }
        at = colon + 1;
    }
    host.hypervisor = take(guestfs_get_hv(handle));
    if (const char* kernel = std::getenv("SUPERMIN_KERNEL"); kernel != nullptr) {
        host.kernel = kernel;
    }
    return host;
}

/// The environment (LIBGUESTFS_PATH, LIBGUESTFS_HV, ...) counts as for any other program that uses libguestfs.
HandlePtr open_handle() {
    HandlePtr handle(guestfs_create_flags(GUESTFS_CREATE_NO_ENVIRONMENT | GUESTFS_CREATE_NO_CLOSE_ON_EXIT));
    if (handle) {
        guestfs_set_error_handler(handle.get(), nullptr, nullptr);  // quiet: errors are asked for
        guestfs_parse_environment(handle.get());
    }
    return handle;
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

std::string known(const std::string& text) { return text == "unknown" ? std::string() : text; }

std::optional<Architecture> architecture_of(std::string_view word) {
    if (word == "x86_64") {
        return Architecture::x86_64;
    }
    if (word == "i386") {
        return Architecture::i386;
    }
    if (word == "aarch64") {
        return Architecture::arm64;
    }
    return std::nullopt;
}

/// As the distribution itself writes it: Ubuntu 22.04 comes as 22 and 4.
std::string version_of(int major, int minor, std::string_view distribution) {
    if (major <= 0 && minor <= 0) {
        return {};
    }
    if (distribution == "ubuntu") {
        return fmt::format("{}.{:02}", major, minor);
    }
    return minor > 0 ? fmt::format("{}.{}", major, minor) : fmt::format("{}", major);
}

/// One disk in one appliance. Runs on a thread of its own, so that everything that thread forked is libguestfs's.
class Session {
public:
    Session(const GuestfsOptions& options, Accelerator accelerator, const Workspace& workspace, const DiskSource& disk)
        : options_(options), accelerator_(accelerator), workspace_(workspace), disk_(disk), messages_(options.log) {}

    Result<Inspection> run() {
        handle_ = open_handle();
        if (!handle_) {
            return Error(Code::tool_missing, "libguestfs cannot be initialised");
        }
        AMIVIRT_TRY(launch());
        fault_point("guestfs.launched");
        Inspection result = AMIVIRT_TRY(look());
        // What was written is our overlay's, which goes: no need to let the guest flush it.
        handle_.reset();
        return result;
    }

private:
    guestfs_h* g() const { return handle_.get(); }

    Result<void> launch() {
        guestfs_set_event_callback(
            g(), on_message, GUESTFS_EVENT_LIBRARY | GUESTFS_EVENT_APPLIANCE | GUESTFS_EVENT_WARNING | GUESTFS_EVENT_TRACE, 0, &messages_);
        if (!options_.cachedir.empty()) {
            AMIVIRT_TRY(files::make_folders(options_.cachedir, 0700));
            guestfs_set_cachedir(g(), options_.cachedir.c_str());
        }
        guestfs_set_tmpdir(g(), workspace_.path().c_str());
        guestfs_set_backend(g(), "direct");
        if (accelerator_ == Accelerator::tcg) {
            guestfs_set_backend_setting(g(), "force_tcg", "1");
        }
        guestfs_set_memsize(g(), k_memory_mib);
        cachedir_ = take(guestfs_get_cachedir(g()));
        sweep_cache(cachedir_);
        struct guestfs_add_drive_opts_argv drive {};
        drive.bitmask = GUESTFS_ADD_DRIVE_OPTS_READONLY_BITMASK | GUESTFS_ADD_DRIVE_OPTS_FORMAT_BITMASK;
        drive.readonly = 1;
        drive.format = disk_.format.c_str();
        if (guestfs_add_drive_opts_argv(g(), disk_.location.c_str(), &drive) != 0) {
            return Error(Code::tool_failed, fmt::format("libguestfs cannot open the disk \"{}\": {}", disk_.location, last_error(g())));
        }
        if (guestfs_launch(g()) != 0) {
            return launch_error();
        }
        return {};
    }

    Error launch_error() {
        std::string why = last_error(g());
        const std::string complaint = messages_.complaint();
        if (!complaint.empty() && why.find(complaint) == std::string::npos) {
            why += fmt::format(" ({})", complaint);
        }
        // The disk enters the appliance's command line, so a bad one looks like a bad start.
        if (why.find("qemu-img") != std::string::npos || why.find(disk_.location) != std::string::npos) {
            return {Code::tool_failed, fmt::format("libguestfs cannot open the disk \"{}\": {}", disk_.location, why)};
        }
        const ApplianceState state = examine_appliance(appliance_host(g()));
        if (!state.usable) {
            return {Code::tool_missing, fmt::format("libguestfs cannot start its appliance: {}: {}", state.detail, why), state.remedy};
        }
        struct statvfs space {};
        for (const std::string& folder : {cachedir_, workspace_.path()}) {
            if (::statvfs(folder.c_str(), &space) == 0 && std::uint64_t{space.f_bavail} * space.f_frsize < k_cache_bytes) {
                return {Code::tool_missing,
                        fmt::format("libguestfs cannot start its appliance: \"{}\" has hardly any free space: {}", folder, why),
                        fmt::format("make room in \"{}\"", folder)};
            }
        }
        return {Code::tool_missing, fmt::format("libguestfs cannot start its appliance: {}", why),
                "libguestfs-test-tool shows more; --no-inspect does without"};
    }

    /// "Not found" and "not readable" of the disk's insides are answers; only the appliance's end is an error.
    Result<Inspection> look() {
        Inspection result;
        look_at_system(result);
        AMIVIRT_TRY(still_there());
        look_at_booting(result);
        AMIVIRT_TRY(still_there());
        return result;
    }

    Result<void> still_there() {
        const std::string why = last_error(g());
        if (guestfs_ping_daemon(g()) != 0) {
            return Error(Code::tool_failed,
                         fmt::format("libguestfs broke off while it looked at the disk \"{}\": {}", disk_.location, why));
        }
        return {};
    }

    void look_at_system(Inspection& result) {
        const std::vector<std::string> roots = take(guestfs_inspect_os(g()));
        if (roots.empty()) {
            return;
        }
        const char* root = roots.front().c_str();
        result.platform = known(take(guestfs_inspect_get_type(g(), root)));
        result.distribution = known(take(guestfs_inspect_get_distro(g(), root)));
        result.product_name = known(take(guestfs_inspect_get_product_name(g(), root)));
        result.architecture = architecture_of(take(guestfs_inspect_get_arch(g(), root)));
        result.version =
            version_of(guestfs_inspect_get_major_version(g(), root), guestfs_inspect_get_minor_version(g(), root), result.distribution);
        read_os_release(root, result);
    }

    /// The name a distribution gives itself (libguestfs has "12.5" for Debian), and what it is where libguestfs does not know it.
    void read_os_release(const char* root, Inspection& result) {
        if (guestfs_mount_ro(g(), root, "/") != 0) {
            return;
        }
        std::size_t size = 0;
        const CString text(guestfs_pread(g(), "/etc/os-release", k_os_release_bytes, 0, &size));
        guestfs_umount_all(g());
        if (!text) {
            return;
        }
        const OsRelease words = parse_os_release({text.get(), size});
        if (!words.pretty_name.empty()) {
            result.product_name = words.pretty_name;
        }
        if (result.distribution.empty()) {
            result.distribution = words.id;
        }
    }

    void look_at_booting(Inspection& result) {
        const std::vector<std::string> devices = take(guestfs_list_devices(g()));
        if (devices.empty()) {
            return;
        }
        const char* device = devices.front().c_str();
        std::size_t size = 0;
        const CString sector(guestfs_pread_device(g(), device, 512, 0, &size));
        const std::string type = take(guestfs_part_get_parttype(g(), device));
        const TableType table = type == "gpt" ? TableType::gpt : (type == "msdos" ? TableType::mbr : TableType::none);
        const std::vector<PartitionFacts> partitions = partitions_of(device, table);
        result.boots_bios = sector && boots_bios({sector.get(), size}, table, partitions);
        for (const PartitionFacts& partition : partitions) {
            result.boots_uefi = result.boots_uefi || (is_efi_system(partition) && has_loader(partition.device));
        }
    }

    std::vector<PartitionFacts> partitions_of(const char* device, TableType table) {
        std::vector<PartitionFacts> result;
        if (table == TableType::none) {
            return result;
        }
        for (std::string& name : take(guestfs_list_partitions(g()))) {
            const int number = guestfs_part_to_partnum(g(), name.c_str());
            if (number < 1 || take(guestfs_part_to_dev(g(), name.c_str())) != device) {
                continue;
            }
            PartitionFacts facts;
            facts.device = std::move(name);
            if (table == TableType::gpt) {
                facts.gpt_type = upper(take(guestfs_part_get_gpt_type(g(), device, number)));
                const std::int64_t attributes = guestfs_part_get_gpt_attributes(g(), device, number);
                facts.legacy_boot = attributes >= 0 && (attributes & 4) != 0;
            } else {
                facts.mbr_type = std::max(guestfs_part_get_mbr_id(g(), device, number), 0);
            }
            result.push_back(std::move(facts));
        }
        return result;
    }

    /// EFI/*/*.efi, of which EFI/BOOT/BOOTX64.EFI is what firmware finds by itself.
    bool has_loader(const std::string& partition) {
        guestfs_umount_all(g());
        if (guestfs_mount_ro(g(), partition.c_str(), "/") != 0) {
            return false;
        }
        const std::string efi = take(guestfs_case_sensitive_path(g(), "/EFI"));
        std::vector<std::string> folders = efi.empty() ? std::vector<std::string>{} : take(guestfs_ls(g(), efi.c_str()));
        folders.resize(std::min(folders.size(), k_max_folders));
        const bool found = std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
            const std::vector<std::string> names = take(guestfs_ls(g(), fmt::format("{}/{}", efi, folder).c_str()));
            return std::any_of(names.begin(), names.end(), [](const std::string& name) { return upper(name).ends_with(".EFI"); });
        });
        guestfs_umount_all(g());
        return found;
    }

    const GuestfsOptions& options_;
    Accelerator accelerator_;
    const Workspace& workspace_;
    const DiskSource& disk_;
    Messages messages_;
    std::string cachedir_;
    HandlePtr handle_;  // last: closing it may still send messages
};

/// libguestfs puts its sockets for root into /tmp, and no call tells where; QEMU's command line does.
void note_sockets(Workspace& workspace, pid_t tid) {
    constexpr std::string_view k_socket = "/guestfsd.sock";
    for (const pid_t pid : children_of(tid)) {
        for (const std::string& argument : arguments_of(pid)) {
            const std::size_t end = argument.find(k_socket);
            const std::size_t begin = argument.find("path=");
            if (end != std::string::npos && begin < end) {
                workspace.note_outside(argument.substr(begin + 5, end - begin - 5));
            }
        }
    }
}

class GuestfsInspector final : public ImageInspector {
public:
    explicit GuestfsInspector(GuestfsOptions options) : options_(std::move(options)) {}

    Result<Inspection> inspect(const DiskSource& disk) override {
        check_interrupt();
        const Accelerator accelerator = options_.accelerator ? options_.accelerator() : Accelerator::tcg;
        Workspace workspace = AMIVIRT_TRY(Workspace::make(options_.tmpdir));
        fault_point("guestfs.workspace");
        std::promise<Result<Inspection>> promise;
        auto answer = promise.get_future();
        std::atomic<pid_t> tid{0};
        std::jthread thread([&] {
            tid = ::gettid();
            promise.set_value(work(accelerator, workspace, disk));
        });

        const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
        bool late = false;
        while (answer.wait_for(k_watch) != std::future_status::ready) {
            note_sockets(workspace, tid);
            late = late || std::chrono::steady_clock::now() > deadline;
            if (late || pending_interrupt() != 0) {
                kill_children_of(tid);  // again each time: the library may be on its way to the next
            }
        }
        thread.join();
        Result<Inspection> result = answer.get();
        if (!result) {
            check_interrupt();
            if (late) {
                return Error(Code::timed_out, fmt::format("libguestfs did not finish looking at the disk \"{}\" within {} s", disk.location,
                                                          std::chrono::duration_cast<std::chrono::seconds>(options_.timeout).count()));
            }
        }
        return result;
    }

private:
    Result<Inspection> work(Accelerator accelerator, const Workspace& workspace, const DiskSource& disk) const noexcept {
        try {
            tie_children_to_this_thread();
            sigset_t pipe;
            sigemptyset(&pipe);
            sigaddset(&pipe, SIGPIPE);
            pthread_sigmask(SIG_BLOCK, &pipe, nullptr);  // an appliance that ends while it is written to is an error, not our end
            return Session(options_, accelerator, workspace, disk).run();
        } catch (const std::exception& error) {
            return Error(Code::tool_failed, fmt::format("inspecting the disk \"{}\" failed: {}", disk.location, error.what()));
        }
    }

    GuestfsOptions options_;
};

class GuestfsHealth final : public HealthCheck {
public:
    std::vector<Finding> check() override {
        const HandlePtr handle = open_handle();
        if (!handle) {
            return {{"libguestfs", Health::warning, "cannot be initialised", "apt-get install --reinstall libguestfs0"}};
        }
        const std::unique_ptr<struct guestfs_version, Free<guestfs_free_version>> version(guestfs_version(handle.get()));
        const std::string number =
            version ? fmt::format("{}.{}.{}", version->major, version->minor, version->release) : std::string("unknown");
        const ApplianceState state = examine_appliance(appliance_host(handle.get()));
        if (!state.usable) {
            return {{"libguestfs", Health::warning, fmt::format("{}, but images are imported without inspection: {}", number, state.detail),
                     state.remedy}};
        }
        return {{"libguestfs", Health::ok, fmt::format("{}, appliance {}", number, state.detail), ""}};
    }
};

}  // namespace

std::unique_ptr<ImageInspector> make_guestfs_inspector(GuestfsOptions options) {
    return std::make_unique<GuestfsInspector>(std::move(options));
}

std::unique_ptr<HealthCheck> make_guestfs_health() { return std::make_unique<GuestfsHealth>(); }

Result<void> sweep_guestfs(const std::string& tmpdir) { return guestfs::sweep(tmpdir); }

}  // namespace amivirt
