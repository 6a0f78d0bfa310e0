// XML answers: always well-formed, whatever the names and values in them. All pure.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "amivirt/base/clock.hpp"
#include "amivirt/domain/tag.hpp"

namespace amivirt::ec2 {

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
/// For a message: control characters and what is not UTF-8 become U+FFFD; cut after 200 bytes.
[[nodiscard]] std::string printable(std::string_view text);
/// Character data: markup escaped; what XML 1.0 has no way to say (control characters, bytes that are not UTF-8) becomes U+FFFD.
[[nodiscard]] std::string xml_escape(std::string_view text);

/// Elements one after the other; names are ours and need no escaping.
class Xml {
public:
    void text(std::string_view name, std::string_view value) {
        fmt::format_to(std::back_inserter(out_), "<{0}>{1}</{0}>", name, xml_escape(value));
    }
    /// Absent or empty is no element.
    void some(std::string_view name, std::string_view value) {
        if (!value.empty()) {
            text(name, value);
        }
    }
    void boolean(std::string_view name, bool value) { text(name, value ? "true" : "false"); }
    void boolean(std::string_view name, const std::optional<bool>& value) {
        if (value) {
            boolean(name, *value);
        }
    }
    template <std::integral Number>
    void number(std::string_view name, Number value) {
        text(name, fmt::to_string(value));
    }
    template <std::integral Number>
    void number(std::string_view name, const std::optional<Number>& value) {
        if (value) {
            number(name, *value);
        }
    }
    void time(std::string_view name, TimePoint value) { text(name, to_iso8601(value)); }
    void time(std::string_view name, const std::optional<TimePoint>& value) {
        if (value) {
            time(name, *value);
        }
    }
    /// An element with what `body` writes.
    template <class Body>
    void in(std::string_view name, const Body& body) {
        fmt::format_to(std::back_inserter(out_), "<{}>", name);
        body();
        fmt::format_to(std::back_inserter(out_), "</{}>", name);
    }
    /// `<name><item>..</item></name>`, present also if it is empty.
    template <class Range, class Body>
    void list(std::string_view name, const Range& range, const Body& body) {
        in(name, [&] {
            for (const auto& element : range) {
                in("item", [&] { body(element); });
            }
        });
    }
    /// None where there are none (source: EC2's answers).
    void tags(const Tags& tags) {
        if (!tags.empty()) {
            list("tagSet", tags, [&](const auto& tag) {
                text("key", tag.first);
                text("value", tag.second);
            });
        }
    }
    [[nodiscard]] const std::string& str() const noexcept { return out_; }

private:
    std::string out_;
};

}  // namespace amivirt::ec2
