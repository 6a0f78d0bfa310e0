// What stands between the socket and the API: heads of requests, web pages, rates, counts, lines of the log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "faces/ec2/access_log.hpp"
#include "faces/ec2/guard.hpp"
#include "faces/ec2/metrics.hpp"
#include "faces/ec2/rate.hpp"
#include "faces/ec2/server.hpp"
#include "faces/ec2/systemd.hpp"
#include "fakes/manual_clock.hpp"

namespace amivirt::ec2 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string k_post = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n";

TEST(Ec2Head, AWholeOneIsMeasured) {
    const std::string head = k_post + "Content-Length: 5\r\nX:\t a b \t\r\n\r\n";
    EXPECT_EQ(examine_head(head).length, head.size());
    EXPECT_EQ(examine_head(head + "A=123GET / HTTP/1.1\r\n").length, head.size());
    const std::string old = "GET /healthz HTTP/1.0\r\n\r\n";
    EXPECT_EQ(examine_head(old).length, old.size());
    const std::string chunked = k_post + "transfer-encoding: Chunked\r\n\r\n";
    EXPECT_EQ(examine_head(chunked).length, chunked.size());
}

TEST(Ec2Head, OneThatComesInPiecesIsWaitedFor) {
    const std::string head = k_post + "Content-Length: 5\r\n\r\n";
    for (std::size_t length = 0; length < head.size(); ++length) {
        const Head seen = examine_head(std::string_view(head).substr(0, length));
        EXPECT_EQ(seen.length, 0U) << length;
        EXPECT_EQ(seen.wrong, "") << length;
    }
}

TEST(Ec2Head, ChunksAreUnknownToHttp10) {
    for (const std::string host : {"", "Host: x\r\n"}) {
        EXPECT_EQ(examine_head("POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n").wrong,
                  "a Transfer-Encoding in HTTP/1.0");
    }
}

TEST(Ec2Head, WhatTwoReadersMayTakeForTwoRequestsIsRefused) {
    for (const std::string more : {
             "Content-Length: 5\r\nContent-Length: 6\r\n",
             "Content-Length: 5\r\nContent-Length: 5\r\n",
             "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
             "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
             "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
             "Transfer-Encoding: xchunked\r\n",
             "Transfer-Encoding: gzip, chunked\r\n",
             "Transfer-Encoding: \"chunked\"\r\n",
             "Transfer-Encoding:\r\n",
             "Content-Length: -1\r\n",
             "Content-Length: +5\r\n",
             "Content-Length: 5, 5\r\n",
             "Content-Length: 0x5\r\n",
             "Content-Length:\r\n",
             "Content-Length : 5\r\n",
             " Content-Length: 5\r\n",
             "X: a\r\n b\r\n",
             "X: a\r\n\tb\r\n",
             "X: a\rContent-Length: 5\r\n",
             "X: a\nY: b\r\n",
             "X: a\n\r\n",
             "X: a\r\r\n",
             "X\r\n",
             ": a\r\n",
             "X\x01: a\r\n",
             "X: a\x7f\r\n",
             "X Y: a\r\n",
             "Host: other\r\n",
         }) {
        const Head head = examine_head(k_post + more + "\r\n");
        EXPECT_EQ(head.length, 0U) << more;
        EXPECT_NE(head.wrong, "") << more;
    }
    for (const std::string whole : {"\x16\x03\x01", " POST", "POST /\r\n", "POST  / HTTP/1.1\r\n", "POST / x HTTP/1.1\r\n",
                                    "POST / HTTP/2.0\r\n", "PO(ST / HTTP/1.1\r\n", "POST / HTTP/1.1\n", "GET / HTTP/1.1\r\n\r\n"}) {
        EXPECT_NE(examine_head(whole).wrong, "") << whole;
    }
    EXPECT_NE(examine_head(k_post + std::string("X: a\0b\r\n", 8)).wrong, "");
}

TEST(Ec2Foreign, PagesAndOtherNamesAreRefused) {
    const auto refused = [](std::vector<std::pair<std::string, std::string>> headers) {
        return !foreign({"POST", "/", std::move(headers), ""}, "127.0.0.1").empty();
    };
    EXPECT_FALSE(refused({{"Host", "127.0.0.1:8773"}}));
    EXPECT_FALSE(refused({{"host", "LOCALHOST:8773"}}));
    EXPECT_FALSE(refused({{"Host", "[::1]:8773"}}));
    EXPECT_FALSE(refused({{"Host", "127.9.9.9"}}));
    EXPECT_FALSE(refused({{"Host", "ec2.us-east-1.localhost:8773"}}));
    EXPECT_FALSE(refused({{"Host", "localhost"}, {"Sec-Fetch-Site", "none"}, {"Sec-Fetch-Mode", "cors"}}));
    EXPECT_TRUE(refused({{"Host", "127.0.0.1:8773"}, {"Origin", "http://example.org"}}));
    EXPECT_TRUE(refused({{"Host", "127.0.0.1:8773"}, {"origin", "null"}}));
    EXPECT_TRUE(refused({{"Host", "127.0.0.1:8773"}, {"Sec-Fetch-Site", "cross-site"}}));
    for (const char* host :
         {"example.org", "example.org:8773", "127.0.0.1.example.org", "localhost.example.org", "127.0.0.1x", "", "[::2]:1"}) {
        EXPECT_TRUE(refused({{"Host", host}})) << host;
    }
    EXPECT_TRUE(refused({}));
}

