#include "adapters/host/host.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>

#include "adapters/host/accelerator.hpp"
#include "adapters/host/memory.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

constexpr unsigned k_first_unprivileged = 1024;

using SteadyTime = std::chrono::steady_clock::time_point;

class Socket {
public:
    explicit Socket(int descriptor) : descriptor_(descriptor) {}
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() {
        if (descriptor_ >= 0) {
            close(descriptor_);
        }
    }
    [[nodiscard]] int get() const noexcept { return descriptor_; }

private:
    int descriptor_;
};

std::optional<sockaddr_in> endpoint(const std::string& address, std::uint16_t port) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_port = htons(port);
    if (inet_pton(AF_INET, address.c_str(), &result.sin_addr) != 1) {
        return {};
    }
    return result;
}

const sockaddr* generic(const sockaddr_in& address) { return reinterpret_cast<const sockaddr*>(&address); }

/// Waits for `events` until `deadline`, in slices so that an interrupt is seen. false: the time is over.
bool wait_for(int descriptor, short events, SteadyTime deadline) {
    constexpr Duration k_slice{50};
    while (true) {
        check_interrupt();
        const auto left = std::chrono::ceil<Duration>(deadline - std::chrono::steady_clock::now());
        if (left <= Duration::zero()) {
            return false;
        }
        pollfd waiting{descriptor, events, 0};
        if (poll(&waiting, 1, static_cast<int>(std::min(left, k_slice).count())) > 0) {
            return true;
        }
    }
}

/// One try: the greeting, or what was seen instead.
struct Attempt {
    std::string greeting;
    std::string seen;
};

Attempt try_greeting(const sockaddr_in& address, SteadyTime deadline) {
    const Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) {
        return {{}, std::strerror(errno)};
    }
    if (connect(socket.get(), generic(address), sizeof address) < 0) {
        if (errno != EINPROGRESS) {
            return {{}, std::strerror(errno)};
        }
        if (!wait_for(socket.get(), POLLOUT, deadline)) {
            return {{}, "the connection was not answered"};
        }
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
            return {{}, std::strerror(error)};
        }
    }
    // A server may send other lines first (source: RFC 4253, 4.2).
    constexpr std::size_t k_longest = 8192;
    std::string text;
    while (text.size() < k_longest) {
        if (!wait_for(socket.get(), POLLIN, deadline)) {
            return {{}, text.empty() ? "the port is open, and nothing is said on it" : fmt::format("it said \"{}\"", text.substr(0, 40))};
        }
        char buffer[512];
        const ssize_t got = recv(socket.get(), buffer, sizeof buffer, 0);
        if (got <= 0) {
            if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
                continue;
            }
            return {{}, text.empty() ? "the connection was closed at once" : fmt::format("it said \"{}\" and closed", text.substr(0, 40))};
        }
        text.append(buffer, static_cast<std::size_t>(got));
        for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
            std::string line = text.substr(begin, end - begin);
            if (line.starts_with("SSH-")) {
                if (line.back() == '\r') {
                    line.pop_back();
                }
                return {std::move(line), {}};
            }
        }
    }
    return {{}, fmt::format("it said \"{}\"", text.substr(0, 40))};
}

class LocalHost final : public Host {
public:
    Architecture architecture() const override { return host::host_architecture(); }

    Result<AcceleratorChoice> accelerator(AcceleratorRequest request) override {
        const host::KvmFacts facts = request == AcceleratorRequest::tcg ? host::KvmFacts{} : host::collect_kvm_facts();
        return AMIVIRT_TRY(host::judge(request, facts)).choice;
    }

    Result<Bytes> memory_available() override { return host::memory_available(); }

    Result<void> may_listen(const std::string& address, std::uint16_t port) override {
        const std::optional<sockaddr_in> where = endpoint(address, 0);
        const Socket socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (!where || (socket.get() >= 0 && bind(socket.get(), generic(*where), sizeof *where) != 0)) {
            return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is not an IPv4 address of this host", address));
        }
        unsigned first = k_first_unprivileged;
        std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first;
        if (port != 0 && port < first) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("port {} cannot be forwarded: QEMU may listen on none below {} on this host", port, first),
                         fmt::format("another port, or sysctl net.ipv4.ip_unprivileged_port_start={}", port));
        }
        return {};
    }

    bool port_free(const std::string& address, std::uint16_t port, const std::string& protocol) override {
        const std::optional<sockaddr_in> where = endpoint(address, port);
        if (!where || port == 0 || (protocol != "tcp" && protocol != "udp")) {
            return false;
        }
        const bool tcp = protocol == "tcp";
        const Socket socket(::socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
        if (tcp) {
            // As QEMU binds: connections of a guest that stopped a moment ago still linger on its port and do not matter,
            // one that listens does.
            const int on = 1;
            setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        }
        return socket.get() >= 0 && bind(socket.get(), generic(*where), sizeof *where) == 0;
    }

    Result<std::string> wait_ssh_greeting(const std::string& address, std::uint16_t port, Duration timeout) override {
        const std::optional<sockaddr_in> where = endpoint(address, port);
        if (!where) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("cannot wait for SSH on port {}: \"{}\" is not an IPv4 address", port, address));
        }
        // QEMU's user network accepts at once and forwards later, so only what is read counts; a try that began before the guest
        // listened may never be answered, so none is waited on for long.
        constexpr Duration k_patience_per_try{1500};
        constexpr Duration k_pause{50};
        const SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
        std::string seen = "nothing was tried";
        while (true) {
            check_interrupt();
            const SteadyTime now = std::chrono::steady_clock::now();
            if (now >= deadline) {
                return Error(Code::timed_out, fmt::format("no SSH server greeted on {}:{} within {} s: {}", address, port,
                                                          static_cast<double>(timeout.count()) / 1000.0, seen));
            }
            Attempt attempt = try_greeting(*where, std::min(deadline, now + k_patience_per_try));
            if (!attempt.greeting.empty()) {
                return std::move(attempt.greeting);
            }
            seen = std::move(attempt.seen);
            std::this_thread::sleep_for(
                std::min<std::chrono::nanoseconds>(k_pause, std::max(deadline - std::chrono::steady_clock::now(), {})));
        }
    }
};

}  // namespace

std::unique_ptr<Host> make_host() { return std::make_unique<LocalHost>(); }

}  // namespace amivirt
