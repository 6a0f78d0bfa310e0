#include "faces/cli/surroundings.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>

#include "amivirt/base/interrupt.hpp"

namespace amivirt::cli {

namespace {

std::optional<std::string> read_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') {
        return std::nullopt;
    }
    return std::string(value);
}

std::size_t terminal_columns() {
    winsize size{};
    constexpr std::size_t k_default = 80;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return k_default;
    }
    return size.ws_col;
}

// Asked of the pipe itself: it is known without a write, and errno need not be carried through the streams.
bool stdout_reader_gone() {
    pollfd out{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

struct SpawnActions {
    posix_spawn_file_actions_t value{};
    SpawnActions() { posix_spawn_file_actions_init(&value); }
    SpawnActions(const SpawnActions&) = delete;
    SpawnActions& operator=(const SpawnActions&) = delete;
    ~SpawnActions() { posix_spawn_file_actions_destroy(&value); }
};

struct SpawnAttributes {
    posix_spawnattr_t value{};
    SpawnAttributes() { posix_spawnattr_init(&value); }
    SpawnAttributes(const SpawnAttributes&) = delete;
    SpawnAttributes& operator=(const SpawnAttributes&) = delete;
    ~SpawnAttributes() { posix_spawnattr_destroy(&value); }
};

// posix_spawn rather than fork: other threads (libvirt's) may hold locks.
Result<void> start_detached(const std::vector<std::string>& arguments) {
    std::vector<std::string> copies;
    copies.emplace_back("amivirt");
    copies.insert(copies.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    argv.reserve(copies.size() + 1);
    for (std::string& copy : copies) {
        argv.push_back(copy.data());
    }
    argv.push_back(nullptr);

    SpawnActions actions;
    posix_spawn_file_actions_addopen(&actions.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions.value, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions.value, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    SpawnAttributes attributes;
    posix_spawnattr_setflags(&attributes.value, POSIX_SPAWN_SETSID);

    pid_t pid = 0;
    const int failure = posix_spawn(&pid, "/proc/self/exe", &actions.value, &attributes.value, argv.data(), environ);
    if (failure != 0) {
        return Error(Code::io_error, fmt::format("Cannot start amivirt in the background: {}", std::strerror(failure)),
                     "leave out --no-wait");
    }
    return {};
}

/// A pipe on which the child says with which status its parent may end.
class Background {
public:
    Background() = default;
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;
    ~Background() { close_pipe(); }

    Result<std::optional<int>> go() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) {
            return failure();
        }
        std::signal(SIGCHLD, SIG_DFL);  // who started us may ignore it, and then there is no status to wait for
        const pid_t child = fork();
        if (child < 0) {
            const Error error = failure();
            ::close(ends[0]);
            ::close(ends[1]);
            return error;
        }
        pipe_ = child == 0 ? ends[1] : ends[0];
        ::close(child == 0 ? ends[0] : ends[1]);
        if (child == 0) {
            return std::optional<int>{};
        }
        return std::optional<int>(AMIVIRT_TRY(status_of(child)));
    }

    void leave(int status) {
        setsid();
        const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
            dup2(nothing, stream);
        }
        if (nothing > STDERR_FILENO) {
            ::close(nothing);
        }
        const auto told = static_cast<unsigned char>(status);
        // Last, lest the terminal goes away under us. A parent that was killed meanwhile need not be told.
        while (::write(pipe_, &told, 1) < 0 && errno == EINTR) {
        }
        close_pipe();
    }

private:
    static Error failure() {
        return {Code::io_error, fmt::format("Cannot go on in the background: {}", std::strerror(errno)), "leave out --no-wait"};
    }

    void close_pipe() {
        if (pipe_ >= 0) {
            ::close(pipe_);
            pipe_ = -1;
        }
    }

    Result<int> status_of(pid_t child) {
        unsigned char told = 0;
        bool passed_on = false;
        ssize_t count = 0;
        while ((count = ::read(pipe_, &told, 1)) < 0 && errno == EINTR) {
            if (pending_interrupt() != 0 && !passed_on) {
                // Ctrl-C reached the child too; a second SIGINT would kill it before it has cleaned up.
                passed_on = ::kill(child, SIGTERM) == 0;
            }
        }
        close_pipe();
        if (count == 1) {
            return told;
        }
        int status = 0;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        if (WIFEXITED(status)) {
            return WEXITSTATUS(status);
        }
        return Error(Code::internal_error, fmt::format("the process in the background was killed by signal {}", WTERMSIG(status)));
    }

    int pipe_ = -1;
};

}  // namespace

Surroundings process_surroundings() {
    const auto background = std::make_shared<Background>();
    return Surroundings{
        .in = std::cin,
        .out = std::cout,
        .err = std::cerr,
        .in_is_terminal = isatty(STDIN_FILENO) == 1,
        .out_is_terminal = isatty(STDOUT_FILENO) == 1,
        .err_is_terminal = isatty(STDERR_FILENO) == 1,
        .columns = terminal_columns(),
        .environment = read_environment,
        .detach = start_detached,
        .reader_gone = stdout_reader_gone,
        .go_background = [background] { return background->go(); },
        .leave_foreground = [background](int status) { background->leave(status); },
    };
}

}  // namespace amivirt::cli
