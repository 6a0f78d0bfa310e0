// What a YAML format may hold: one table for each map of fields. The reading goes by it, and so does its JSON Schema.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace amivirt::yaml {

struct Table;

enum class Shape { text, boolean, whole, list, map, record, any_of };

/// What a value may be.
struct Type {
    Shape shape = Shape::text;
    std::vector<std::string> words = {};  ///< of text: one of these; empty: any
    std::string pattern = {};             ///< of text, for editors; the reading has a rule of its own that says more
    std::uint64_t least = 0;              ///< of a whole number
    std::uint64_t most = 0;               ///< of a whole number; of a list or map: entries; 0: no limit
    std::string unit = {};                ///< of a whole number: completes "is not a whole number of"
    std::vector<Type> of = {};            ///< a list's items, a map's values; what any_of lets one choose from
    const Table* (*table)() = nullptr;    ///< of a record
};

struct Rule {
    std::string key;
    std::string help;  ///< one sentence, for editors
    Type type = {};
    std::string missing = {};  ///< what is said if the field is not; "": it may be left out
};

struct Table {
    std::vector<Rule> rules;
    std::vector<std::string> one_of = {};  ///< exactly one of these fields is to be said
};

/// The rule of `key`, which must have one.
[[nodiscard]] const Rule& rule_of(const Table& table, std::string_view key);

[[nodiscard]] Type text(std::string pattern = {});
[[nodiscard]] Type boolean();
[[nodiscard]] Type whole(std::uint64_t least, std::uint64_t most, std::string unit = {});
[[nodiscard]] Type list_of(Type item, std::uint64_t most = 0);
/// Keys are the user's.
[[nodiscard]] Type map_of(Type value);
[[nodiscard]] Type record(const Table* (*table)());
[[nodiscard]] Type any_of(std::vector<Type> types);

[[nodiscard]] Type one_word(std::vector<std::string> words);

/// A word of an enum, by the domain's own to_string(): there is no second list of them.
template <class Enum>
[[nodiscard]] Type word() {
    Type type;
    for (int i = 0;; ++i) {
        const std::string_view spelling = to_string(static_cast<Enum>(i));
        if (spelling == "unknown") {
            return type;
        }
        type.words.emplace_back(spelling);
    }
}

/// A JSON Schema (draft 2020-12), indented, ending in a line break.
[[nodiscard]] std::string json_schema(std::string_view title, std::string_view description, const Table& table);

}  // namespace amivirt::yaml
