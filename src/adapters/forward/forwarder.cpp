#include "adapters/forward/forwarder.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace amivirt {

namespace {

namespace asio = boost::asio;
using asio::use_awaitable;
using asio::ip::tcp;
using Failure = boost::system::error_code;

constexpr std::size_t k_most_connections = 1024;
constexpr std::size_t k_chunk = 16384;

/// Two sockets, each of which says what the other hears.
struct Connection {
    tcp::socket client;
    tcp::socket guest;
    int pumps = 2;  ///< that have not ended
    void cut() {
        Failure ignored;
        client.close(ignored);
        guest.close(ignored);
    }
};
using ConnectionPtr = std::shared_ptr<Connection>;
using AcceptorPtr = std::shared_ptr<tcp::acceptor>;

class AsioForwarder final : public PortForwarder {
public:
    explicit AsioForwarder(Log& log) : log_(log) {}
    AsioForwarder(const AsioForwarder&) = delete;
    AsioForwarder& operator=(const AsioForwarder&) = delete;
    ~AsioForwarder() override { close_all(); }

    Result<void> open(const TcpForward& forward) override {
        const std::lock_guard lock(mutex_);
        if (listeners_.contains(forward)) {
            return {};
        }
        Failure error;
        const auto address = asio::ip::make_address_v4(forward.address, error);
        const auto to = error ? asio::ip::address_v4() : asio::ip::make_address_v4(forward.to_address, error);
        if (error) {
            return Error(Code::io_error, fmt::format("\"{}\" or \"{}\" is no address of IPv4", forward.address, forward.to_address));
        }
        const auto acceptor = std::make_shared<tcp::acceptor>(io_);
        const tcp::endpoint endpoint(address, forward.port);
        acceptor->open(endpoint.protocol(), error);
        if (!error) {
            acceptor->set_option(asio::socket_base::reuse_address(true), error);
        }
        if (!error) {
            acceptor->bind(endpoint, error);
        }
        if (!error) {
            acceptor->listen(asio::socket_base::max_listen_connections, error);
        }
        if (error) {
            const Code code = error == asio::error::address_in_use  ? Code::busy
                              : error == asio::error::access_denied ? Code::operation_not_permitted
                                                                    : Code::io_error;
            return Error(code, fmt::format("cannot listen on {}:{}: {}", forward.address, forward.port, error.message()));
        }
        if (!thread_.joinable()) {
            io_.restart();
            work_.emplace(io_.get_executor());
            thread_ = std::thread([this] { io_.run(); });
        }
        listeners_.emplace(forward, acceptor);
        asio::co_spawn(io_, accept(acceptor, tcp::endpoint(to, forward.to_port)), asio::detached);
        return {};
    }

    void close(const TcpForward& forward) override {
        const std::lock_guard lock(mutex_);
        if (const auto at = listeners_.find(forward); at != listeners_.end()) {
            on_thread([acceptor = at->second] {
                Failure ignored;
                acceptor->close(ignored);
            });
            listeners_.erase(at);
        }
    }

    void close_all() override {
        const std::lock_guard lock(mutex_);
        if (!thread_.joinable()) {
            return;
        }
        on_thread([this] {
            Failure ignored;
            for (const auto& [forward, acceptor] : listeners_) {
                acceptor->close(ignored);
            }
            for (const ConnectionPtr& connection : connections_) {
                connection->cut();
            }
        });
        listeners_.clear();
        work_.reset();
        thread_.join();  // the coroutines end with their sockets
    }

    std::vector<TcpForward> open_ones() const override {
        const std::lock_guard lock(mutex_);
        std::vector<TcpForward> all;
        for (const auto& [forward, acceptor] : listeners_) {
            all.push_back(forward);
        }
        return all;
    }

private:
    /// Waits until the thread has done it: sockets are touched there only.
    template <class Work>
    void on_thread(Work work) {
        std::promise<void> done;
        asio::post(io_, [&] {
            work();
            done.set_value();
        });
        done.get_future().wait();
    }

    asio::awaitable<void> accept(AcceptorPtr acceptor, tcp::endpoint to) {
        while (acceptor->is_open()) {
            Failure error;
            auto socket = co_await acceptor->async_accept(asio::redirect_error(use_awaitable, error));
            if (error == asio::error::operation_aborted || !acceptor->is_open()) {
                break;
            }
            if (error) {  // out of descriptors, or the client has gone
                log_.write(LogLevel::warning, "forward", fmt::format("accepting a connection: {}", error.message()));
                asio::steady_timer pause(io_, std::chrono::milliseconds(100));
                co_await pause.async_wait(asio::redirect_error(use_awaitable, error));
            } else if (connections_.size() < k_most_connections) {
                asio::co_spawn(io_, converse(std::make_shared<Connection>(Connection{std::move(socket), tcp::socket(io_)}), to),
                               asio::detached);
            }
        }
    }

    asio::awaitable<void> converse(ConnectionPtr connection, tcp::endpoint to) {
        connections_.insert(connection);
        Failure error;
        co_await connection->guest.async_connect(to, asio::redirect_error(use_awaitable, error));
        if (error) {
            connection->cut();
            connections_.erase(connection);
            co_return;
        }
        for (tcp::socket* socket : {&connection->client, &connection->guest}) {
            socket->set_option(tcp::no_delay(true), error);
            socket->set_option(asio::socket_base::keep_alive(true), error);
        }
        // The last of the two to end forgets the connection.
        const auto ended = [this, connection](const std::exception_ptr&) {
            if (--connection->pumps == 0) {
                connections_.erase(connection);
            }
        };
        asio::co_spawn(io_, pump(connection, connection->client, connection->guest), ended);
        asio::co_spawn(io_, pump(connection, connection->guest, connection->client), ended);
    }

    static asio::awaitable<void> pump(ConnectionPtr connection, tcp::socket& from, tcp::socket& to) {
        std::array<char, k_chunk> chunk{};
        Failure error;
        while (!error) {
            const std::size_t got = co_await from.async_read_some(asio::buffer(chunk), asio::redirect_error(use_awaitable, error));
            if (error == asio::error::eof) {  // it has no more to say, and may still listen
                to.shutdown(tcp::socket::shutdown_send, error);
                co_return;
            }
            if (!error) {
                co_await asio::async_write(to, asio::buffer(chunk.data(), got), asio::redirect_error(use_awaitable, error));
            }
        }
        connection->cut();
    }

    Log& log_;
    mutable std::mutex mutex_;  ///< of what open() and close() change
    asio::io_context io_{1};
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::thread thread_;
    std::map<TcpForward, AcceptorPtr> listeners_;
    std::set<ConnectionPtr> connections_;  ///< the thread's own
};

}  // namespace

std::unique_ptr<PortForwarder> make_port_forwarder(Log& log) { return std::make_unique<AsioForwarder>(log); }

}  // namespace amivirt
