#include "adapters/process/process_runner.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "adapters/common/files.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

using files::FileDescriptor;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t k_output_limit = std::size_t{16} << 20U;
constexpr std::size_t k_errors_limit = std::size_t{64} << 10U;
constexpr std::size_t k_piece = std::size_t{64} << 10U;
/// How long a signal that another thread took may go unnoticed.
constexpr std::chrono::milliseconds k_tick{100};

struct Pipe {
    FileDescriptor read_end;
    FileDescriptor write_end;
};

Error system_error(int error_number, std::string_view doing, const std::string& program) {
    return Error(Code::io_error, fmt::format("Cannot {} \"{}\": {}.", doing, program, std::generic_category().message(error_number)));
}

/// Above 2, so that the child's dup2 onto 0, 1 and 2 cannot overwrite it even if we were started without them.
FileDescriptor above_standard(int fd) {
    if (fd < 0 || fd > 2) {
        return FileDescriptor(fd);
    }
    const FileDescriptor low(fd);
    return FileDescriptor(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

Result<Pipe> make_pipe(const std::string& program) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return system_error(errno, "make a pipe for", program);
    }
    Pipe pipe{above_standard(ends[0]), above_standard(ends[1])};
    if (!pipe.read_end || !pipe.write_end) {
        return system_error(errno, "make a pipe for", program);
    }
    return pipe;
}

bool is_program(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

/// Looked up here and not in the child, where only async-signal-safe calls are allowed.
Result<std::string> find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) {
        if (is_program(name)) {
            return name;
        }
        return Error(Code::tool_missing, fmt::format("There is no program \"{}\".", name));
    }
    const char* variable = std::getenv("PATH");
    std::string_view path = variable != nullptr ? variable : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    while (!name.empty()) {
        const auto colon = path.find(':');
        const std::string_view folder = path.substr(0, colon);
        const std::string candidate = fmt::format("{}/{}", folder.empty() ? "." : folder, name);
        if (is_program(candidate)) {
            return candidate;
        }
        if (colon == std::string_view::npos) {
            break;
        }
        path.remove_prefix(colon + 1);
    }
    return Error(Code::tool_missing, fmt::format("The program \"{}\" was not found in PATH.", name));
}

std::vector<std::string> merged_environment(const std::vector<std::pair<std::string, std::string>>& added) {
    std::vector<std::string> entries;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const bool replaced = std::any_of(added.begin(), added.end(), [&](const auto& pair) {
            return text.size() > pair.first.size() && text.starts_with(pair.first) && text[pair.first.size()] == '=';
        });
        if (!replaced) {
            entries.emplace_back(text);
        }
    }
    for (const auto& [name, value] : added) {
        entries.push_back(fmt::format("{}={}", name, value));
    }
    return entries;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (std::string& text : strings) {
        result.push_back(text.data());
    }
    result.push_back(nullptr);
    return result;
}

/// All the child needs, made before the fork: after it there is no malloc.
struct Plan {
    std::string program;
    std::vector<std::string> argv;
    std::vector<std::string> environment;
    std::vector<char*> argv_pointers;
    std::vector<char*> environment_pointers;
    std::string directory;
    std::array<std::pair<__rlimit_resource, rlimit>, 4> limits{};
    std::size_t limit_count = 0;
    int null_fd = -1;
    int output_fd = -1;
    int errors_fd = -1;
    int status_fd = -1;
    int go_fd = -1;
    pid_t parent = -1;

    void limit(__rlimit_resource resource, std::uint64_t value) noexcept { limits[limit_count++] = {resource, {value, value}}; }
};

/// What the child tells over the status pipe when it could not become the program.
struct ChildFailure {
    int error_number = 0;
    int in_directory = 0;
};

[[noreturn]] void become(const Plan& plan) noexcept {
    ChildFailure failure;
    ::setpgid(0, 0);
    // The kernel kills us with the thread that forked; that thread waits for us, so it ends early only with the whole process.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Not before the guard is there: were we killed in between, what the program had started by then would live on.
    char go = 0;
    if (::getppid() != plan.parent || ::read(plan.go_fd, &go, 1) != 1) {
        ::_exit(127);
    }
    struct sigaction normal {};
    normal.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) {
        ::sigaction(number, &normal, nullptr);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    bool ready = ::dup2(plan.null_fd, 0) == 0 && ::dup2(plan.output_fd, 1) == 1 && ::dup2(plan.errors_fd, 2) == 2;
    for (std::size_t i = 0; ready && i < plan.limit_count; ++i) {
        ready = ::setrlimit(plan.limits[i].first, &plan.limits[i].second) == 0;
    }
    if (ready && !plan.directory.empty() && ::chdir(plan.directory.c_str()) != 0) {
        failure.in_directory = 1;
        ready = false;
    }
    if (ready) {
        // What we were started with, or a library of ours opened without thinking of children; an old kernel says no.
        ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
        ::execve(plan.program.c_str(), plan.argv_pointers.data(), plan.environment_pointers.data());
    }
    failure.error_number = errno;
    [[maybe_unused]] const ssize_t told = ::write(plan.status_fd, &failure, sizeof failure);
    ::_exit(127);
}

