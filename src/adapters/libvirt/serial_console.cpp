#include "adapters/libvirt/serial_console.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <optional>

#include "amivirt/base/interrupt.hpp"

namespace amivirt::libvirt {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr char k_escape = 0x1D;  // Ctrl-]
constexpr int k_tick_milliseconds = 100;
constexpr std::chrono::seconds k_silence{1};
constexpr std::size_t k_chunk = 4096;

/// A terminal that hands on every key at once and uninterpreted; as it was before when this goes.
class RawTerminal {
public:
    explicit RawTerminal(int descriptor) : descriptor_(descriptor) {
        if (::isatty(descriptor) == 0 || ::tcgetattr(descriptor, &before_) != 0) {
            return;
        }
        termios raw = before_;
        ::cfmakeraw(&raw);
        is_raw_ = ::tcsetattr(descriptor, TCSANOW, &raw) == 0;
    }
    ~RawTerminal() {
        if (is_raw_) {
            ::tcsetattr(descriptor_, TCSAFLUSH, &before_);
        }
    }
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;
    [[nodiscard]] bool is_raw() const noexcept { return is_raw_; }

private:
    int descriptor_;
    bool is_raw_ = false;
    termios before_{};
};

/// One conversation. libvirt calls back from within virEventRunDefaultImpl(), on this thread, through C: nothing may be thrown there.
class Conversation {
public:
    using End = SerialConsole::End;
    Conversation(virStreamPtr stream, int input, int output, bool has_escape)
        : stream_(stream), input_(input), output_(output), has_escape_(has_escape) {}
    Conversation(const Conversation&) = delete;
    Conversation& operator=(const Conversation&) = delete;
    ~Conversation() {
        if (watch_ >= 0) {
            virEventRemoveHandle(watch_);
        }
        if (timer_ >= 0) {
            virEventRemoveTimeout(timer_);
        }
        virStreamEventRemoveCallback(stream_);
        if (is_open_) {
            virStreamAbort(stream_);
        }
    }

    Result<End> run(const InstanceId& instance) {
        timer_ = virEventAddTimeout(
            k_tick_milliseconds, [](int, void*) {}, nullptr, nullptr);
        watch_ = virEventAddHandle(
            input_, VIR_EVENT_HANDLE_READABLE, [](int, int, int, void* self) { static_cast<Conversation*>(self)->read_input(); }, this,
            nullptr);
        const auto callback = [](virStreamPtr, int events, void* self) { static_cast<Conversation*>(self)->on_stream(events); };
        // poll() takes any kind of file, so that the watch can only fail for want of memory.
        if (timer_ < 0 || watch_ < 0 || virStreamEventAddCallback(stream_, VIR_STREAM_EVENT_READABLE, callback, this, nullptr) < 0) {
            return Error(Code::hypervisor_failed,
                         fmt::format("cannot listen to the console of \"{}\": {}", instance.str(), last_failure().message));
        }
        while (!end_) {
            if (virEventRunDefaultImpl() < 0) {
                return Error(Code::hypervisor_failed,
                             fmt::format("cannot listen to the console of \"{}\": {}", instance.str(), last_failure().message));
            }
            check_interrupt();
            if (input_over_ && pending_.empty() && std::chrono::steady_clock::now() - heard_ > k_silence) {
                end_ = End::input_over;
            }
        }
        return *end_;
    }

private:
    void on_stream(int events) {
        if ((events & VIR_STREAM_EVENT_READABLE) != 0) {
            read_console();
        }
        if ((events & VIR_STREAM_EVENT_WRITABLE) != 0) {
            send();
        }
        if ((events & (VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP)) != 0) {
            is_open_ = false;
            end_ = End::closed;
        }
    }

    void read_console() {
        std::array<char, k_chunk> buffer{};
        const int got = virStreamRecv(stream_, buffer.data(), buffer.size());
        if (got == -2) {  // nothing there yet
            return;
        }
        if (got <= 0) {
            is_open_ = got == 0;
            end_ = End::closed;
            return;
        }
        heard_ = std::chrono::steady_clock::now();
        for (std::size_t done = 0; done < static_cast<std::size_t>(got);) {
            const ssize_t written = ::write(output_, buffer.data() + done, static_cast<std::size_t>(got) - done);
            if (written > 0) {
                done += static_cast<std::size_t>(written);
            } else if (errno == EAGAIN) {
                pollfd ready{output_, POLLOUT, 0};
                ::poll(&ready, 1, k_tick_milliseconds);
            } else if (errno != EINTR || pending_interrupt() != 0) {
                end_ = end_.value_or(End::escaped);  // nobody reads any more
                return;
            }
        }
    }

