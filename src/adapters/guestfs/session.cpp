#include "adapters/guestfs/session.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <exception>
#include <future>
#include <thread>

#include "adapters/guestfs/children.hpp"
#include "adapters/guestfs/workspace.hpp"
#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt::guestfs {

namespace {

constexpr int k_memory_mib = 512;  // libguestfs's appliance wants little; the file systems of a hostile disk may want more
constexpr auto k_watch = std::chrono::milliseconds(50);
constexpr std::size_t k_kept_messages = 40;
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

/// Runs on a thread of its own.
class Appliance final : public Session {
public:
    Appliance(const GuestfsOptions& options, Accelerator accelerator, const Workspace& workspace, const Job& job)
        : options_(options), accelerator_(accelerator), workspace_(workspace), job_(job), messages_(options.log) {}

    Result<void> run(const std::function<Result<void>(Session&)>& body) {
        handle_ = open_handle();
        if (!handle_) {
            return Error(Code::tool_missing, "libguestfs cannot be initialised");
        }
        AMIVIRT_TRY(launch());
        fault_point("guestfs.launched");
        AMIVIRT_TRY(body(*this));
        // What was written to a read-only drive is an overlay's, which goes: no need to let the guest flush it.
        if (job_.access == DriveAccess::read_write && (guestfs_umount_all(g()) != 0 || guestfs_shutdown(g()) != 0)) {
            return Error(Code::tool_failed,
                         fmt::format("libguestfs did not write all to the disk \"{}\": {}", job_.disk.location, last_error(g())));
        }
        handle_.reset();
        return {};
    }

    [[nodiscard]] guestfs_h* g() const override { return handle_.get(); }

    Result<void> still_there() override {
        const std::string why = last_error(g());
        if (guestfs_ping_daemon(g()) != 0) {
            return Error(Code::tool_failed,
                         fmt::format("libguestfs broke off while the disk \"{}\" was {}: {}", job_.disk.location, job_.done, why));
        }
        return {};
    }

    [[nodiscard]] const std::string& folder() const override { return workspace_.path(); }

private:
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
        drive.readonly = job_.access == DriveAccess::read_only ? 1 : 0;
        drive.format = job_.disk.format.c_str();
        if (guestfs_add_drive_opts_argv(g(), job_.disk.location.c_str(), &drive) != 0) {
            return Error(Code::tool_failed, fmt::format("libguestfs cannot open the disk \"{}\": {}", job_.disk.location, last_error(g())));
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
        if (why.find("qemu-img") != std::string::npos || why.find(job_.disk.location) != std::string::npos) {
            return {Code::tool_failed, fmt::format("libguestfs cannot open the disk \"{}\": {}", job_.disk.location, why)};
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
        return {Code::tool_missing, fmt::format("libguestfs cannot start its appliance: {}", why), job_.hint};
    }

    const GuestfsOptions& options_;
    Accelerator accelerator_;
    const Workspace& workspace_;
    const Job& job_;
    Messages messages_;
    std::string cachedir_;
    HandlePtr handle_;  // last: closing it may still send messages
};

}  // namespace

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

HandlePtr open_handle() {
    HandlePtr handle(guestfs_create_flags(GUESTFS_CREATE_NO_ENVIRONMENT | GUESTFS_CREATE_NO_CLOSE_ON_EXIT));
    if (handle) {
        guestfs_set_error_handler(handle.get(), nullptr, nullptr);  // quiet: errors are asked for
        guestfs_parse_environment(handle.get());
    }
    return handle;
}

Result<void> in_appliance(const GuestfsOptions& options, const Job& job, const std::function<Result<void>(Session&)>& body) {
    check_interrupt();
    const Accelerator accelerator = options.accelerator ? options.accelerator() : Accelerator::tcg;
    Workspace workspace = AMIVIRT_TRY(Workspace::make(options.tmpdir));
    fault_point("guestfs.workspace");
    std::promise<Result<void>> promise;
    auto answer = promise.get_future();
    std::atomic<pid_t> tid{0};
    std::jthread thread([&] {
        tid = ::gettid();
        try {
            tie_children_to_this_thread();
            sigset_t pipe;
            sigemptyset(&pipe);
            sigaddset(&pipe, SIGPIPE);
            pthread_sigmask(SIG_BLOCK, &pipe, nullptr);  // an appliance that ends while it is written to is an error, not our end
            promise.set_value(Appliance(options, accelerator, workspace, job).run(body));
        } catch (...) {
            promise.set_exception(std::current_exception());
        }
    });

    const auto deadline = std::chrono::steady_clock::now() + options.timeout;
    bool late = false;
    while (answer.wait_for(k_watch) != std::future_status::ready) {
        note_sockets(workspace, tid);
        late = late || std::chrono::steady_clock::now() > deadline;
        if (late || pending_interrupt() != 0) {
            kill_children_of(tid);  // again each time: the library may be on its way to the next
        }
    }
    thread.join();
    Result<void> result;
    try {
        result = answer.get();
    } catch (const std::exception& error) {
        result = Error(Code::tool_failed, fmt::format("libguestfs failed with the disk \"{}\": {}", job.disk.location, error.what()));
    }
    if (!result) {
        check_interrupt();
        if (late) {
            return Error(Code::timed_out, fmt::format("libguestfs did not finish with the disk \"{}\" within {} s", job.disk.location,
                                                      std::chrono::duration_cast<std::chrono::seconds>(options.timeout).count()));
        }
    }
    return result;
}

}  // namespace amivirt::guestfs
