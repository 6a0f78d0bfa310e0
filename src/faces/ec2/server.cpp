#include "faces/ec2/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <charconv>
#include <cstdlib>
#include <set>
#include <thread>
#include <vector>

#include "amivirt/base/interrupt.hpp"
#include "faces/ec2/access_log.hpp"
#include "faces/ec2/codes.hpp"
#include "faces/ec2/guard.hpp"
#include "faces/ec2/systemd.hpp"
#include "faces/ec2/tls.hpp"
#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::use_awaitable;
using Stream = beast::tcp_stream;
using Secured = beast::ssl_stream<beast::tcp_stream&>;

/// Of an answer what goes over the wire.
struct Response {
    unsigned status = 200;
    std::string content_type = "text/plain";
    std::string request_id;  ///< "" none
    std::string body;
    unsigned version = 11;
    bool keep_alive = true;
};

std::string text_of(const Response& response) {
    std::string text =
        fmt::format("HTTP/{}.{} {} {}\r\nServer: amivirt\r\nContent-Type: {}\r\n", response.version / 10, response.version % 10,
                    response.status, std::string_view(http::obsolete_reason(http::int_to_status(response.status))), response.content_type);
    if (!response.request_id.empty()) {
        text += fmt::format("x-amzn-RequestId: {}\r\n", response.request_id);
    }
    if (response.keep_alive != (response.version >= 11)) {  // else as the version has it
        text += response.keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
    }
    text += fmt::format("Content-Length: {}\r\n\r\n", response.body.size());
    text += response.body;
    return text;
}

/// A connection, with TLS or without. (Beast's own reading and writing of messages, made for both, takes a minute to compile.)
class Channel {
public:
    Channel() = default;
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    virtual ~Channel() = default;
    virtual asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, beast::error_code& error) = 0;
    virtual asio::awaitable<void> write(const std::string& text, beast::error_code& error) = 0;
    /// Beneath TLS: it has the time-outs, and is what is cancelled.
    virtual Stream& lowest() = 0;
};

template <class Kind>
class ChannelOver final : public Channel {
public:
    ChannelOver(Kind& kind, Stream& lowest) : kind_(kind), lowest_(lowest) {}
    asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, beast::error_code& error) override {
        co_return co_await kind_.async_read_some(into, asio::redirect_error(use_awaitable, error));
    }
    asio::awaitable<void> write(const std::string& text, beast::error_code& error) override {
        error = {};
        for (std::size_t at = 0; at < text.size() && !error;) {
            const asio::const_buffer rest(text.data() + at, text.size() - at);
            at += co_await kind_.async_write_some(rest, asio::redirect_error(use_awaitable, error));
        }
    }
    Stream& lowest() override { return lowest_; }

private:
    Kind& kind_;
    Stream& lowest_;
};

using Parser = http::request_parser<http::string_body>;

constexpr std::size_t k_some = 4096;  // a connection keeps what its largest read took
constexpr std::size_t k_some_of_body = std::size_t{64} << 10U;
// How long and how much is listened to a client that was told no.
constexpr Duration k_part_within = std::chrono::seconds(5);
constexpr std::size_t k_most_drained = std::size_t{16} << 20U;

HttpRequest plain(http::request<http::string_body> message) {
    HttpRequest request;
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());
    for (const auto& field : message) {
        request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    request.body = std::move(message.body());
    return request;
}

/// What is wrong with a request that could not be read, if that can be answered at all.
std::optional<Error> refusal_of(const beast::error_code& error) {
    if (error == http::error::body_limit) {
        return Error(wire::request_entity_too_large, error.message());
    }
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        return Error(wire::request_header_section_too_large, error.message());
    }
    return error.category() == make_error_code(http::error::bad_method).category() && error != http::error::end_of_stream &&
                   error != http::error::partial_message
               ? std::optional(Error(wire::malformed_http_request, error.message()))
               : std::nullopt;
}