TEST(Ec2Rate, ABucketForEachAccount) {
    fakes::ManualClock clock;
    Rate rate(5, clock);
    for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(rate.take("a")) << i;
    }
    EXPECT_FALSE(rate.take("a"));
    EXPECT_TRUE(rate.take("b"));
    clock.advance(std::chrono::milliseconds(400));
    EXPECT_TRUE(rate.take("a"));
    EXPECT_TRUE(rate.take("a"));
    EXPECT_FALSE(rate.take("a"));
    clock.advance(std::chrono::hours(1));
    int taken = 0;
    while (rate.take("a")) {
        ++taken;
    }
    EXPECT_EQ(taken, 10);
    Rate none(0, clock);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(none.take("a"));
    }
}

TEST(Ec2Metrics, Text) {
    Metrics metrics;
    metrics.count("DescribeImages", "OK", 0.002);
    metrics.count("DescribeImages", "OK", 0.3);
    metrics.count("DescribeImages", "AuthFailure", 60);
    metrics.count_connection();
    const std::string text = metrics.text({3, 2, {{{"us-\"east", "running"}, 7}}});
    for (const char* line : {"\namivirt_requests_total{action=\"DescribeImages\",code=\"OK\"} 2\n",
                             "\namivirt_requests_total{action=\"DescribeImages\",code=\"AuthFailure\"} 1\n",
                             "_bucket{action=\"DescribeImages\",le=\"0.001\"} 0\n", "_bucket{action=\"DescribeImages\",le=\"0.0025\"} 1\n",
                             "_bucket{action=\"DescribeImages\",le=\"0.5\"} 2\n", "_bucket{action=\"DescribeImages\",le=\"10\"} 2\n",
                             "_bucket{action=\"DescribeImages\",le=\"+Inf\"} 3\n", "_sum{action=\"DescribeImages\"} 60.302000\n",
                             "_count{action=\"DescribeImages\"} 3\n", "\namivirt_connections 3\n", "\namivirt_connections_total 1\n",
                             "\namivirt_background_operations 2\n", "\namivirt_instances{region=\"us-\\\"east\",state=\"running\"} 7\n",
                             "# TYPE amivirt_request_duration_seconds histogram\n"}) {
        EXPECT_THAT(text, HasSubstr(line));
    }
}

TEST(Ec2AccessLog, Lines) {
    const AccessLine line{"::1", "", "Des cribe\nImages", 200, "OK", Duration(3), 2048, "id"};
    EXPECT_EQ(text_of(TimePoint{}, line), "1970-01-01T00:00:00.000Z ::1 - Des_cribe\xEF\xBF\xBDImages 200 OK 3ms 2048 id\n");
    const auto folder = std::filesystem::temp_directory_path() / fmt::format("amivirt-access.{}", ::getpid());
    EXPECT_FALSE(AccessLog((folder / "log").string()).check()) << "a folder that is not there";
    std::filesystem::create_directory(folder);
    AccessLog log((folder / "log").string());
    EXPECT_TRUE(log.check());
    log.write(TimePoint{}, line);
    std::filesystem::rename(folder / "log", folder / "old");
    log.write(TimePoint{}, line);
    log.write(TimePoint{}, line);
    EXPECT_EQ(std::filesystem::file_size(folder / "log"), 2 * std::filesystem::file_size(folder / "old"));
    std::filesystem::remove_all(folder);
}

TEST(Ec2Listen, Addresses) {
    EXPECT_EQ(parse_listen("0.0.0.0:1")->address, "0.0.0.0");
    EXPECT_EQ(parse_listen("[::1]:0")->port, 0);
    EXPECT_EQ(parse_listen("localhost")->address, "127.0.0.1");
    for (const char* bad : {"nonsense", "127.0.0.1:x", "127.0.0.1:99999", "example.org:1"}) {
        EXPECT_FALSE(parse_listen(bad)) << bad;
    }
}

TEST(Ec2Systemd, ToldOfItsState) {
    const auto path = std::filesystem::temp_directory_path() / fmt::format("amivirt-notify.{}", ::getpid());
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    Notifier().tell("READY=1");
    EXPECT_EQ(::getenv("NOTIFY_SOCKET"), nullptr);
    std::array<char, 64> bytes{};
    const ssize_t length = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
    EXPECT_EQ(std::string(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))), "READY=1");
    Notifier().tell("READY=1");
    EXPECT_LT(::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT), 0);
    ::close(socket);
    std::filesystem::remove(path);
}

TEST(Ec2Systemd, SocketsOfAnotherProcessAreNotOurs) {
    ::setenv("LISTEN_PID", "1", 1);
    ::setenv("LISTEN_FDS", "1", 1);
    EXPECT_EQ(inherited_socket().value(), std::nullopt);
    EXPECT_EQ(::getenv("LISTEN_FDS"), nullptr);
    ::setenv("LISTEN_PID", fmt::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "2", 1);
    EXPECT_FALSE(inherited_socket());
    EXPECT_EQ(inherited_socket().value(), std::nullopt) << "the environment was emptied";
}

}  // namespace
}  // namespace amivirt::ec2
