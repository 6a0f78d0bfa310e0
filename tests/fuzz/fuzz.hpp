// What the targets have in common. Each is one function over bytes nobody vouched for; what does not hold ends the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace amivirt::fuzz {

inline void demand(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "does not hold: %s\n", what);
        std::abort();
    }
}

inline std::string_view bytes(const std::uint8_t* data, std::size_t size) {
    return size == 0 ? std::string_view() : std::string_view(reinterpret_cast<const char*>(data), size);
}

/// The next piece of `rest`, which ends at `separator`; an input is cut into strings by it.
inline std::string_view cut(std::string_view& rest, char separator) {
    const std::size_t at = rest.find(separator);
    const std::string_view piece = rest.substr(0, at);
    rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
    return piece;
}

/// How long the UTF-8 character at the beginning of `text` is (source: table 3-7 of Unicode); 0: it is none. Written without a look at the
/// product's own.
inline std::size_t utf8_at(std::string_view text) {
    const auto in = [&](std::size_t at, unsigned least, unsigned most) {
        return at < text.size() && static_cast<unsigned char>(text[at]) >= least && static_cast<unsigned char>(text[at]) <= most;
    };
    if (in(0, 0x00, 0x7f)) {
        return 1;
    }
    if (in(0, 0xc2, 0xdf) && in(1, 0x80, 0xbf)) {
        return 2;
    }
    const bool three = (in(0, 0xe0, 0xe0) && in(1, 0xa0, 0xbf)) || (in(0, 0xed, 0xed) && in(1, 0x80, 0x9f)) ||
                       ((in(0, 0xe1, 0xec) || in(0, 0xee, 0xef)) && in(1, 0x80, 0xbf));
    if (three && in(2, 0x80, 0xbf)) {
        return 3;
    }
    const bool four =
        (in(0, 0xf0, 0xf0) && in(1, 0x90, 0xbf)) || (in(0, 0xf1, 0xf3) && in(1, 0x80, 0xbf)) || (in(0, 0xf4, 0xf4) && in(1, 0x80, 0x8f));
    return four && in(2, 0x80, 0xbf) && in(3, 0x80, 0xbf) ? 4 : 0;
}

inline bool utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_at(text);
        if (length == 0) {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

/// What XML 1.0 can say of `text`: all else, byte by byte or character by character, is U+FFFD.
inline std::string as_xml_says(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t length = utf8_at(text);
        const std::string_view one = text.substr(0, length);
        const bool control = length == 1 && static_cast<unsigned char>(one[0]) < 0x20 && one != "\t" && one != "\n" && one != "\r";
        const bool none = length == 0 || control || one == "\xef\xbf\xbe" || one == "\xef\xbf\xbf";
        out += none ? std::string_view("\xef\xbf\xbd") : one;
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

}  // namespace amivirt::fuzz
