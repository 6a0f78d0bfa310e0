#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

namespace {

constexpr std::string_view k_replacement = "\xEF\xBF\xBD";
constexpr std::size_t k_most_quoted = 200;

struct Character {
    std::uint32_t code = 0;
    std::size_t length = 0;  ///< 0: not UTF-8
};

/// The character at the beginning of `text`, which is not empty. Overlong forms and surrogates are no UTF-8.
Character first_of(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const std::uint32_t lead = byte(0);
    if (lead < 0x80U) {
        return {lead, 1};
    }
    const std::size_t length = lead >= 0xF0U && lead <= 0xF4U  ? 4
                               : lead >= 0xE0U && lead < 0xF0U ? 3
                               : lead >= 0xC2U && lead < 0xE0U ? 2
                                                               : 0;
    if (length == 0 || text.size() < length) {
        return {};
    }
    std::uint32_t code = lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) {
            return {};
        }
        code = (code << 6U) | (byte(i) & 0x3FU);
    }
    const bool overlong = (length == 3 && code < 0x800U) || (length == 4 && code < 0x10000U);
    return overlong || (code >= 0xD800U && code <= 0xDFFFU) || code > 0x10FFFFU ? Character{} : Character{code, length};
}

/// Char of XML 1.0.
bool is_xml(std::uint32_t code) { return code == 0x9 || code == 0xA || code == 0xD || (code >= 0x20 && code != 0xFFFE && code != 0xFFFF); }

}  // namespace

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const Character character = first_of(text);
        if (character.length == 0) {
            return false;
        }
        text.remove_prefix(character.length);
    }
    return true;
}

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty() && out.size() < k_most_quoted) {
        const Character character = first_of(text);
        const bool shown = character.length > 0 && character.code >= 0x20 && character.code != 0x7F;
        out += shown ? text.substr(0, character.length) : k_replacement;
        text.remove_prefix(character.length > 0 ? character.length : 1);
    }
    return text.empty() ? out : out + "...";
}

std::string xml_escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Character character = first_of(text);
        switch (character.code) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\r':
                out += "&#13;";  // else a parser reads it as a line feed
                break;
            default:
                out += character.length > 0 && is_xml(character.code) ? text.substr(0, character.length) : k_replacement;
        }
        text.remove_prefix(character.length > 0 ? character.length : 1);
    }
    return out;
}

}  // namespace amivirt::ec2
