// The server on a real socket: what it refuses before the API is asked, and how long it waits for whom.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <future>
#include <thread>
#include <tuple>
#include <vector>

#include "faces/ec2/server.hpp"
#include "fakes/fake_account_book.hpp"
#include "fakes/fake_id_source.hpp"
#include "fakes/manual_clock.hpp"
#include "fakes/recording_log.hpp"

namespace amivirt::ec2 {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Ec2Http : public ::testing::Test {
protected:
    /// Without regions: nothing here is asked of them.
    void begin(bool authenticate = true) {
        api_ = std::make_unique<Api>(Ports{{}, accounts_, ids_, clock_, log_, authenticate, AccountId::local(), "", 0, false});
        options_.port = 0;
        std::promise<std::string> url;
        auto ready = url.get_future();
        server_ = std::thread([this, &url] {
            bool told = false;
            ended_ = serve(*api_, options_, log_, [&](const std::string& text) {
                told = true;
                url.set_value(text);
            });
            if (!told) {
                url.set_value("");
            }
        });
        const std::string text = ready.get();
        ASSERT_THAT(text, StartsWith("http://127.0.0.1:")) << (ended_ ? "" : describe(ended_.error()));
        port_ = static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
    }
    void TearDown() override {
        if (server_.joinable()) {
            ::kill(::getpid(), SIGTERM);
            server_.join();
            EXPECT_TRUE(ended_);
        }
    }

    [[nodiscard]] int dial() const {
        const int client = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port_);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        return client;
    }
    static void say(int client, const std::string& bytes) { ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
    /// All that comes until it is hung up, or nothing more for `patience`.
    static std::string hear(int client, std::chrono::milliseconds patience = 20s) {
        std::string all;
        std::array<char, 4096> some{};
        pollfd waiting{client, POLLIN, 0};
        while (::poll(&waiting, 1, static_cast<int>(patience.count())) > 0) {
            const ssize_t length = ::recv(client, some.data(), some.size(), 0);
            if (length <= 0) {
                return all + "<end>";
            }
            all.append(some.data(), static_cast<std::size_t>(length));
        }
        return all;
    }
    [[nodiscard]] std::string ask(const std::string& bytes) const {
        const int client = dial();
        say(client, bytes);
        std::string answer = hear(client);
        ::close(client);
        return answer;
    }

    fakes::FakeAccountBook book_;
    fakes::FakeIdSource ids_;
    Accounts accounts_{book_, ids_};
    fakes::ManualClock clock_;
    fakes::RecordingLog log_;
    ServerOptions options_;
    std::unique_ptr<Api> api_;
    std::thread server_;
    Result<void> ended_;
    std::uint16_t port_ = 0;
};

const std::string k_healthz = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";

TEST_F(Ec2Http, OneConnectionManyRequests) {
    begin();
    const int client = dial();
    say(client, k_healthz + "\r\n");
    EXPECT_THAT(hear(client, 2s), HasSubstr("\r\n\r\nok\n"));
    // The next in pieces, after an empty line, with the one after that behind it.
    say(client, "\r\n" + k_healthz.substr(0, 7));
    std::this_thread::sleep_for(50ms);
    say(client, k_healthz.substr(7) + "\r\n" + k_healthz + "Connection: close\r\n\r\n");
    const std::string rest = hear(client);
    EXPECT_NE(rest.find("ok\n"), rest.rfind("ok\n"));
    EXPECT_THAT(rest, ::testing::EndsWith("<end>"));
    ::close(client);
}

TEST_F(Ec2Http, WhatIsAmbiguousIsRefusedAndNothingAfterItRead) {
    begin();
    for (const std::string smuggled :
         {"Content-Length: 0\r\nContent-Length: 0\r\n", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "X: a\r\n b\r\n",
          "X: a\rb\r\n", "X: a\nY: b\r\n", "Host: other\r\n", "Transfer-Encoding: gzip, chunked\r\n"}) {
        const std::string answer = ask(k_healthz + smuggled + "\r\n" + k_healthz + "\r\n");
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << smuggled;
        EXPECT_EQ(answer.find("ok\n"), std::string::npos) << smuggled;
        EXPECT_THAT(answer, ::testing::EndsWith("<end>")) << smuggled;
    }
    EXPECT_THAT(ask("\x16\x03\x01\x02"), StartsWith("HTTP/1.1 400 ")) << "TLS where there is none, told at once";
    EXPECT_THAT(ask(k_healthz + "X: " + std::string(40000, 'x') + "\r\n\r\n"), StartsWith("HTTP/1.1 431 "));
    EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
}

TEST_F(Ec2Http, RefusalsHaveTheFormInWhichClientsReadErrors) {
    begin(false);
    const std::vector<std::tuple<std::string, std::string, std::string>> cases{
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485760\r\n\r\n", "413", "RequestEntityTooLarge"},
        {k_healthz + "X: " + std::string(40000, 'x') + "\r\n\r\n", "431", "RequestHeaderSectionTooLarge"},
        {k_healthz + "X: a\r\n b\r\n\r\n", "400", "MalformedHttpRequest"},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", "400", "MalformedHttpRequest"},
        {"GET / HTTP/1.1\r\nHost: rebound.example.org\r\nConnection: close\r\n\r\n", "403", "UnauthorizedOperation"},
    };
    for (const auto& [request, status, code] : cases) {
        const std::string answer = ask(request);
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + status + " ")) << code;
        EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: text/xml;charset=UTF-8\r\n")) << code;
        EXPECT_THAT(answer, HasSubstr("<Response><Errors><Error><Code>" + code + "</Code><Message>")) << code;
        EXPECT_THAT(answer, ::testing::ContainsRegex("</Message></Error></Errors><RequestID>[0-9a-f-]{36}</RequestID></Response>")) << code;
    }
}

