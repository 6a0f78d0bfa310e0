// UTF-8, as far as texts of strangers are concerned.
#pragma once

#include <cstddef>
#include <string_view>

namespace amivirt {

/// The length of the UTF-8 sequence at `text[at]`, 0 if there is none (source: RFC 3629).
[[nodiscard]] inline std::size_t utf8_length_at(std::string_view text, std::size_t at) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(at);
    if (lead < 0x80) {
        return 1;
    }
    const std::size_t length =
        lead >= 0xC2 && lead <= 0xDF ? 2 : (lead >= 0xE0 && lead <= 0xEF ? 3 : (lead >= 0xF0 && lead <= 0xF4 ? 4 : 0));
    if (length == 0 || at + length > text.size()) {
        return 0;
    }
    const unsigned char least = lead == 0xE0 ? 0xA0 : (lead == 0xF0 ? 0x90 : 0x80);
    const unsigned char most = lead == 0xED ? 0x9F : (lead == 0xF4 ? 0x8F : 0xBF);
    if (byte(at + 1) < least || byte(at + 1) > most) {
        return 0;
    }
    for (std::size_t i = 2; i < length; ++i) {
        if ((byte(at + i) & 0xC0U) != 0x80) {
            return 0;
        }
    }
    return length;
}

}  // namespace amivirt
