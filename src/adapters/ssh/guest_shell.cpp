#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <sstream>
#include <system_error>

#include "adapters/common/files.hpp"
#include "adapters/ssh/quoting.hpp"
#include "adapters/ssh/ssh.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/domain/login.hpp"

namespace amivirt {
namespace {

using files::FileDescriptor;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t k_log_limit = std::size_t{1} << 20U;
constexpr std::size_t k_lines_told = 4;
constexpr std::chrono::milliseconds k_tick{100};
constexpr std::chrono::seconds k_grace{2};  ///< for a signal that was passed on
constexpr int k_ssh_failed = 255;
constexpr std::chrono::seconds k_turned_away_patience{10};
constexpr std::chrono::milliseconds k_turned_away_pause{500};

/// A file in memory, that ssh reads or writes by its name under /proc. Whoever kills us leaves nothing behind.
class MemoryFile {
public:
    static Result<MemoryFile> make(const char* name, std::string_view content) {
        MemoryFile file;
        file.fd_.reset(::memfd_create(name, MFD_CLOEXEC));
        if (!file.fd_) {
            return files::errno_error(errno, "make", name);
        }
        AMIVIRT_TRY(files::write_at(file.fd_.get(), content, 0, name));
        return file;
    }
    [[nodiscard]] std::string path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd_.get()); }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] std::string content() const { return files::read_at(fd_.get(), 0, k_log_limit, "ssh's log").value_or(""); }

private:
    FileDescriptor fd_;
};

/// As it was, also if ssh could not put it back.
class TerminalGuard {
public:
    TerminalGuard() : is_terminal_(::tcgetattr(STDIN_FILENO, &before_) == 0) {}
    TerminalGuard(const TerminalGuard&) = delete;
    TerminalGuard& operator=(const TerminalGuard&) = delete;
    ~TerminalGuard() {
        if (is_terminal_ && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp()) {  // from the background it would stop us
            ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
        }
    }

private:
    termios before_{};
    bool is_terminal_;
};

/// Our child, in our process group: the terminal's signals reach it as they reach us.
class Child {
public:
    explicit Child(pid_t pid) noexcept : pid_(pid), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
    }

    void signal(int number) const noexcept { ::kill(pid_, number); }

    /// The exit status once it has ended; nullopt after at most a tick.
    std::optional<int> wait() noexcept {
        pollfd ended{pidfd_.get(), POLLIN, 0};
        ::poll(&ended, 1, static_cast<int>(pidfd_ ? k_tick.count() : k_tick.count() / 5));
        int raw = 0;
        const pid_t found = ::waitpid(pid_, &raw, WNOHANG | WUNTRACED);
        if (found != pid_) {
            return std::nullopt;
        }
        if (WIFSTOPPED(raw)) {  // "~^Z": we go with it, and come back with it
            ::raise(SIGSTOP);
            signal(SIGCONT);
            return std::nullopt;
        }
        pid_ = -1;
        return WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
    }

private:
    pid_t pid_;
    FileDescriptor pidfd_;
};

[[noreturn]] void become(char* const* argv, int errors_fd, int status_fd, pid_t parent) noexcept {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) {
        ::_exit(127);
    }
    struct sigaction normal {};
    normal.sa_handler = SIG_DFL;
    ::sigaction(SIGPIPE, &normal, nullptr);  // the others that we catch are normal again after exec
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (errors_fd < 0 || (::dup2(errors_fd, STDERR_FILENO) >= 0 && ::dup2(errors_fd, STDOUT_FILENO) >= 0)) {
        ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
        ::execvp(argv[0], argv);
    }
    const int failure = errno;
    [[maybe_unused]] const ssize_t told = ::write(status_fd, &failure, sizeof failure);
    ::_exit(127);
}

/// Runs it to its end. An interrupt is passed on and, once it has ended, thrown. `errors_fd`: its stdout and stderr, or -1 for ours.
Result<int> attend(std::vector<std::string> words, int errors_fd, Duration timeout) {
    check_interrupt();
    std::vector<char*> argv;
    for (auto& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return files::errno_error(errno, "start", words.front());
    }
    const FileDescriptor told(ends[0]);
    FileDescriptor telling(ends[1]);
    const TerminalGuard terminal;
    // No handler of ours may run in the child.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
        become(argv.data(), errors_fd, telling.get(), parent);
    }
    const int fork_error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) {
        return files::errno_error(fork_error, "start", words.front());
    }
    Child child(pid);
    telling.reset();
    int failure = 0;
    ssize_t size = 0;
    do {
        size = ::read(told.get(), &failure, sizeof failure);
    } while (size < 0 && errno == EINTR);
    if (size == static_cast<ssize_t>(sizeof failure)) {
        return failure == ENOENT ? Error(Code::tool_missing, fmt::format("The program \"{}\" was not found in PATH.", words.front()),
                                         "install OpenSSH's client")
                                 : files::errno_error(failure, "start", words.front());
    }

    const SteadyTime deadline = timeout.count() > 0 ? std::chrono::steady_clock::now() + timeout : SteadyTime::max();
    std::optional<SteadyTime> killed_at;
    int interrupted_by = 0;
    bool timed_out = false;
    for (;;) {
        const auto status = child.wait();
        if (interrupted_by == 0) {
            interrupted_by = pending_interrupt();
        }
        if (status) {
            if (interrupted_by != 0) {
                throw Interrupted{interrupted_by};
            }
            if (timed_out) {
                return Error(Code::timed_out, fmt::format("it did not end within {} ms", timeout.count()));
            }
            return *status;
        }
        const auto now = std::chrono::steady_clock::now();
        timed_out = timed_out || now >= deadline;
        if ((interrupted_by != 0 || timed_out) && !killed_at) {
            child.signal(interrupted_by != 0 ? interrupted_by : SIGTERM);
            killed_at = now + k_grace;
        } else if (killed_at && now >= *killed_at) {
            child.signal(SIGKILL);
        }
    }
}

