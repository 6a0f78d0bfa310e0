// Characters as EC2 counts them: code points, not bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace amivirt {

/// Number of code points; nullopt if `text` is not well-formed UTF-8.
[[nodiscard]] std::optional<std::size_t> utf8_length(std::string_view text) noexcept;
/// Has it a control character (other than tab and line ends), which XML 1.0 cannot carry at all?
[[nodiscard]] bool has_control_character(std::string_view text) noexcept;
/// Bytes of the character that begins `text` (1 where it is not UTF-8); 0 if empty.
[[nodiscard]] std::size_t character_bytes(std::string_view text) noexcept;

/// At most the first `most` bytes, and no part of a character: what a message quotes of a long text.
[[nodiscard]] std::string_view beginning_of(std::string_view text, std::size_t most) noexcept;

}  // namespace amivirt
