#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "adapters/host/host.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

using std::chrono::steady_clock;
using testing::HasSubstr;

/// A socket on a port of the loopback that the kernel picked.
class Bound {
public:
    explicit Bound(int type) : descriptor_(socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        const int on = 1;
        setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        EXPECT_EQ(bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        if (type == SOCK_STREAM) {
            EXPECT_EQ(listen(descriptor_, 8), 0);
        }
        EXPECT_EQ(getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size), 0);
        port_ = ntohs(address.sin_port);
    }
    Bound(const Bound&) = delete;
    Bound& operator=(const Bound&) = delete;
    ~Bound() { release(); }
    void release() {
        if (descriptor_ >= 0) {
            close(descriptor_);
            descriptor_ = -1;
        }
    }
    [[nodiscard]] int descriptor() const { return descriptor_; }
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    int descriptor_;
    std::uint16_t port_ = 0;
};

void say(int connection, const std::string& text) {
    EXPECT_EQ(send(connection, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

/// Hands each connection to the next of `answers`; the last one answers all that follow. Answers may keep the connection open.
class Server {
public:
    using Answer = std::function<void(int)>;
    explicit Server(std::vector<Answer> answers)
        : answers_(std::move(answers)), thread_([this] {
              for (std::size_t i = 0;; ++i) {
                  const int connection = accept(bound_.descriptor(), nullptr, nullptr);
                  if (connection < 0 || stopping_) {
                      close(connection);
                      return;
                  }
                  served_ = i + 1;
                  open_.push_back(connection);
                  answers_.at(std::min(i, answers_.size() - 1))(connection);
              }
          }) {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() {
        stopping_ = true;
        shutdown(bound_.descriptor(), SHUT_RDWR);
        thread_.join();
        for (const int connection : open_) {
            close(connection);
        }
    }
    [[nodiscard]] std::uint16_t port() const { return bound_.port(); }
    [[nodiscard]] std::size_t served() const { return served_; }

private:
    Bound bound_{SOCK_STREAM};
    std::vector<Answer> answers_;
    std::vector<int> open_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::size_t> served_{0};
    std::thread thread_;
};

const Server::Answer k_silent = [](int) {};
const Server::Answer k_hangs_up = [](int connection) { shutdown(connection, SHUT_RDWR); };
const Server::Answer k_ssh = [](int connection) { say(connection, "SSH-2.0-Test_1\r\n"); };

Result<std::string> greeting(std::uint16_t port, Duration timeout) { return make_host()->wait_ssh_greeting("127.0.0.1", port, timeout); }

TEST(PortFree, TellsATakenPort) {
    const auto host = make_host();
    for (const auto& [type, protocol] : {std::pair(SOCK_STREAM, "tcp"), std::pair(SOCK_DGRAM, "udp")}) {
        Bound bound(type);
        EXPECT_FALSE(host->port_free("127.0.0.1", bound.port(), protocol)) << protocol;
        EXPECT_FALSE(host->port_free("0.0.0.0", bound.port(), protocol)) << protocol;
        bound.release();
        EXPECT_TRUE(host->port_free("127.0.0.1", bound.port(), protocol)) << protocol;
    }
}

TEST(MayListen, OnlyOnOwnAddressesAndWithoutPrivilege) {
    const auto host = make_host();
    for (const char* const address : {"127.0.0.1", "0.0.0.0"}) {
        EXPECT_TRUE(host->may_listen(address, 0)) << address;
        EXPECT_TRUE(host->may_listen(address, 65535)) << address;
    }
    Bound bound(SOCK_STREAM);
    EXPECT_TRUE(host->may_listen("127.0.0.1", bound.port())) << "who has it now is another question";
    for (const char* const address : {"203.0.113.1", "localhost", "::1", ""}) {  // source: RFC 5737, an address for documents
        const auto may = host->may_listen(address, 0);
        ASSERT_FALSE(may) << address;
        EXPECT_EQ(may.error().code, Code::invalid_parameter_value);
        EXPECT_THAT(may.error().message, HasSubstr(std::string("\"") + address + "\""));
    }
    unsigned first = 1024;
    std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first;
    if (first < 2) {
        GTEST_SKIP() << "every port is for everybody here";
    }
    EXPECT_FALSE(host->may_listen("127.0.0.1", static_cast<std::uint16_t>(first - 1)));
    EXPECT_TRUE(host->may_listen("127.0.0.1", static_cast<std::uint16_t>(first)));
}

TEST(PortFree, LingeringConnectionsDoNotCount) {
    Bound bound(SOCK_STREAM);
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(bound.port());
    ASSERT_EQ(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const int server = accept(bound.descriptor(), nullptr, nullptr);
    close(server);  // the side that closes first keeps the port in TIME_WAIT
    close(client);
    bound.release();
    EXPECT_TRUE(make_host()->port_free("127.0.0.1", bound.port(), "tcp"));
}

TEST(PortFree, NonsenseIsNotFree) {
    const auto host = make_host();
    EXPECT_FALSE(host->port_free("127.0.0.1", 0, "tcp"));
    EXPECT_FALSE(host->port_free("localhost", 22022, "tcp"));
    EXPECT_FALSE(host->port_free("::1", 22022, "tcp"));
    EXPECT_FALSE(host->port_free("127.0.0.1", 22022, "sctp"));
    EXPECT_FALSE(host->port_free("192.0.2.1", 22022, "tcp")) << "not an address of this host";
}

TEST(WaitSshGreeting, ReturnsTheLine) {
    const Server server({k_ssh});
    const auto heard = greeting(server.port(), std::chrono::seconds(10));
    ASSERT_TRUE(heard) << heard.error().message;
    EXPECT_EQ(*heard, "SSH-2.0-Test_1");
}

TEST(WaitSshGreeting, OtherLinesMayComeFirstAndInPieces) {
    const Server server({[](int connection) {
        say(connection, "Welcome\r\nnot SSH-1\nSSH-2.");
        std::this_thread::sleep_for(std::chrono::milliseconds(60));
        say(connection, "0-Late\n");
    }});
    EXPECT_EQ(greeting(server.port(), std::chrono::seconds(10)).value_or(""), "SSH-2.0-Late");
}

TEST(WaitSshGreeting, TriesAgainUntilTheGuestListens) {
    const Server server({k_hangs_up, k_hangs_up, k_silent, k_ssh});
    EXPECT_EQ(greeting(server.port(), std::chrono::seconds(20)).value_or(""), "SSH-2.0-Test_1");
    EXPECT_EQ(server.served(), 4U);
}

TEST(WaitSshGreeting, AConnectionThatIsRefusedTimesOut) {
    Bound bound(SOCK_STREAM);
    bound.release();
    const auto begun = steady_clock::now();
    const auto heard = greeting(bound.port(), std::chrono::milliseconds(200));
    EXPECT_GE(steady_clock::now() - begun, std::chrono::milliseconds(200));
    EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(5));
    ASSERT_FALSE(heard);
    EXPECT_EQ(heard.error().code, Code::timed_out);
    EXPECT_THAT(heard.error().message, HasSubstr("127.0.0.1:" + std::to_string(bound.port())));
    EXPECT_THAT(heard.error().message, HasSubstr("refused"));
    EXPECT_THAT(heard.error().message, HasSubstr("0.2 s"));
}

TEST(WaitSshGreeting, SaysWhatItHeardInstead) {
    const Server silent({k_silent});
    const auto nothing = greeting(silent.port(), std::chrono::milliseconds(150));
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().code, Code::timed_out);
    EXPECT_THAT(nothing.error().message, HasSubstr("nothing is said"));

    const Server web({[](int connection) { say(connection, "HTTP/1.1 400 Bad Request\r\n"); }});
    const auto http = greeting(web.port(), std::chrono::milliseconds(150));
    ASSERT_FALSE(http);
    EXPECT_THAT(http.error().message, HasSubstr("HTTP/1.1 400"));

    const Server endless({[](int connection) { say(connection, std::string(9000, 'x')); }});
    EXPECT_FALSE(greeting(endless.port(), std::chrono::milliseconds(150)));
}

TEST(WaitSshGreeting, NotAnAddress) {
    const auto heard = make_host()->wait_ssh_greeting("localhost", 22, std::chrono::seconds(1));
    ASSERT_FALSE(heard);
    EXPECT_EQ(heard.error().code, Code::invalid_parameter_value);
    EXPECT_THAT(heard.error().message, HasSubstr("\"localhost\""));
}

/// Runs `wait` and interrupts it after a moment; how long it went on after that.
Duration interrupted_after(const std::function<void()>& wait) {
    install_interrupt_handlers();
    const auto begun = steady_clock::now();
    static constexpr Duration k_moment{100};
    std::thread thread([] {
        std::this_thread::sleep_for(k_moment);
        kill(getpid(), SIGTERM);
    });
    EXPECT_THROW(wait(), Interrupted);
    const auto took = steady_clock::now() - begun;
    thread.join();
    clear_interrupt();
    return std::chrono::duration_cast<Duration>(took) - k_moment;
}

TEST(WaitSshGreeting, IsInterruptible) {
    const Server server({k_silent});
    EXPECT_LT(interrupted_after([&] { (void)greeting(server.port(), std::chrono::seconds(30)); }), std::chrono::seconds(5));
}

TEST(SystemClock, SleepsAndIsInterruptible) {
    const auto clock = make_system_clock();
    const TimePoint before = clock->now();
    clock->sleep(Duration(60));
    EXPECT_GE(clock->now() - before, Duration(55));
    EXPECT_LT(interrupted_after([&] { clock->sleep(std::chrono::seconds(30)); }), std::chrono::seconds(5));
}

TEST(SystemClock, TellsTheTime) {
    const auto difference = std::chrono::system_clock::now() - make_system_clock()->now();
    EXPECT_LT(std::chrono::abs(difference), std::chrono::seconds(5));
}

TEST(RandomIds, AreWellFormedAndDistinct) {
    const auto ids = make_random_ids();
    std::set<std::string> seen;
    std::set<char> digits;
    for (int i = 0; i < 1000; ++i) {
        const std::string id = ids->hex17();
        EXPECT_TRUE(InstanceId::parse("i-" + id)) << id;
        EXPECT_TRUE(seen.insert(id).second) << id;
        digits.insert(id.front());
        digits.insert(id.back());
    }
    EXPECT_EQ(digits.size(), 16U) << "every digit occurs";
    EXPECT_EQ(make_id<LayerId>(*ids).str().size(), 6U + 17U);
    std::set<std::uint32_t> numbers;
    for (int i = 0; i < 100; ++i) {
        numbers.insert(ids->random());
    }
    EXPECT_GT(numbers.size(), 95U);
}

}  // namespace
}  // namespace amivirt