/// What ssh says for people, without what it notes for those who look for faults.
std::vector<std::string> words_of(const std::string& log) {
    constexpr std::array<std::string_view, 8> notes{
        "debug1:", "OpenSSH_", "Authenticated to ", "Transferred: ", "Bytes per second", "@", "Warning: ", "Authenticated using"};
    std::vector<std::string> lines;
    std::istringstream stream(log);
    for (std::string line; std::getline(stream, line);) {
        line.erase(line.find_last_not_of(" \t\r") + 1);
        const bool is_note = std::any_of(notes.begin(), notes.end(), [&](std::string_view note) { return line.starts_with(note); });
        if (!line.empty() && !is_note) {
            lines.push_back(files::printable(line));
        }
    }
    if (lines.size() > k_lines_told) {
        lines.erase(lines.begin(), lines.end() - k_lines_told);
    }
    return lines;
}

struct Ended {
    int status = 0;
    std::string said;  ///< by ssh itself
};

/// The server hung up before a word: a busy one does so while it holds as many new connections as it takes. Nothing was begun, and our
/// standard input not read, so it can be asked again.
bool is_turned_away(const std::string& log) {
    return log.find("kex_exchange_identification: ") != std::string::npos && log.find("Authenticated to ") == std::string::npos;
}

void pause_interruptibly() {
    for (auto left = k_turned_away_pause; left.count() > 0; left -= k_tick) {
        check_interrupt();
        ::poll(nullptr, 0, static_cast<int>(k_tick.count()));
    }
}

/// What `begin` makes, until it is not turned away; but not for ever.
template <class Begin>
auto until_let_in(Begin begin) {
    const SteadyTime deadline = std::chrono::steady_clock::now() + k_turned_away_patience;
    for (;;) {
        auto tried = begin();
        if (!tried || tried->status != k_ssh_failed || !is_turned_away(tried->said) || std::chrono::steady_clock::now() >= deadline) {
            return tried;
        }
        pause_interruptibly();
    }
}

Error login_error(const LoginTarget& target, const std::string& log) {
    if (log.find("Host key verification failed") != std::string::npos) {
        return {Code::login_failed, fmt::format("{} shows another SSH host key than the one it was given", target.instance),
                "if its host key was changed from within, --accept-new-host-key believes it from now on"};
    }
    const auto lines = words_of(log);
    const std::string why = lines.empty() ? "the connection was lost" : fmt::format("{}", fmt::join(lines, "; "));
    const bool refused = why.find("Permission denied") != std::string::npos;
    return {Code::login_failed, fmt::format("cannot log in to {} as \"{}\": {}", target.instance, target.user, why),
            refused ? "--user says who, -i FILE with which private key" : ""};
}

Result<void> check(const LoginTarget& target) {
    const auto plain = [](const std::string& text) {
        return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
    };
    AMIVIRT_TRY(check_user_name(target.user));
    if (!plain(target.address) || target.host_key.empty() || target.host_key.find_first_of("\r\n") != std::string::npos) {
        return Error(Code::internal_error, fmt::format("{} cannot be logged in to without an address and a host key", target.instance));
    }
    return {};
}

/// What ssh and scp have in common.
std::vector<std::string> common_options(const LoginTarget& target, const std::string& known_hosts) {
    std::vector<std::string> words{"-F", "none"};
    const auto set = [&](const std::string& option) {
        words.emplace_back("-o");
        words.push_back(option);
    };
    set("UserKnownHostsFile=" + known_hosts);
    set("GlobalKnownHostsFile=/dev/null");
    set("StrictHostKeyChecking=yes");
    set("HostKeyAlias=" + target.instance);
    set("UpdateHostKeys=no");
    set("CheckHostIP=no");
    set("ConnectTimeout=30");
    set("ServerAliveInterval=15");
    set("ServerAliveCountMax=4");
    set("User=" + target.user);
    set(fmt::format("Port={}", target.port));
    if (::isatty(STDIN_FILENO) == 0) {  // a script must not stop at a question
        set("BatchMode=yes");
    }
    if (!target.identity_file.empty()) {
        set("IdentitiesOnly=yes");
        std::string file;
        for (const char c : target.identity_file) {
            file += c == '%' ? "%%" : std::string(1, c);
        }
        words.emplace_back("-i");
        words.push_back(file);
    }
    return words;
}

