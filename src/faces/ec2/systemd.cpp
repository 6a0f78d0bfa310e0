#include "faces/ec2/systemd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace amivirt::ec2 {

namespace {

constexpr int k_first = 3;  // source: SD_LISTEN_FDS_START

std::string take_variable(const char* name) {
    const char* const value = std::getenv(name);
    std::string text = value == nullptr ? "" : value;
    ::unsetenv(name);
    return text;
}

long number_in(const std::string& text) {
    long number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

}  // namespace

Result<std::optional<int>> inherited_socket() {
    const long pid = number_in(take_variable("LISTEN_PID"));
    const long count = number_in(take_variable("LISTEN_FDS"));
    take_variable("LISTEN_FDNAMES");
    if (pid != ::getpid() || count <= 0) {
        return std::optional<int>();
    }
    if (count > 1) {
        return Error(Code::invalid_parameter_value, fmt::format("{} sockets to listen on were handed over (LISTEN_FDS)", count),
                     "a socket unit with one ListenStream=");
    }
    const auto option = [](int name) {
        int value = 0;
        socklen_t length = sizeof value;
        return ::getsockopt(k_first, SOL_SOCKET, name, &value, &length) == 0 ? value : 0;
    };
    const int family = option(SO_DOMAIN);
    if (option(SO_ACCEPTCONN) == 0 || (family != AF_INET && family != AF_INET6)) {
        return Error(Code::invalid_parameter_value, "what was handed over (LISTEN_FDS) is no TCP socket that listens",
                     "a socket unit with ListenStream=127.0.0.1:8773");
    }
    ::fcntl(k_first, F_SETFD, FD_CLOEXEC);
    return std::optional(k_first);
}

Notifier::Notifier() : socket_(take_variable("NOTIFY_SOCKET")) {}

void Notifier::tell(const std::string& state) const noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_.size() < 2 || socket_.size() >= sizeof address.sun_path || (socket_.front() != '/' && socket_.front() != '@')) {
        return;
    }
    std::memcpy(address.sun_path, socket_.data(), socket_.size());
    if (socket_.front() == '@') {
        address.sun_path[0] = '\0';  // of the abstract name space
    }
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return;
    }
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
    // Nobody to tell is nobody to mind.
    static_cast<void>(::sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length));
    ::close(descriptor);
}

}  // namespace amivirt::ec2
