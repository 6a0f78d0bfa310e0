// Keeps what was logged.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/log.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt::fakes {

class RecordingLog final : public Log {
public:
    struct Line {
        LogLevel level = LogLevel::debug;
        std::string component;
        std::string message;
    };
    void write(LogLevel level, std::string_view component, const std::string& message) noexcept override {
        lines_.lock()->push_back({level, std::string(component), message});
    }
    [[nodiscard]] std::vector<Line> lines() const { return *lines_.lock(); }
    /// Was `part` logged, at `least` or above?
    [[nodiscard]] bool contains(std::string_view part, LogLevel least = LogLevel::debug) const {
        auto lines = lines_.lock();
        for (const Line& line : *lines) {
            if (line.level >= least && line.message.find(part) != std::string::npos) {
                return true;
            }
        }
        return false;
    }

private:
    mutable Sync<std::vector<Line>> lines_;
};

}  // namespace amivirt::fakes
