// HTTP in front of the API.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "faces/ec2/api.hpp"

namespace amivirt::ec2 {

/// PEM files: a certificate, with what leads from it to its root, and its private key.
struct TlsFiles {
    std::string certificate;
    std::string key;
};

struct ServerOptions {
    std::string address = "127.0.0.1";  ///< any but a loopback address only with TLS, and requests that must be signed
    std::uint16_t port = 8773;          ///< 0: a free one
    std::optional<TlsFiles> tls{};      ///< none: HTTP without TLS
    std::string access_log{};           ///< as AccessLog takes it
    std::size_t threads = 16;           ///< requests that are worked on at a time
    std::size_t connections = 512;      ///< at a time; what comes beyond waits to be accepted
    std::size_t body_limit = 1U << 20U;
    std::uint32_t header_limit = 32U << 10U;
    Duration read_within = std::chrono::seconds(30);       ///< from a request's first byte to its last
    Duration idle = std::chrono::seconds(60);              ///< between two requests of a connection
    Duration write_within = std::chrono::seconds(60);      ///< a client that does not read its answer
    Duration handshake_within = std::chrono::seconds(10);  ///< from the first byte of TLS to its last
    Duration tidy_every = std::chrono::seconds(30);
    Duration stop_within = std::chrono::seconds(150);  ///< for what goes on when the server is told to stop: longer than a guest's shutdown
};

/// "127.0.0.1:8773", "[::1]:0", "localhost". invalid_parameter_value.
[[nodiscard]] Result<ServerOptions> parse_listen(const std::string& text);

/// Listens (on the socket that systemd hands over, if it does), tells the URL, and answers until SIGINT, SIGTERM or SIGHUP: then accepts
/// nothing more, finishes the requests and the operations that go on, and returns. A second signal ends the process at once; the next one
/// cleans up after it. invalid_parameter_value for an address that other machines reach, without TLS or signatures, before it listens; and
/// for a certificate or key that cannot be used.
[[nodiscard]] Result<void> serve(Api& api, const ServerOptions& options, Log& log,
                                 const std::function<void(const std::string& url)>& ready);

}  // namespace amivirt::ec2
