#include "adapters/fetch/source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace amivirt {
namespace {

constexpr std::string_view k_separator = "://";

/// Lower case; "" if `source` does not begin with `scheme://`.
std::string scheme_of(std::string_view source) {
    const auto end = source.find(k_separator);
    if (end == std::string_view::npos || end == 0 || std::isalpha(static_cast<unsigned char>(source.front())) == 0) {
        return {};
    }
    std::string scheme(source.substr(0, end));
    for (char& c : scheme) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) == 0 && c != '+' && c != '-' && c != '.') {
            return {};
        }
        c = static_cast<char>(std::tolower(byte));
    }
    return scheme;
}

std::optional<unsigned> hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return static_cast<unsigned>(c - '0');
    }
    const char low = static_cast<char>(c | 0x20);
    if (low >= 'a' && low <= 'f') {
        return static_cast<unsigned>(low - 'a') + 10;
    }
    return std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        if (text.front() != '%') {
            result += text.front();
            text.remove_prefix(1);
            continue;
        }
        const auto high = text.size() >= 3 ? hex_digit(text[1]) : std::nullopt;
        const auto low = text.size() >= 3 ? hex_digit(text[2]) : std::nullopt;
        if (!high || !low || (*high == 0 && *low == 0)) {
            return std::nullopt;
        }
        result += static_cast<char>(*high * 16 + *low);
        text.remove_prefix(3);
    }
    return result;
}

}  // namespace

Result<SourceName> parse_source(std::string_view source) {
    const std::string scheme = scheme_of(source);
    if (scheme == "http" || scheme == "https") {
        return SourceName{"", std::string(source)};
    }
    if (scheme == "file") {
        std::string_view rest = source.substr(scheme.size() + k_separator.size());
        const auto slash = rest.find('/');
        const std::string_view host = rest.substr(0, slash);
        if (slash == std::string_view::npos || (!host.empty() && host != "localhost")) {
            return Error(Code::fetch_failed, fmt::format("\"{}\" does not name a file of this machine.", source),
                         "Write file:///PATH, or just the path.");
        }
        rest.remove_prefix(slash);
        auto path = percent_decoded(rest);
        if (!path) {
            return Error(Code::fetch_failed, fmt::format("\"{}\" has a broken percent sequence.", source));
        }
        return SourceName{std::move(*path), ""};
    }
    if (!scheme.empty()) {
        return Error(Code::fetch_failed,
                     fmt::format("\"{}\" cannot be read: \"{}\" is none of file, http and https.", without_credentials(source), scheme));
    }
    if (source.empty()) {
        return Error(Code::fetch_failed, "The name of the image file is empty.");
    }
    return SourceName{std::string(source), ""};
}

std::string without_credentials(std::string_view url) {
    const auto begin = url.find(k_separator);
    if (begin == std::string_view::npos) {
        return std::string(url);
    }
    const std::size_t authority = begin + k_separator.size();
    const std::size_t end = std::min(url.find_first_of("/?#", authority), url.size());
    const auto at = url.substr(0, end).rfind('@');
    if (at == std::string_view::npos || at < authority) {
        return std::string(url);
    }
    return std::string(url.substr(0, authority)) + std::string(url.substr(at + 1));
}

}  // namespace amivirt
