#include "adapters/logging/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <string_view>

namespace amivirt {

namespace {

/// One write per message, so that lines of several processes and of a child do not mix; nothing to flush when we are killed.
class DescriptorSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    enum class Owned { yes, no };
    DescriptorSink(int descriptor, Owned owned) : descriptor_(descriptor), owned_(owned) {}
    DescriptorSink(const DescriptorSink&) = delete;
    DescriptorSink& operator=(const DescriptorSink&) = delete;
    ~DescriptorSink() override {
        if (owned_ == Owned::yes) {
            ::close(descriptor_);
        }
    }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        const char* at = line.data();
        std::size_t left = line.size();
        while (left > 0) {
            const ssize_t count = ::write(descriptor_, at, left);
            if (count < 0 && errno == EINTR) {
                continue;
            }
            if (count <= 0) {
                return;  // a log that cannot be written must not stop the work
            }
            at += count;
            left -= static_cast<std::size_t>(count);
        }
    }
    void flush_() override {}

private:
    int descriptor_;
    Owned owned_;
};

spdlog::level::level_enum spdlog_level(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

spdlog::level::level_enum threshold(int verbosity) noexcept {
    if (verbosity < 0) {
        return spdlog::level::err;
    }
    if (verbosity == 0) {
        return spdlog::level::warn;
    }
    return verbosity == 1 ? spdlog::level::info : spdlog::level::debug;
}

/// Messages quote what guests, images and other programs said: no terminal control, and no line that passes for one of ours.
std::string tame(std::string_view message) {
    while (!message.empty() && (message.back() == '\n' || message.back() == '\r')) {
        message.remove_suffix(1);
    }
    std::string result;
    result.reserve(message.size());
    for (const char c : message) {
        if (c == '\n') {
            result += "\n    ";
        } else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F) {
            result += '?';
        } else {
            result += c;
        }
    }
    return result;
}

class SpdLog final : public Log {
public:
    explicit SpdLog(const LogOptions& options) : person_("amivirt"), file_("amivirt") {
        auto terminal = std::make_shared<DescriptorSink>(STDERR_FILENO, DescriptorSink::Owned::no);
        terminal->set_pattern(options.verbosity >= 2 ? "amivirt: %H:%M:%S.%e %v" : "amivirt: %v");
        person_.sinks().push_back(std::move(terminal));
        with_component_ = options.verbosity >= 2;
        prepare(person_, threshold(options.verbosity));
        prepare(file_, spdlog::level::debug);
        if (!options.file.empty()) {
            open_file(options.file);
        }
    }

    void write(LogLevel level, std::string_view component, const std::string& message) noexcept override {
        try {
            const auto severity = spdlog_level(level);
            const bool shown = person_.should_log(severity);
            const bool filed = !file_.sinks().empty();
            if (!shown && !filed) {
                return;
            }
            const std::string text = tame(message);
            const std::string full = fmt::format("[{}] {}", component, text);
            if (shown) {
                person_.log(severity, spdlog::string_view_t(with_component_ ? full : text));
            }
            if (filed) {
                file_.log(severity, spdlog::string_view_t(full));
            }
        } catch (...) {  // out of memory, at worst: the work goes on without the line
        }
    }

private:
    static void prepare(spdlog::logger& logger, spdlog::level::level_enum level) {
        logger.set_level(level);
        logger.set_error_handler([](const std::string& /*what*/) {});
    }

    void open_file(const std::string& path) {
        // Not blocking, lest a named pipe without a reader holds us up.
        const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
        if (descriptor < 0) {
            write(LogLevel::warning, "logging",
                  fmt::format("log file \"{}\" could not be opened ({}); going on without it", path, std::strerror(errno)));
            return;
        }
        auto sink = std::make_shared<DescriptorSink>(descriptor, DescriptorSink::Owned::yes);
        sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %P %l %v");
        file_.sinks().push_back(std::move(sink));
    }

    spdlog::logger person_;  // two loggers, since only one of them names the component
    spdlog::logger file_;
    bool with_component_ = false;
};

}  // namespace

std::unique_ptr<Log> make_log(const LogOptions& options) noexcept {
    try {
        return std::make_unique<SpdLog>(options);
    } catch (...) {
        return std::make_unique<NullLog>();
    }
}

}  // namespace amivirt