    void read_input() {
        std::array<char, k_chunk> buffer{};
        const ssize_t got = ::read(input_, buffer.data(), buffer.size());
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            return;
        }
        if (got <= 0) {
            input_over_ = true;
            heard_ = std::chrono::steady_clock::now();
            virEventUpdateHandle(watch_, 0);
            return;
        }
        std::string_view text(buffer.data(), static_cast<std::size_t>(got));
        if (const std::size_t escape = text.find(k_escape); has_escape_ && escape != std::string_view::npos) {
            text = text.substr(0, escape);
            end_ = End::escaped;
        }
        pending_.append(text);
        // A guest that takes nothing shall not fill our memory with a pipe's content.
        virEventUpdateHandle(watch_, 0);
        send();
    }

    void send() {
        while (!pending_.empty()) {
            const int sent = virStreamSend(stream_, pending_.data(), pending_.size());
            if (sent == -2) {
                break;
            }
            if (sent < 0) {
                is_open_ = false;
                end_ = End::closed;
                return;
            }
            pending_.erase(0, static_cast<std::size_t>(sent));
            heard_ = std::chrono::steady_clock::now();
        }
        const bool is_done = pending_.empty();
        virStreamEventUpdateCallback(stream_, VIR_STREAM_EVENT_READABLE | (is_done ? 0 : int{VIR_STREAM_EVENT_WRITABLE}));
        if (is_done && !input_over_) {
            virEventUpdateHandle(watch_, VIR_EVENT_HANDLE_READABLE);
        }
    }

    virStreamPtr stream_;
    int input_;
    int output_;
    bool has_escape_;
    bool is_open_ = true;
    bool input_over_ = false;
    int timer_ = -1;
    int watch_ = -1;
    std::string pending_;  ///< read, not yet sent
    SteadyTime heard_ = std::chrono::steady_clock::now();
    std::optional<End> end_;
};

class LibvirtSerialConsole final : public SerialConsole {
public:
    explicit LibvirtSerialConsole(std::shared_ptr<Domains> domains) : domains_(std::move(domains)) {}

    Result<End> attach(const InstanceId& instance, int input, int output, Takeover takeover) override {
        check_interrupt();
        // Streams that do not block need an event loop, which libvirt wants to know of before it connects.
        static std::once_flag once;
        std::call_once(once, [] { virEventRegisterDefaultImpl(); });
        const Connection connection = AMIVIRT_TRY(open_connection(domains_->options().uri, Access::read_write));
        const DomainPtr domain(virDomainLookupByName(connection.handle.get(), instance.str().c_str()));
        if (!domain || virDomainIsActive(domain.get()) == 0) {
            return domains_->not_running(instance, "attach to the console of");
        }
        const StreamPtr stream(virStreamNew(connection.handle.get(), VIR_STREAM_NONBLOCK));
        if (!stream || virDomainOpenConsole(domain.get(), nullptr, stream.get(),
                                            takeover == Takeover::yes ? unsigned{VIR_DOMAIN_CONSOLE_FORCE} : 0U) < 0) {
            const Failure failure = last_failure();
            if (says(failure, "Active console session exists")) {
                return Error(Code::busy, fmt::format("somebody else is attached to the console of \"{}\"", instance.str()),
                             "--force takes it over");
            }
            return domains_->failed(instance.str(), "open the console of", failure);
        }
        const RawTerminal terminal(input);
        return Conversation(stream.get(), input, output, terminal.is_raw()).run(instance);
    }

private:
    std::shared_ptr<Domains> domains_;
};

}  // namespace

std::unique_ptr<SerialConsole> make_serial_console(std::shared_ptr<Domains> domains) {
    return std::make_unique<LibvirtSerialConsole>(std::move(domains));
}

}  // namespace amivirt::libvirt