std::string_view text_in(const beast::flat_buffer& buffer) { return {static_cast<const char*>(buffer.data().data()), buffer.size()}; }

Response plain_text(unsigned status, const std::string& text) {
    Response response;
    response.status = status;
    response.body = text + "\n";
    return response;
}

Response over_the_wire(HttpResponse answer) {
    Response response;
    response.status = answer.status;
    response.content_type = std::move(answer.content_type);
    response.request_id = std::move(answer.request_id);
    response.body = std::move(answer.body);
    return response;
}

class Server {
public:
    Server(Api& api, const ServerOptions& options, Log& log)
        : api_(api), options_(options), log_(log), access_(options.access_log), workers_(options.threads) {}

    Result<std::string> listen() {
        // Before anybody hears that it listens, and may want it to end: what comes from here on waits for run().
        signals_.add(SIGINT);
        signals_.add(SIGTERM);
        signals_.add(SIGHUP);
        check_interrupt();
        AMIVIRT_TRY(access_.check());
        if (options_.tls) {
            tls_ = AMIVIRT_TRY(make_tls(*options_.tls));
        }
        beast::error_code error;
        const auto address = asio::ip::make_address(options_.address, error);
        if (const auto inherited = AMIVIRT_TRY(inherited_socket())) {
            acceptor_.assign(asio::ip::tcp::v4(), *inherited, error);  // a v6 one works all the same
            asio::ip::tcp::endpoint bound = error ? asio::ip::tcp::endpoint() : acceptor_.local_endpoint(error);
            if (error) {
                return Error(Code::invalid_parameter_value, fmt::format("the socket that was handed over: {}", error.message()),
                             "a socket unit with ListenStream=127.0.0.1:8773");
            }
            AMIVIRT_TRY(check_reach(bound.address()));
        } else if (!error) {
            AMIVIRT_TRY(check_reach(address));
            const asio::ip::tcp::endpoint endpoint(address, options_.port);
            acceptor_.open(endpoint.protocol(), error);
            if (!error) {
                acceptor_.set_option(asio::socket_base::reuse_address(true), error);
            }
            if (!error) {
                acceptor_.bind(endpoint, error);
            }
            if (!error) {
                acceptor_.listen(asio::socket_base::max_listen_connections, error);
            }
        }
        if (error) {
            return Error(Code::io_error, fmt::format("cannot listen on {}:{}: {}", options_.address, options_.port, error.message()),
                         "another port: --listen 127.0.0.1:0 takes a free one");
        }
        const auto bound = acceptor_.local_endpoint();
        own_address_ = bound.address().to_string();
        const std::string host = bound.address().is_v6() ? "[" + own_address_ + "]" : own_address_;
        return fmt::format("{}://{}:{}", tls_ ? "https" : "http", host, bound.port());
    }

    void run(const Notifier& notifier) {
        notifier_ = &notifier;
        asio::co_spawn(io_, stop_on_signal(), asio::detached);
        asio::co_spawn(io_, accept(), asio::detached);
        std::jthread tidier([this](const std::stop_token& stop) { tidy(stop); });
        io_.run();  // until nothing is left to wait for
        workers_.join();
        tidier.request_stop();
        {
            const std::lock_guard lock(tidy_mutex_);
            tidy_wakes_.notify_all();
        }
        tidier.join();
        api_.hurry();
        if (!api_.background().drain(std::chrono::milliseconds(0))) {
            log_.write(LogLevel::info, "serve", fmt::format("stopping: waiting for {} operation(s)", api_.background().count()));
            if (!api_.background().drain(options_.stop_within)) {
                log_.write(LogLevel::warning, "serve", "stopping in the middle of operations: the next amivirt cleans up after them");
                std::quick_exit(EXIT_FAILURE);
            }
        }
    }

private:
    [[nodiscard]] Result<void> check_reach(const asio::ip::address& address) const {
        if (address.is_loopback() || (tls_ && api_.authenticates())) {
            return {};
        }
        return Error(
            Code::invalid_parameter_value,
            fmt::format("{} can be reached from other machines: there the API is served only with TLS, to requests that are signed",
                        address.to_string()),
            tls_ ? "without --no-auth" : "--tls makes a certificate; ssh -L leads to a loopback address");
    }