TEST_F(Ec2Http, ChunksAreOneBody) {
    begin();
    const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    const int client = dial();
    for (const std::string& piece : {head + "8\r\nAction=D\r\n", std::string("d;x=y\r\nescri"), std::string("beImages\r"),
                                     std::string("\n0\r\n"), std::string("\r\n")}) {
        say(client, piece);
        std::this_thread::sleep_for(20ms);
    }
    EXPECT_THAT(hear(client, 2s), HasSubstr("MissingAuthenticationToken"));
    // And the next request is where it ended.
    say(client, head + "0\r\n\r\n" + k_healthz + "Connection: close\r\n\r\n");
    EXPECT_THAT(hear(client), HasSubstr("\r\n\r\nok\n"));
    ::close(client);
    EXPECT_THAT(ask(head + "z\r\n"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(ask(head + "1;" + std::string(100000, 'x')), StartsWith("HTTP/1.1 4"));
    EXPECT_THAT(ask(head + "200000\r\n" + std::string(0x200000, 'x')), StartsWith("HTTP/1.1 413 ")) << "more than the limit, in a chunk";
}

TEST_F(Ec2Http, WhoExpectsIsToldToGoOn) {
    begin();
    const int client = dial();
    say(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 21\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(hear(client, 1s), "HTTP/1.1 100 Continue\r\n\r\n");
    say(client, "Action=DescribeImages");
    const std::string answer = hear(client);
    EXPECT_THAT(answer, HasSubstr("MissingAuthenticationToken"));
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
    ::close(client);
    EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
}

/// It reads the refusal, and no reset takes it away.
TEST_F(Ec2Http, WhoSendsAllAndThenReadsHearsTheRefusal) {
    begin();
    const int client = dial();
    const std::string much(std::size_t{10} << 20U, 'x');
    say(client, fmt::format("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", much.size()));
    std::size_t sent = 0;
    while (sent < much.size()) {
        const ssize_t length = ::send(client, much.data() + sent, much.size() - sent, MSG_NOSIGNAL);
        ASSERT_GT(length, 0) << "after " << sent << " bytes: " << std::strerror(errno);
        sent += static_cast<std::size_t>(length);
    }
    const std::string answer = hear(client);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(answer, ::testing::EndsWith("<end>"));
    ::close(client);
}

TEST_F(Ec2Http, OneMoreConnectionWaits) {
    options_.connections = 1;
    begin();
    const int one = dial();
    say(one, k_healthz + "\r\n");
    EXPECT_THAT(hear(one, 1s), HasSubstr("ok\n"));
    const int other = dial();
    say(other, k_healthz + "\r\n");
    EXPECT_EQ(hear(other, 300ms), "");
    ::close(one);
    EXPECT_THAT(hear(other, 2s), HasSubstr("ok\n"));
    ::close(other);
}

TEST_F(Ec2Http, WhoDoesNotReadIsHungUpOn) {
    options_.write_within = 300ms;
    begin();
    const int client = dial();
    const int little = 4096;
    ::setsockopt(client, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    std::string many;
    for (int i = 0; i < 2000; ++i) {
        many += "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    }
    const auto began = std::chrono::steady_clock::now();
    ssize_t length = 1;
    while (length > 0 && std::chrono::steady_clock::now() - began < 30s) {
        pollfd waiting{client, POLLOUT, 0};
        ::poll(&waiting, 1, 100);
        length = ::send(client, many.data(), many.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        length = length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 1 : length;
    }
    EXPECT_LT(length, 0) << "it took all and waited for ever";
    ::close(client);
}

TEST_F(Ec2Http, HalfARequestDoesNotHoldTheStop) {
    begin();
    const int head = dial();
    say(head, "POST / HTTP/1.1\r\nHost:");
    const int body = dial();
    say(body, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nAction=");
    EXPECT_THAT(ask(k_healthz + "Connection: close\r\n\r\n"), HasSubstr("ok\n"));
    const auto began = std::chrono::steady_clock::now();
    ::kill(::getpid(), SIGTERM);
    server_.join();
    EXPECT_TRUE(ended_);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
    EXPECT_EQ(hear(body), "<end>");
    ::close(head);
    ::close(body);
}

TEST_F(Ec2Http, WhoIsSlowIsHungUpOn) {
    options_.read_within = 400ms;
    options_.idle = 800ms;
    begin();
    const auto lasts = [&](const std::string& first, const std::string& each) {
        const int client = dial();
        const auto began = std::chrono::steady_clock::now();
        say(client, first);
        pollfd waiting{client, POLLIN, 0};
        while (::poll(&waiting, 1, 50) == 0 && std::chrono::steady_clock::now() - began < 20s) {
            say(client, each);  // a byte now and then is not enough
        }
        ::close(client);
        return std::chrono::steady_clock::now() - began;
    };
    const auto head = lasts("GET /healthz HTTP/1.1\r\nX: ", "a");
    EXPECT_GE(head, 350ms);
    EXPECT_LT(head, 10s);
    const auto body = lasts("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "a");
    EXPECT_GE(body, 350ms);
    EXPECT_LT(body, 10s);
    const auto nothing = lasts("", "");
    EXPECT_GE(nothing, 750ms);
    EXPECT_LT(nothing, 10s);
    EXPECT_THAT(ask(k_healthz + "Connection: close\r\n\r\n"), HasSubstr("ok\n"));
}

TEST_F(Ec2Http, PagesOfTheWebAreRefusedWithoutSignatures) {
    begin(false);
    const std::string close = "Connection: close\r\n\r\n";
    for (const std::string target : {"/", "/metrics", "/_amivirt/reset"}) {
        EXPECT_THAT(ask("POST " + target + " HTTP/1.1\r\nHost: localhost\r\nOrigin: http://example.org\r\nContent-Length: 0\r\n" + close),
                    StartsWith("HTTP/1.1 403 "))
            << target;
        EXPECT_THAT(ask("GET " + target + " HTTP/1.1\r\nHost: rebound.example.org\r\n" + close), StartsWith("HTTP/1.1 403 ")) << target;
    }
    EXPECT_THAT(ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + close),
                HasSubstr("amivirt_requests_total{action=\"none\",code=\"403\"} 6\n"));
}

TEST_F(Ec2Http, AddressesThatOthersReachNeedTlsAndSignatures) {
    api_ = std::make_unique<Api>(Ports{{}, accounts_, ids_, clock_, log_, true, AccountId::local(), "", 0, false});
    options_.port = 0;
    const auto never = [](const std::string& url) { ADD_FAILURE() << url; };
    for (const char* address : {"0.0.0.0", "::", "192.0.2.1"}) {
        options_.address = address;
        const auto refused = serve(*api_, options_, log_, never);
        ASSERT_FALSE(refused) << address;
        EXPECT_EQ(refused.error().code, Code::invalid_parameter_value);
    }
    options_.address = "127.0.0.1";
    options_.tls = TlsFiles{"/nowhere/cert.pem", "/nowhere/key.pem"};
    EXPECT_EQ(serve(*api_, options_, log_, never).error().code, Code::invalid_parameter_value);
}

}  // namespace
}  // namespace amivirt::ec2
