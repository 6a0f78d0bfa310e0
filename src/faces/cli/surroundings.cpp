#include "faces/cli/surroundings.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

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

}  // namespace

Surroundings process_surroundings() {
    return Surroundings{
        .in = std::cin,
        .out = std::cout,
        .err = std::cerr,
        .out_is_terminal = isatty(STDOUT_FILENO) == 1,
        .err_is_terminal = isatty(STDERR_FILENO) == 1,
        .columns = terminal_columns(),
        .environment = read_environment,
        .detach = start_detached,
        .reader_gone = stdout_reader_gone,
    };
}

}  // namespace amivirt::cli