    asio::awaitable<void> stop_on_signal() {
        beast::error_code error;
        const int number = co_await signals_.async_wait(asio::redirect_error(use_awaitable, error));
        if (error) {
            co_return;
        }
        log_.write(LogLevel::info, "serve", fmt::format("stopping (signal {})", number));
        stopping_ = true;
        notifier_->tell("STOPPING=1");
        acceptor_.close(error);
        slot_.cancel();
        for (Stream* stream : idle_) {
            stream->cancel();  // a request that is worked on is answered first
        }
        signals_.clear(error);  // whoever is in a hurry ends it all with a second one
    }

    asio::awaitable<void> accept() {
        while (!stopping_) {
            beast::error_code error;
            while (open_ >= options_.connections && !stopping_) {
                slot_.expires_at(std::chrono::steady_clock::time_point::max());
                co_await slot_.async_wait(asio::redirect_error(use_awaitable, error));
            }
            auto socket = co_await acceptor_.async_accept(asio::redirect_error(use_awaitable, error));
            if (stopping_) {
                break;
            }
            if (error) {  // out of descriptors, or the client has gone
                log_.write(LogLevel::warning, "serve", fmt::format("accepting a connection: {}", error.message()));
                asio::steady_timer pause(io_, std::chrono::milliseconds(100));
                co_await pause.async_wait(asio::redirect_error(use_awaitable, error));
                continue;
            }
            ++open_;
            socket.set_option(asio::ip::tcp::no_delay(true), error);  // answers are small and wanted at once
            metrics_.count_connection();
            asio::co_spawn(io_, welcome(Stream(std::move(socket))), [this](const std::exception_ptr& thrown) {
                --open_;
                slot_.cancel();
                if (thrown) {
                    log_.write(LogLevel::error, "serve", "a connection ended with an exception: this is a bug");
                }
            });
        }
    }

    /// Reads some more into `buffer`, as a connection that is let go when the server stops: what it says half of a request is acted upon in
    /// no part.
    asio::awaitable<beast::error_code> wait_for_more(Channel& channel, beast::flat_buffer& buffer, std::size_t some = k_some) {
        beast::error_code error;
        if (stopping_) {
            co_return asio::error::operation_aborted;
        }
        idle_.insert(&channel.lowest());
        const std::size_t got = co_await channel.read_some(buffer.prepare(some), error);
        idle_.erase(&channel.lowest());
        buffer.commit(got);
        co_return error;
    }

    /// What a connection was told last.
    enum class Said { answer, refusal };

    /// The end of a connection. A client that was refused may still be sending: to close with that unread would be a reset, which takes the
    /// refusal from it (source: RFC 9112, section 9.6).
    asio::awaitable<void> part(Stream& stream, Said last) {
        beast::error_code error;
        stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
        if (last != Said::refusal) {
            co_return;
        }
        std::vector<char> unheard(k_some_of_body);
        stream.expires_after(k_part_within);
        for (std::size_t drained = 0; !error && !stopping_ && drained < k_most_drained;) {
            idle_.insert(&stream);
            drained += co_await stream.async_read_some(asio::buffer(unheard), asio::redirect_error(use_awaitable, error));
            idle_.erase(&stream);
        }
    }