/// Waits for the end of the lifeline, which is our end, and kills the group: the kernel's own death signal reaches the child, but not
/// what the child has started (a recipe's tools would write into a store that has been tidied up meanwhile).
[[noreturn]] void watch_over(int lifeline, pid_t group) noexcept {
    ::setpgid(0, 0);
    // Everything else, locks above all, must not outlive the process because of us.
    if (::dup2(lifeline, 0) != 0 || ::syscall(SYS_close_range, 1U, ~0U, 0U) != 0) {
        for (int fd = 1; fd < 4096; ++fd) {
            ::close(fd);
        }
    }
    char nothing = 0;
    while (::read(0, &nothing, 1) < 0 && errno == EINTR) {
    }
    ::kill(-group, SIGKILL);
    ::_exit(0);
}

class Guard {
public:
    /// Called with all signals blocked. Without a guard (no pipe, no process left) the child itself still dies with us.
    void start(pid_t group) noexcept {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
            return;
        }
        const FileDescriptor read_end(ends[0]);
        lifeline_.reset(ends[1]);
        pid_ = ::fork();
        if (pid_ == 0) {
            watch_over(read_end.get(), group);
        }
    }
    /// Before the group's number is given back, since a guard would take its successor for the group.
    void end() noexcept {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
        pid_ = -1;
    }

private:
    FileDescriptor lifeline_;
    pid_t pid_ = -1;
};

/// Kills the whole group and reaps the child unless that was done; so no way out of run() leaves one behind.
class Child {
public:
    explicit Child(pid_t pid) : pid_(pid), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) { guard_.start(pid); }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() { end(); }

    /// -1 where the kernel has none; then one must ask has_exited() now and then.
    [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }

    [[nodiscard]] bool has_exited() const noexcept {
        siginfo_t info{};
        return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
    }

    /// The group is killed while the unreaped child still owns its number.
    int end() noexcept {
        if (pid_ <= 0) {
            return status_;
        }
        guard_.end();
        ::kill(-pid_, SIGKILL);
        int raw = 0;
        pid_t waited = -1;
        do {
            waited = ::waitpid(pid_, &raw, 0);
        } while (waited < 0 && errno == EINTR);
        status_ = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
        pid_ = -1;
        return status_;
    }

private:
    pid_t pid_;
    FileDescriptor pidfd_;
    Guard guard_;
    int status_ = 0;
};

/// One of the child's streams, read without waiting.
class Stream {
public:
    explicit Stream(FileDescriptor fd) : fd_(std::move(fd)) { ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) | O_NONBLOCK); }

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// Passes on what is there, up to `pieces` reads; closes itself at the end.
    template <class Sink>
    void drain(std::vector<char>& buffer, std::size_t pieces, Sink&& sink) {
        for (; fd_ && pieces > 0; --pieces) {
            const ssize_t count = ::read(fd_.get(), buffer.data(), buffer.size());
            if (count > 0) {
                sink(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
            } else if (count < 0 && errno == EINTR) {
                continue;
            } else if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                return;
            } else {
                fd_.reset();
            }
        }
    }

private:
    FileDescriptor fd_;
};

class ForkingRunner final : public ProcessRunner {
public:
    Result<CommandResult> run(const Command& command) override;

private:
    static Result<Plan> make_plan(const Command& command);
    static Result<CommandResult> attend(const Command& command, Child& child, Stream& output, Stream& errors);
};

Result<Plan> ForkingRunner::make_plan(const Command& command) {
    if (command.argv.empty()) {
        return Error(Code::internal_error, "A command without words was to be run.");
    }
    Plan plan;
    plan.program = AMIVIRT_TRY(find_program(command.argv.front()));
    plan.argv = command.argv;
    plan.environment = merged_environment(command.environment);
    plan.directory = command.directory;
    plan.limit(RLIMIT_CORE, 0);
    if (command.memory_limit) {
        plan.limit(RLIMIT_AS, command.memory_limit->count);
    }
    if (command.file_size_limit) {
        plan.limit(RLIMIT_FSIZE, command.file_size_limit->count);
    }
    if (command.cpu_limit) {
        plan.limit(RLIMIT_CPU, static_cast<std::uint64_t>(std::max<Duration::rep>(1, (command.cpu_limit->count() + 999) / 1000)));
    }
    plan.parent = ::getpid();
    return plan;
}

