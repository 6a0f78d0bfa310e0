// Text for people: nothing from outside may steer a terminal.
#pragma once

#include <string>
#include <string_view>

#include "amivirt/base/clock.hpp"

namespace amivirt::cli {

/// Control characters (C0 but newline, DEL, C1) become "\x1b" and the like; names and tags come from anywhere.
[[nodiscard]] std::string printable(std::string_view text);
/// The same, with newlines escaped too: for a cell of a table.
[[nodiscard]] std::string printable_line(std::string_view text);
/// Characters, not bytes, of UTF-8.
[[nodiscard]] std::size_t width(std::string_view text) noexcept;
/// "1 layer", "2 layers".
[[nodiscard]] std::string count_of(std::size_t count, std::string_view noun);
/// "now", "42 s", "5 min", "3 h", "12 d": how long before `now` that was.
[[nodiscard]] std::string age(TimePoint then, TimePoint now);

/// What a serial console printed, made harmless for a terminal: escape sequences and control characters but tab, newline
/// and carriage return are dropped. Keeps its state, since a sequence may be cut by the end of a chunk.
class ConsoleFilter {
public:
    [[nodiscard]] std::string operator()(std::string_view chunk);

private:
    enum class State { text, escape, sequence, string, string_escape };
    State state_ = State::text;
};

}  // namespace amivirt::cli
