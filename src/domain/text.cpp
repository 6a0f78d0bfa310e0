#include "domain/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace amivirt {

namespace {

/// Length of the well-formed sequence at the front, 0 if there is none (source: Unicode 15, table 3-7).
std::size_t sequence_length(std::string_view text) noexcept {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto within = [&](std::size_t i, unsigned low, unsigned high) { return i < text.size() && byte(i) >= low && byte(i) <= high; };
    const auto tail = [&](std::size_t i) { return within(i, 0x80, 0xBF); };
    if (text.empty()) {
        return 0;
    }
    const unsigned first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        return tail(1) ? 2 : 0;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
        const unsigned high = first == 0xED ? 0x9F : 0xBF;
        return within(1, low, high) && tail(2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const unsigned low = first == 0xF0 ? 0x90 : 0x80;
        const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
        return within(1, low, high) && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

}  // namespace

std::optional<std::size_t> utf8_length(std::string_view text) noexcept {
    std::size_t count = 0;
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        if (length == 0) {
            return std::nullopt;
        }
        text.remove_prefix(length);
        ++count;
    }
    return count;
}

bool has_control_character(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r'; });
}

std::size_t character_bytes(std::string_view text) noexcept { return text.empty() ? 0 : std::max<std::size_t>(sequence_length(text), 1); }

std::string_view beginning_of(std::string_view text, std::size_t most) noexcept {
    std::size_t end = 0;
    for (std::size_t next = character_bytes(text); next > 0 && end + next <= most; next = character_bytes(text.substr(end))) {
        end += next;
    }
    return text.substr(0, end);
}

}  // namespace amivirt