Result<CommandResult> ForkingRunner::run(const Command& command) {
    check_interrupt();
    Plan plan = AMIVIRT_TRY(make_plan(command));
    plan.argv_pointers = pointers(plan.argv);
    plan.environment_pointers = pointers(plan.environment);

    const FileDescriptor null_fd = above_standard(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!null_fd) {
        return files::errno_error(errno, "open", "/dev/null");
    }
    Pipe output = AMIVIRT_TRY(make_pipe(plan.program));
    Pipe errors = AMIVIRT_TRY(make_pipe(plan.program));
    Pipe status = AMIVIRT_TRY(make_pipe(plan.program));
    Pipe go = AMIVIRT_TRY(make_pipe(plan.program));
    plan.null_fd = null_fd.get();
    plan.output_fd = output.write_end.get();
    plan.errors_fd = errors.write_end.get();
    plan.status_fd = status.write_end.get();
    plan.go_fd = go.read_end.get();

    // No handler of ours may run in the child, which still shares our terminal's signals until it has its own group.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = ::fork();
    if (pid == 0) {
        become(plan);
    }
    if (pid < 0) {
        const int fork_error = errno;
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return system_error(fork_error, "start", plan.program);
    }
    ::setpgid(pid, pid);  // also done by the child: whoever comes first
    Child child(pid);
    [[maybe_unused]] const ssize_t gone = ::write(go.write_end.get(), "", 1);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    output.write_end.reset();
    errors.write_end.reset();
    status.write_end.reset();

    ChildFailure failure;
    ssize_t told = 0;
    do {
        told = ::read(status.read_end.get(), &failure, sizeof failure);
    } while (told < 0 && errno == EINTR);
    if (told == static_cast<ssize_t>(sizeof failure)) {
        return failure.in_directory != 0 ? system_error(failure.error_number, "enter the folder", plan.directory)
                                         : system_error(failure.error_number, "start", plan.program);
    }

    Stream output_stream(std::move(output.read_end));
    Stream errors_stream(std::move(errors.read_end));
    return attend(command, child, output_stream, errors_stream);
}

Result<CommandResult> ForkingRunner::attend(const Command& command, Child& child, Stream& output, Stream& errors) {
    const SteadyTime deadline = std::chrono::steady_clock::now() + command.timeout;
    CommandResult result;
    std::vector<char> buffer(k_piece);
    const auto take_output = [&](std::string_view piece) {
        if (command.on_output) {
            command.on_output(piece);
        } else {
            result.output.append(piece.substr(0, k_output_limit - std::min(k_output_limit, result.output.size())));
        }
    };
    const auto take_errors = [&](std::string_view piece) {
        result.errors.append(piece);
        if (result.errors.size() > 2 * k_errors_limit) {
            result.errors.erase(0, result.errors.size() - k_errors_limit);
        }
    };
    for (;;) {
        check_interrupt();
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            child.end();
            return Error(Code::timed_out, fmt::format("\"{}\" did not end within {} ms and was killed.", fmt::join(command.argv, " "),
                                                      command.timeout.count()));
        }
        std::array<pollfd, 3> waiting{{{output.fd(), POLLIN, 0}, {errors.fd(), POLLIN, 0}, {child.pidfd(), POLLIN, 0}}};
        const auto tick = child.pidfd() >= 0 ? k_tick : k_tick / 5;
        const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min(left, tick).count()));
        if (ready < 0 && errno != EINTR) {
            return system_error(errno, "wait for", command.argv.front());
        }
        // Asked before the streams are read: what it wrote before its end is then all there.
        const bool exited = child.has_exited();
        // A grandchild may keep writing for ever: after the exit only what is there now counts.
        const std::size_t pieces = exited ? 1024 : 16;
        output.drain(buffer, pieces, take_output);
        errors.drain(buffer, pieces, take_errors);
        if (exited) {
            break;
        }
    }
    result.exit_status = child.end();
    if (result.errors.size() > k_errors_limit) {
        result.errors.erase(0, result.errors.size() - k_errors_limit);
    }
    return result;
}

}  // namespace

std::unique_ptr<ProcessRunner> make_process_runner() { return std::make_unique<ForkingRunner>(); }

}  // namespace amivirt