    asio::awaitable<void> welcome(Stream stream) {
        beast::error_code error;
        beast::flat_buffer buffer;
        const auto end = stream.socket().remote_endpoint(error);
        const asio::ip::address peer = error ? asio::ip::address() : end.address();
        ChannelOver<Stream> bare(stream, stream);
        if (!tls_) {
            const Said said = co_await converse(bare, buffer, peer);
            co_await part(stream, said);
            co_return;
        }
        stream.expires_after(options_.handshake_within);
        const beast::error_code gone = co_await wait_for_more(bare, buffer);
        if (gone) {
            co_return;
        }
        constexpr char k_handshake = 0x16;  // source: RFC 8446, section 5.1
        if (text_in(buffer).front() != k_handshake) {
            Response response = over_the_wire(api_.refuse({wire::malformed_http_request, "This port speaks TLS: ask it with https://"}));
            response.keep_alive = false;
            co_await bare.write(text_of(response), error);
            note(peer, "none", "none", response.status, "PlainHttp", {}, response.body.size(), response.request_id);
            co_await part(stream, Said::refusal);
            co_return;
        }
        Secured secured(stream, *tls_);
        idle_.insert(&stream);
        const std::size_t used =
            co_await secured.async_handshake(asio::ssl::stream_base::server, buffer.data(), asio::redirect_error(use_awaitable, error));
        idle_.erase(&stream);
        if (error) {
            log_.write(LogLevel::info, "serve", fmt::format("TLS with {}: {}", peer.to_string(), error.message()));
            co_return;
        }
        buffer.consume(used);
        ChannelOver<Secured> channel(secured, stream);
        const Said said = co_await converse(channel, buffer, peer);
        stream.expires_after(std::chrono::seconds(1));  // for a client's own farewell; nothing depends on it
        co_await secured.async_shutdown(asio::redirect_error(use_awaitable, error));
        co_await part(stream, said);
    }

    /// The head of the next request into `buffer`; if something is wrong with it, `wrong` says what. False: the client has gone, or has
    /// said too little for too long.
    asio::awaitable<bool> read_head(Channel& channel, beast::flat_buffer& buffer, std::optional<Error>& wrong) {
        // Not so long as a client may take for a request, but for the next one to begin.
        channel.lowest().expires_after(options_.idle);
        if (buffer.size() == 0) {
            const beast::error_code gone = co_await wait_for_more(channel, buffer);
            if (gone) {
                co_return false;
            }
        }
        channel.lowest().expires_after(options_.read_within);
        for (bool fresh = true;;) {
            // An empty line before a request is skipped (source: RFC 9112, section 2.2).
            while (text_in(buffer).starts_with("\r\n")) {
                buffer.consume(2);
            }
            if (fresh) {
                const Head head = examine_head(text_in(buffer));
                if (!head.wrong.empty()) {
                    wrong.emplace(wire::malformed_http_request, std::string("refused: ") + std::string(head.wrong));
                    co_return true;
                }
                if (head.length > 0 && head.length <= options_.header_limit) {
                    co_return true;
                }
            }
            if (buffer.size() > options_.header_limit) {
                wrong.emplace(wire::request_header_section_too_large, "the headers are too long");
                co_return true;
            }
            const std::size_t before = buffer.size();
            const beast::error_code gone = co_await wait_for_more(channel, buffer);
            if (gone) {
                co_return false;
            }
            fresh = before == 0 || text_in(buffer).find('\n', before) != std::string_view::npos;  // else a line that goes on
        }
    }

    /// What the parser takes of `buffer`, until it needs more.
    static beast::error_code feed(Parser& parser, beast::flat_buffer& buffer) {
        beast::error_code error;
        while (buffer.size() > 0 && !parser.is_done()) {
            const std::size_t used = parser.put(buffer.data(), error);
            buffer.consume(used);
            if (error == http::error::need_more) {
                return {};
            }
            if (error || used == 0) {
                return error;
            }
        }
        return error;
    }

