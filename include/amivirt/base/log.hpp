// Logging without a logging library's header: levels are defined by consequence.
#pragma once

#include <string>
#include <string_view>

namespace amivirt {

/// error: something is lost or a person must act. warning: amivirt went on, but not as asked or not for long.
/// info: a step that changes state, one line each. debug: what a developer wants when a step goes wrong.
enum class LogLevel { debug, info, warning, error };

/// Implementations are safe to call from any thread and never throw.
class Log {
public:
    virtual ~Log() = default;
    virtual void write(LogLevel level, std::string_view component, const std::string& message) noexcept = 0;
};

class NullLog final : public Log {
public:
    void write(LogLevel /*level*/, std::string_view /*component*/, const std::string& /*message*/) noexcept override {}
};

}  // namespace amivirt
