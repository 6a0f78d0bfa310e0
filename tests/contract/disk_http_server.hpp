// A small HTTP server on the loopback, with the faults that real ones have.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "amivirt/base/sync.hpp"

namespace amivirt::contract {

struct Resource {
    std::string body{};
    std::string etag{};  ///< as sent, with its quotes
    std::string last_modified{};
    bool ranges = true;  ///< honours Range and If-Range
    bool obeys_if_range = true;
    bool wrong_range = false;    ///< answers 206 with another part than asked
    std::size_t drop_after = 0;  ///< closes the connection after so many bytes of body...
    unsigned drops = 0;          ///< ...this many times
    unsigned failures = 0;       ///< so many 503s first
    unsigned pause_ms = 0;       ///< between pieces of 64 KiB
    bool length = true;          ///< says Content-Length
    int status = 200;
    std::string location{};  ///< for redirects
};

struct SeenRequest {
    std::string path;
    std::map<std::string, std::string> headers;  ///< names in lower case
};

class HttpServer {
public:
    HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;
    ~HttpServer();

    void put(const std::string& path, Resource resource) { resources_.lock()->insert_or_assign(path, std::move(resource)); }
    [[nodiscard]] std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
    [[nodiscard]] std::vector<SeenRequest> requests() { return *requests_.lock(); }

private:
    void accept_all();
    void serve(int connection);

    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    Sync<std::map<std::string, Resource>> resources_;
    Sync<std::vector<SeenRequest>> requests_;
    std::thread acceptor_;
};

}  // namespace amivirt::contract