    /// A request whose head is in `buffer`.
    asio::awaitable<beast::error_code> read_request(Channel& channel, beast::flat_buffer& buffer, Parser& parser) {
        beast::error_code error;
        buffer.consume(parser.put(buffer.data(), error));
        if (!error && parser.get()[http::field::expect] == "100-continue") {
            co_await channel.write("HTTP/1.1 100 Continue\r\n\r\n", error);
        }
        parser.eager(true);
        while (!error) {
            error = feed(parser, buffer);
            if (error || parser.is_done()) {
                break;
            }
            if (buffer.size() > options_.header_limit) {  // the line before a chunk
                error = http::error::header_limit;
                break;
            }
            const std::size_t left = static_cast<std::size_t>(parser.content_length_remaining().value_or(0));
            error = co_await wait_for_more(channel, buffer, std::clamp(left, k_some, k_some_of_body));
        }
        co_return error;
    }

    asio::awaitable<Said> converse(Channel& channel, beast::flat_buffer& buffer, const asio::ip::address& peer) {
        Said last = Said::answer;
        beast::error_code error;
        for (bool goes_on = true; goes_on && !stopping_;) {
            Parser parser;
            parser.header_limit(options_.header_limit);
            parser.body_limit(options_.body_limit);
            std::optional<Error> wrong;
            const bool there = co_await read_head(channel, buffer, wrong);
            if (!there) {
                break;
            }
            if (!wrong) {
                error = co_await read_request(channel, buffer, parser);
                if (error) {
                    wrong = refusal_of(error);
                    if (!wrong) {
                        break;
                    }
                }
            }
            Response response;
            if (wrong) {
                response = over_the_wire(api_.refuse(*wrong));
                response.keep_alive = false;
                goes_on = false;
                last = Said::refusal;
                note(peer, "none", "none", response.status, fmt::to_string(response.status), {}, response.body.size(), response.request_id);
            } else {
                response = co_await respond(parser.release(), peer);
                goes_on = response.keep_alive && !stopping_;
                response.keep_alive = goes_on;
            }
            channel.lowest().expires_after(options_.write_within);
            co_await channel.write(text_of(response), error);
            if (error) {
                break;
            }
        }
        co_return last;
    }

