#include "faces/cli/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace amivirt::cli {

namespace {

enum class Newline { keep, escape };

std::string escape_controls(std::string_view text, Newline newline) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool is_kept_newline = byte == '\n' && newline == Newline::keep;
        if ((byte < 0x20U && !is_kept_newline) || byte == 0x7fU) {
            out += fmt::format("\\x{:02x}", byte);
            continue;
        }
        // C1 controls in UTF-8 are C2 80 .. C2 9F; 0x9b is as good as ESC [ to some terminals.
        if (byte == 0xc2U && i + 1 < text.size()) {
            const auto following = static_cast<unsigned char>(text[i + 1]);
            if (following >= 0x80U && following <= 0x9fU) {
                out += fmt::format("\\x{:02x}", following);
                ++i;
                continue;
            }
        }
        out += text[i];
    }
    return out;
}

}  // namespace

std::string printable(std::string_view text) { return escape_controls(text, Newline::keep); }

std::string printable_line(std::string_view text) { return escape_controls(text, Newline::escape); }

std::size_t width(std::string_view text) noexcept {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string count_of(std::size_t count, std::string_view noun) { return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s"); }

std::string age(TimePoint then, TimePoint now) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - then).count();
    constexpr long k_minute = 60;
    constexpr long k_hour = 60 * k_minute;
    constexpr long k_day = 24 * k_hour;
    if (seconds < 1) {
        return "now";
    }
    if (seconds < 2 * k_minute) {
        return fmt::format("{} s", seconds);
    }
    if (seconds < 2 * k_hour) {
        return fmt::format("{} min", seconds / k_minute);
    }
    if (seconds < 2 * k_day) {
        return fmt::format("{} h", seconds / k_hour);
    }
    return fmt::format("{} d", seconds / k_day);
}

std::string ConsoleFilter::operator()(std::string_view chunk) {
    constexpr char k_escape = '\x1b';
    constexpr char k_bell = '\x07';
    std::string out;
    out.reserve(chunk.size());
    for (const char c : chunk) {
        switch (state_) {
            case State::text:
                if (c == k_escape) {
                    state_ = State::escape;
                } else if (c == '\n' || c == '\t' || c == '\r' || (static_cast<unsigned char>(c) >= 0x20U && c != '\x7f')) {
                    out += c;
                }
                break;
            case State::escape:
                if (c == '[') {
                    state_ = State::sequence;
                } else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') {
                    state_ = State::string;
                } else if (c != k_escape && (c < 0x20 || c > 0x2f)) {  // 0x20..0x2f: an intermediate byte, the final one follows
                    state_ = State::text;
                }
                break;
            case State::sequence:
                if (c >= 0x40 && c <= 0x7e) {
                    state_ = State::text;
                } else if (c == k_escape) {
                    state_ = State::escape;
                } else if (c == '\n') {  // cut short by a reboot: do not swallow the rest of the log
                    state_ = State::text;
                    out += c;
                }
                break;
            case State::string:
                if (c == k_bell) {
                    state_ = State::text;
                } else if (c == k_escape) {
                    state_ = State::string_escape;
                } else if (c == '\n') {
                    state_ = State::text;
                    out += c;
                }
                break;
            case State::string_escape:
                state_ = State::text;  // ESC \ ends a string; anything else is malformed and ends it too
                break;
        }
    }
    return out;
}

}  // namespace amivirt::cli
