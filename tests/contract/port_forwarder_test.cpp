// Ports that lead to others: the fake and the real one; and of the real one, what goes through.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <thread>

#include "adapters/forward/forwarder.hpp"
#include "fakes/fake_port_forwarder.hpp"
#include "fakes/recording_log.hpp"

namespace amivirt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

sockaddr_in endpoint(const std::string& address, std::uint16_t port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET, address.c_str(), &to.sin_addr), 1);
    return to;
}

/// A TCP socket that closes itself.
class Socket {
public:
    explicit Socket(int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) : fd_(fd) {
        const timeval patience{20, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Socket& operator=(Socket&&) = delete;
    ~Socket() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    static Socket listening(std::uint16_t& port, const std::string& address = "127.0.0.1") {
        Socket socket;
        auto at = endpoint(address, port);
        EXPECT_EQ(::bind(socket.fd_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
        EXPECT_EQ(::listen(socket.fd_, 8), 0);
        socklen_t size = sizeof at;
        ::getsockname(socket.fd_, reinterpret_cast<sockaddr*>(&at), &size);
        port = ntohs(at.sin_port);
        return socket;
    }
    Socket accept() { return Socket(::accept(fd_, nullptr, nullptr)); }
    bool connect(const std::string& address, std::uint16_t port) {
        const auto to = endpoint(address, port);
        return ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    }
    bool say(const std::string& text) { return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()); }
    void end() { ::shutdown(fd_, SHUT_WR); }
    /// All until the other side has ended.
    std::string hear() {
        std::string all;
        char chunk[4096];
        for (ssize_t got = 0; (got = ::recv(fd_, chunk, sizeof chunk, 0)) > 0;) {
            all.append(chunk, static_cast<std::size_t>(got));
        }
        return all;
    }

private:
    int fd_;
};

std::uint16_t free_port(const std::string& address) {
    std::uint16_t port = 0;
    const auto socket = Socket::listening(port, address);
    return port;
}

const std::string k_here = "127.77.3.4";

class PortForwarderContract : public ::testing::TestWithParam<bool> {
protected:
    std::unique_ptr<PortForwarder> make() {
        return GetParam() ? make_port_forwarder(log_) : std::make_unique<fakes::FakePortForwarder>(host_);
    }
    fakes::RecordingLog log_;
    Sync<fakes::FakeHostPorts> host_;
    std::unique_ptr<PortForwarder> forwarder_ = make();
    TcpForward forward_{k_here, free_port(k_here), "127.0.0.1", 9};
};

TEST_P(PortForwarderContract, OpensAndCloses) {
    EXPECT_THAT(forwarder_->open_ones(), IsEmpty());
    forwarder_->close(forward_);
    ASSERT_TRUE(forwarder_->open(forward_));
    EXPECT_TRUE(forwarder_->open(forward_)) << "idempotent";
    EXPECT_THAT(forwarder_->open_ones(), ElementsAre(forward_));
    TcpForward elsewhere = forward_;
    elsewhere.to_port = 10;
    EXPECT_EQ(forwarder_->open(elsewhere).error().code, Code::busy);
    forwarder_->close(forward_);
    EXPECT_TRUE(forwarder_->open(elsewhere)) << "free at once";
    forwarder_->close_all();
    EXPECT_THAT(forwarder_->open_ones(), IsEmpty());
    EXPECT_TRUE(forwarder_->open(forward_)) << "and again";
}

TEST_P(PortForwarderContract, TwoKeepEachOtherOut) {
    const auto other = make();
    ASSERT_TRUE(forwarder_->open(forward_));
    EXPECT_EQ(other->open(forward_).error().code, Code::busy);
    TcpForward beside = forward_;
    beside.address = "127.77.3.5";
    EXPECT_TRUE(other->open(beside)) << "the same port of another address";
    forwarder_.reset();
    EXPECT_TRUE(other->open(forward_));
}

INSTANTIATE_TEST_SUITE_P(All, PortForwarderContract, ::testing::Values(false, true),
                         [](const auto& which) { return std::string(which.param ? "real" : "fake"); });

class RealForwarder : public ::testing::Test {
protected:
    fakes::RecordingLog log_;
    std::uint16_t guest_port_ = 0;
    Socket guest_ = Socket::listening(guest_port_);
    TcpForward forward_{k_here, free_port(k_here), "127.0.0.1", guest_port_};
    std::unique_ptr<PortForwarder> forwarder_ = make_port_forwarder(log_);
};

TEST_F(RealForwarder, PassesOnWhatEachSays) {
    ASSERT_TRUE(forwarder_->open(forward_));
    const std::string much(3U << 20U, 'x');
    std::string heard;
    std::thread server([&] {
        Socket connection = guest_.accept();
        heard = connection.hear();  // until the client has no more to say, and still listens
        EXPECT_TRUE(connection.say(much + "!"));
    });
    Socket client;
    ASSERT_TRUE(client.connect(k_here, forward_.port));
    EXPECT_TRUE(client.say(much));
    client.end();
    EXPECT_EQ(client.hear(), much + "!");
    server.join();
    EXPECT_EQ(heard, much);
}

TEST_F(RealForwarder, ConnectionsOutliveTheListener) {
    ASSERT_TRUE(forwarder_->open(forward_));
    Socket client;
    ASSERT_TRUE(client.connect(k_here, forward_.port));
    Socket connection = guest_.accept();
    forwarder_->close(forward_);
    EXPECT_FALSE(Socket().connect(k_here, forward_.port));
    EXPECT_TRUE(connection.say("still here"));
    connection.end();
    EXPECT_EQ(client.hear(), "still here");
    client.end();
    EXPECT_EQ(connection.hear(), "");
}

TEST_F(RealForwarder, ClosingAllCutsConnections) {
    ASSERT_TRUE(forwarder_->open(forward_));
    Socket client;
    ASSERT_TRUE(client.connect(k_here, forward_.port));
    Socket connection = guest_.accept();
    forwarder_->close_all();
    EXPECT_EQ(client.hear(), "");
    EXPECT_EQ(connection.hear(), "");
}

TEST_F(RealForwarder, WhereNobodyAnswersTheClientIsToldSo) {
    forward_.to_port = free_port("127.0.0.1");
    ASSERT_TRUE(forwarder_->open(forward_));
    Socket client;
    ASSERT_TRUE(client.connect(k_here, forward_.port));
    EXPECT_EQ(client.hear(), "");
}

TEST_F(RealForwarder, BadAddresses) {
    forward_.address = "localhost";
    EXPECT_EQ(forwarder_->open(forward_).error().code, Code::io_error);
    forward_.address = "192.0.2.1";  // of no interface
    EXPECT_EQ(forwarder_->open(forward_).error().code, Code::io_error);
}

}  // namespace
}  // namespace amivirt