    void note(const asio::ip::address& peer, const std::string& action, const std::string& what, unsigned status, const std::string& code,
              std::chrono::steady_clock::duration took, std::size_t bytes, const std::string& request_id, const std::string& account = "") {
        metrics_.count(action, code, std::chrono::duration<double>(took).count());
        if (!options_.access_log.empty()) {
            access_.write(std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()),
                          {peer.to_string(), account, what, status, code, std::chrono::duration_cast<Duration>(took), bytes, request_id});
        }
    }

    /// What is not the API's.
    asio::awaitable<Response> respond_beside(const std::string& target, const asio::ip::address& peer) {
        if (target == "/healthz") {
            co_return plain_text(200, "ok");
        }
        if (!peer.is_loopback() && !(peer.is_v6() && peer.to_v6().is_v4_mapped() && peer.to_v6().to_bytes().at(12) == 127)) {
            co_return plain_text(403, "the metrics are for this machine alone");
        }
        co_await asio::post(asio::bind_executor(workers_, use_awaitable));
        Gauges gauges = api_.gauges();
        co_await asio::post(asio::bind_executor(io_, use_awaitable));
        gauges.connections = open_;
        Response response = plain_text(200, "");
        response.content_type = "text/plain; version=0.0.4; charset=utf-8";
        response.body = metrics_.text(gauges);
        co_return response;
    }

    asio::awaitable<Response> respond(http::request<http::string_body> message, const asio::ip::address& peer) {
        const auto began = std::chrono::steady_clock::now();
        const bool keep_alive = message.keep_alive();
        const unsigned version = message.version();
        const bool head_only = message.method() == http::verb::head;
        const HttpRequest request = plain(std::move(message));
        std::string refused = api_.authenticates() ? "" : foreign(request, own_address_);
        Response response;
        if (request.target == "/healthz" || (request.target == "/metrics" && refused.empty())) {
            response = co_await respond_beside(request.target, peer);
            note(peer, "none", request.method + " " + request.target, response.status, "OK", std::chrono::steady_clock::now() - began,
                 response.body.size(), "");
        } else if (!refused.empty()) {
            response = over_the_wire(
                api_.refuse({Code::unauthorized_operation,
                             "refused: without signatures (--no-auth) only programs of this machine are answered, and " + refused}));
            log_.write(LogLevel::warning, "serve", fmt::format("refused a request of {}: {}", peer.to_string(), refused));
            note(peer, "none", "none", response.status, fmt::to_string(response.status), std::chrono::steady_clock::now() - began,
                 response.body.size(), response.request_id);
        } else {
            // The services block: they have threads of their own, and this one goes on with the sockets.
            co_await asio::post(asio::bind_executor(workers_, use_awaitable));
            HttpResponse answer = api_.handle(request);
            co_await asio::post(asio::bind_executor(io_, use_awaitable));
            const auto took = std::chrono::steady_clock::now() - began;
            log_.write(LogLevel::debug, "serve",
                       fmt::format("{} {} {} {} {} ms", answer.account, printable(answer.action), answer.status, answer.request_id,
                                   std::chrono::duration_cast<Duration>(took).count()));
            note(peer, std::string(answer.known_action), answer.action, answer.status, answer.code, took, answer.body.size(),
                 answer.request_id, answer.account);
            response = over_the_wire(std::move(answer));
        }
        response.version = version;
        response.keep_alive = keep_alive;
        if (head_only) {
            response.body.clear();
        }
        co_return response;
    }

    void tidy(const std::stop_token& stop) {
        std::unique_lock lock(tidy_mutex_);
        while (!stop.stop_requested()) {
            tidy_wakes_.wait_for(lock, options_.tidy_every, [&] { return stop.stop_requested(); });
            if (!stop.stop_requested()) {
                api_.tidy();
            }
        }
    }

    Api& api_;
    const ServerOptions& options_;
    Log& log_;
    AccessLog access_;
    Metrics metrics_;
    std::unique_ptr<asio::ssl::context> tls_;  ///< none: without TLS
    std::string own_address_;
    const Notifier* notifier_ = nullptr;
    asio::io_context io_{1};
    asio::thread_pool workers_;
    asio::ip::tcp::acceptor acceptor_{io_};
    asio::signal_set signals_{io_};
    asio::steady_timer slot_{io_};
    std::set<Stream*> idle_;  ///< connections that something is awaited of
    std::size_t open_ = 0;
    bool stopping_ = false;
    std::mutex tidy_mutex_;
    std::condition_variable tidy_wakes_;
};

}  // namespace

Result<ServerOptions> parse_listen(const std::string& text) {
    ServerOptions options;
    const Error bad(Code::invalid_parameter_value, fmt::format("\"{}\" is no ADDRESS:PORT to listen on", printable(text)),
                    "as in \"127.0.0.1:8773\"");
    std::string host = text;
    const std::size_t colon = text.rfind(':');
    if (colon != std::string::npos && text.find(']', colon) == std::string::npos) {
        host = text.substr(0, colon);
        const auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), options.port);
        if (error != std::errc() || end != text.data() + text.size()) {
            return bad;
        }
    }
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    options.address = host == "localhost" || host.empty() ? "127.0.0.1" : host;
    beast::error_code error;
    asio::ip::make_address(options.address, error);
    if (error) {
        return bad;
    }
    return options;
}

Result<void> serve(Api& api, const ServerOptions& options, Log& log, const std::function<void(const std::string& url)>& ready) {
    try {
        const Notifier notifier;
        Server server(api, options, log);
        const auto url = AMIVIRT_TRY(server.listen());
        api.tidy();
        ready(url);
        notifier.tell("READY=1\nSTATUS=Serving " + url);
        server.run(notifier);
        api.leave();
    } catch (const boost::system::system_error& error) {
        return Error(Code::io_error, fmt::format("serving: {}", error.what()));
    }
    return {};
}

}  // namespace amivirt::ec2
