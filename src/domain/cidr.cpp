#include "amivirt/domain/cidr.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace amivirt {

namespace {

template <class Number>
std::optional<Number> whole_number(std::string_view text, int base, std::size_t longest, Number most) noexcept {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    const bool whole = error == std::errc() && end == text.data() + text.size() && !text.empty() && text.size() <= longest;
    return whole && number <= most ? std::optional(number) : std::nullopt;
}

using Groups = std::array<std::uint16_t, 8>;

/// Colon-separated groups of hex digits, appended to `groups` from `count` on; also a dotted IPv4 address at the end.
bool take_groups(std::string_view text, Groups& groups, std::size_t& count) noexcept {
    while (!text.empty()) {
        const std::size_t colon = text.find(':');
        const std::string_view part = text.substr(0, colon);
        if (colon == std::string_view::npos && part.find('.') != std::string_view::npos) {
            const auto low = parse_ipv4(part);
            if (!low || count + 2 > groups.size()) {
                return false;
            }
            groups[count++] = static_cast<std::uint16_t>(*low >> 16U);
            groups[count++] = static_cast<std::uint16_t>(*low & 0xffffU);
            return true;
        }
        const auto group = whole_number<std::uint16_t>(part, 16, 4, 0xffff);
        if (!group || count == groups.size() || colon + 1 == text.size()) {
            return false;
        }
        groups[count++] = *group;
        text = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    }
    return true;
}

std::optional<Groups> parse_ipv6(std::string_view text) noexcept {
    Groups head{};
    std::size_t heads = 0;
    const std::size_t gap = text.find("::");
    if (gap == std::string_view::npos) {
        return take_groups(text, head, heads) && heads == head.size() ? std::optional(head) : std::nullopt;
    }
    Groups tail{};
    std::size_t tails = 0;
    const std::string_view rest = text.substr(gap + 2);
    if (rest.starts_with(':') || !take_groups(text.substr(0, gap), head, heads) || !take_groups(rest, tail, tails) ||
        heads + tails > head.size() - 1) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < tails; ++i) {
        head[head.size() - tails + i] = tail[i];
    }
    return head;
}

std::string format_ipv6(const Groups& groups) {
    std::size_t begin = groups.size();
    std::size_t longest = 1;  // a single zero is not shortened
    for (std::size_t i = 0; i < groups.size(); ++i) {
        std::size_t end = i;
        while (end < groups.size() && groups[end] == 0) {
            ++end;
        }
        if (end - i > longest) {
            begin = i;
            longest = end - i;
        }
    }
    std::string out;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (i == begin) {
            out += "::";
            i += longest - 1;
            continue;
        }
        if (!out.empty() && !out.ends_with(':')) {
            out += ':';
        }
        out += fmt::format("{:x}", groups[i]);
    }
    return out;
}

}  // namespace

std::optional<std::uint32_t> parse_ipv4(std::string_view text) noexcept {
    std::uint32_t address = 0;
    for (int part = 0; part < 4; ++part) {
        const std::size_t dot = text.find('.');
        const std::string_view digits = text.substr(0, dot);
        const auto number = whole_number<std::uint32_t>(digits, 10, 3, 255);
        if (!number || (digits.size() > 1 && digits.front() == '0') || (dot == std::string_view::npos) != (part == 3)) {
            return std::nullopt;
        }
        address = (address << 8U) | *number;
        text.remove_prefix(part == 3 ? text.size() : dot + 1);
    }
    return address;
}

std::string format_ipv4(std::uint32_t address) {
    return fmt::format("{}.{}.{}.{}", address >> 24U, (address >> 16U) & 255U, (address >> 8U) & 255U, address & 255U);
}

std::optional<Cidr> Cidr::parse(std::string_view text) noexcept {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto address = parse_ipv4(text.substr(0, slash));
    const auto prefix = whole_number<unsigned>(text.substr(slash + 1), 10, 2, 32);
    if (!address || !prefix) {
        return std::nullopt;
    }
    const auto mask = static_cast<std::uint32_t>(~((1ULL << (32U - *prefix)) - 1));
    return Cidr{*address & mask, *prefix};
}

std::string Cidr::str() const { return fmt::format("{}/{}", format_ipv4(address), prefix); }

std::optional<std::string> canonical_ipv6_cidr(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
        return std::nullopt;
    }
    auto groups = parse_ipv6(text.substr(0, slash));
    const auto prefix = whole_number<unsigned>(text.substr(slash + 1), 10, 3, 128);
    if (!groups || !prefix) {
        return std::nullopt;
    }
    for (unsigned i = 0; i < groups->size(); ++i) {
        const unsigned kept = *prefix > i * 16 ? std::min(16U, *prefix - i * 16) : 0U;
        (*groups)[i] = static_cast<std::uint16_t>((*groups)[i] & (0xffffU << (16U - kept)));
    }
    return fmt::format("{}/{}", format_ipv6(*groups), *prefix);
}

}  // namespace amivirt
