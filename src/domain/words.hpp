// An enum and its spellings: one table serves both directions.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/result.hpp"
#include "domain/nearest.hpp"

namespace amivirt {

template <class Enum>
struct Word {
    Enum value;
    std::string_view text;
};

template <class Enum, std::size_t N>
[[nodiscard]] std::string_view word_for(const std::array<Word<Enum>, N>& table, Enum value) noexcept {
    for (const Word<Enum>& word : table) {
        if (word.value == value) {
            return word.text;
        }
    }
    return "unknown";
}

/// invalid_parameter_value that quotes `text` and lists the right words; `noun` is what it should have been ("architecture").
template <class Enum, std::size_t N>
[[nodiscard]] Result<Enum> parse_word(const std::array<Word<Enum>, N>& table, std::string_view noun, std::string_view text) {
    std::vector<std::string> known;
    for (const Word<Enum>& word : table) {
        if (word.text == text) {
            return word.value;
        }
        known.emplace_back(word.text);
    }
    return Error(Code::invalid_parameter_value, fmt::format("Invalid {} \"{}\" (expecting {})", noun, text, fmt::join(known, " | ")),
                 did_you_mean(nearest(text, known)));
}

}  // namespace amivirt