Result<MemoryFile> known_hosts_of(const LoginTarget& target) {
    return MemoryFile::make("known_hosts", fmt::format("{} {}\n", target.instance, target.host_key));
}

class OpenSshShell final : public GuestShell {
public:
    Result<int> run(const LoginTarget& target, const ShellCommand& command) override {
        AMIVIRT_TRY(check(target));
        for (const auto& [name, value] : command.environment) {
            const bool good =
                !name.empty() && (name.front() < '0' || name.front() > '9') && std::all_of(name.begin(), name.end(), [](char c) {
                    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
                });
            if (!good) {
                return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is no name of a variable", files::printable(name)));
            }
        }
        const MemoryFile known_hosts = AMIVIRT_TRY(known_hosts_of(target));
        const auto ended = AMIVIRT_TRY(until_let_in([&]() -> Result<Ended> {
            const MemoryFile log = AMIVIRT_TRY(MemoryFile::make("ssh-log", ""));
            std::vector<std::string> words{"ssh", command.terminal ? "-t" : "-T", "-E", log.path(), "-o", "LogLevel=DEBUG1"};
            const auto options = common_options(target, known_hosts.path());
            words.insert(words.end(), options.begin(), options.end());
            words.emplace_back("--");
            words.push_back(target.address);
            if (const auto remote = remote_command(command.words, command.environment); !remote.empty()) {
                words.push_back(remote);
            }
            Ended one;
            one.status = AMIVIRT_TRY(attend(std::move(words), -1, command.timeout));
            one.said = one.status == k_ssh_failed ? log.content() : "";
            return one;
        }));
        // 255 is also how ssh says that it failed itself; its log tells whether the command's own status came.
        if (ended.status == k_ssh_failed && ended.said.find("rtype exit-status") == std::string::npos) {
            return login_error(target, ended.said);
        }
        return ended.status;
    }

    Result<void> copy_in(const LoginTarget& target, const std::vector<std::string>& from, const std::string& to) override {
        std::vector<std::string> words;
        std::transform(from.begin(), from.end(), std::back_inserter(words), local);
        words.push_back(remote(target, to));
        return copy(target, words);
    }

    Result<void> copy_out(const LoginTarget& target, const std::vector<std::string>& from, const std::string& to) override {
        std::vector<std::string> words;
        std::transform(from.begin(), from.end(), std::back_inserter(words), [&](const std::string& path) { return remote(target, path); });
        words.push_back(local(to));
        return copy(target, words);
    }

private:
    /// Neither an option nor, with a colon in it, another machine's.
    static std::string local(const std::string& path) { return path.starts_with('/') ? path : "./" + path; }
    static std::string remote(const LoginTarget& target, const std::string& path) {
        return target.address.find(':') == std::string::npos ? fmt::format("{}:{}", target.address, path)
                                                             : fmt::format("[{}]:{}", target.address, path);
    }

    static Result<void> copy(const LoginTarget& target, const std::vector<std::string>& paths) {
        AMIVIRT_TRY(check(target));
        const MemoryFile known_hosts = AMIVIRT_TRY(known_hosts_of(target));
        const auto [status, said] = AMIVIRT_TRY(until_let_in([&]() -> Result<Ended> {
            const MemoryFile errors = AMIVIRT_TRY(MemoryFile::make("scp-errors", ""));
            // No -q: that would silence the ssh below it, too. Its progress is for terminals, which its stdout is not.
            std::vector<std::string> words{"scp", "-r", "-p", "-o", "LogLevel=ERROR"};
            const auto options = common_options(target, known_hosts.path());
            words.insert(words.end(), options.begin(), options.end());
            words.emplace_back("--");
            words.insert(words.end(), paths.begin(), paths.end());
            Ended one;
            one.status = AMIVIRT_TRY(attend(std::move(words), errors.fd(), {}));
            one.said = errors.content();
            return one;
        }));
        if (status == 0) {
            return {};
        }
        if (status == k_ssh_failed) {
            return login_error(target, said);
        }
        const auto lines = words_of(said);
        return Error(Code::io_error,  // a file is missing or must not be touched, here or there: scp itself did its work
                     fmt::format("copying {} {} failed: {}", paths.back().starts_with(target.address) ? "to" : "from", target.instance,
                                 lines.empty() ? "scp does not say why" : fmt::format("{}", fmt::join(lines, "; "))));
    }
};

}  // namespace

std::unique_ptr<GuestShell> make_openssh_shell() { return std::make_unique<OpenSshShell>(); }

}  // namespace amivirt
