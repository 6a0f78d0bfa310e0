#include "disk_http_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace amivirt::contract {
namespace {

bool send_all(int connection, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::optional<SeenRequest> read_request(int connection) {
    std::string text;
    while (text.find("\r\n\r\n") == std::string::npos) {
        char piece[1024];
        const ssize_t count = ::recv(connection, piece, sizeof piece, 0);
        if (count <= 0) {
            return std::nullopt;
        }
        text.append(piece, static_cast<std::size_t>(count));
    }
    SeenRequest request;
    const auto first = text.find(' ');
    request.path = text.substr(first + 1, text.find(' ', first + 1) - first - 1);
    for (std::size_t begin = text.find("\r\n") + 2; begin < text.size();) {
        const auto end = text.find("\r\n", begin);
        const auto colon = text.find(':', begin);
        if (end == begin || colon == std::string::npos || colon > end) {
            break;
        }
        std::string name = text.substr(begin, colon - begin);
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        request.headers[name] = text.substr(colon + 2, end - colon - 2);
        begin = end + 2;
    }
    return request;
}

}  // namespace

HttpServer::HttpServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 || ::getsockname(listener_, generic, &size) != 0) {
        throw std::runtime_error("no HTTP server");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
}

HttpServer::~HttpServer() {
    stopping_ = true;
    acceptor_.join();
    ::close(listener_);
}

void HttpServer::accept_all() {
    std::vector<std::thread> connections;
    while (!stopping_) {
        pollfd waiting{listener_, POLLIN, 0};
        if (::poll(&waiting, 1, 20) == 1) {
            const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (connection >= 0) {
                connections.emplace_back([this, connection] { serve(connection); });
            }
        }
    }
    for (std::thread& connection : connections) {
        connection.join();
    }
}

void HttpServer::serve(int connection) {
    struct Close {
        int fd;
        ~Close() { ::close(fd); }
    } const closer{connection};
    const auto request = read_request(connection);
    if (!request) {
        return;
    }
    requests_.lock()->push_back(*request);
    Resource resource;
    bool drop = false;
    {
        auto resources = resources_.lock();
        const auto found = resources->find(request->path);
        if (found == resources->end()) {
            send_all(connection, "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nConnection: close\r\n\r\nnope\n");
            return;
        }
        if (found->second.failures > 0) {
            --found->second.failures;
            send_all(connection, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return;
        }
        drop = found->second.drops > 0;
        found->second.drops -= drop ? 1 : 0;
        resource = found->second;
    }
    if (resource.status != 200) {
        send_all(connection, "HTTP/1.1 " + std::to_string(resource.status) + " Whatever\r\n" +
                                 (resource.location.empty() ? "" : "Location: " + resource.location + "\r\n") +
                                 "Content-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    }
    const auto header = [&](const std::string& name) {
        const auto found = request->headers.find(name);
        return found == request->headers.end() ? std::string() : found->second;
    };
    const std::string range = header("range");
    const std::string condition = header("if-range");
    const bool matches =
        !resource.obeys_if_range || condition.empty() || condition == (resource.etag.empty() ? resource.last_modified : resource.etag);
    std::size_t first = 0;
    std::string head = "HTTP/1.1 200 OK\r\n";
    if (resource.ranges && range.starts_with("bytes=") && matches) {
        first = std::stoul(range.substr(6));
        if (first >= resource.body.size()) {
            send_all(connection, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */" + std::to_string(resource.body.size()) +
                                     "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return;
        }
        first = resource.wrong_range ? 0 : first;
        head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " + std::to_string(first) + "-" +
               std::to_string(resource.body.size() - 1) + "/" + std::to_string(resource.body.size()) + "\r\n";
    }
    const std::string_view body = std::string_view(resource.body).substr(first);
    head += resource.etag.empty() ? "" : "ETag: " + resource.etag + "\r\n";
    head += resource.last_modified.empty() ? "" : "Last-Modified: " + resource.last_modified + "\r\n";
    head += resource.length ? "Content-Length: " + std::to_string(body.size()) + "\r\n" : "";
    if (!send_all(connection, head + "Connection: close\r\n\r\n")) {
        return;
    }
    const std::size_t end = drop ? std::min(resource.drop_after, body.size()) : body.size();
    constexpr std::size_t k_piece = 65536;
    for (std::size_t at = 0; at < end && !stopping_; at += k_piece) {
        if (!send_all(connection, body.substr(at, std::min(k_piece, end - at)))) {
            return;
        }
        if (resource.pause_ms > 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(resource.pause_ms));
        }
    }
    if (drop && !resource.length) {
        // Without a length only a reset tells that something is missing.
        const linger at_once{1, 0};
        ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
}

}  // namespace amivirt::contract
