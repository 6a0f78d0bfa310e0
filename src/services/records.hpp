// Finding records by what a person typed. Private to src/services.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>
#include <vector>

#include "amivirt/domain/filter.hpp"
#include "amivirt/ports/catalog.hpp"

namespace amivirt {

/// What differs between kinds of records.
struct RecordWords {
    std::string_view noun;  ///< "volume"
    Code not_found;
    std::string_view list_command;  ///< "amivirt volume list"
};

[[nodiscard]] inline Error record_not_found(const RecordWords& words, const std::string& wanted, const std::vector<std::string>& names) {
    const auto close = nearest(wanted, names);
    return {words.not_found, fmt::format("{} \"{}\" not found", words.noun, wanted),
            close.empty() ? fmt::format("`{}` shows what there is", words.list_command) : fmt::format("did you mean \"{}\"?", close)};
}

/// The one record, among those of `table` that `may_see` lets through, whose id or Name tag is `wanted`.
template <class Record, class Key, class MaySee>
[[nodiscard]] Result<Record> find_record(Table<Record, Key>& table, const RecordWords& words, const std::string& wanted, MaySee may_see) {
    if (Key::looks_like(wanted)) {
        auto found = AMIVIRT_TRY(table.find(AMIVIRT_TRY(Key::parse(wanted))));
        if (!found || !may_see(*found)) {
            return record_not_found(words, wanted, {});
        }
        return std::move(*found);
    }
    std::vector<Record> named;
    std::vector<std::string> names;
    for (auto& record : AMIVIRT_TRY(table.list()).records) {
        if (may_see(record) && !name_tag(record.tags).empty()) {
            names.push_back(name_tag(record.tags));
            if (names.back() == wanted) {
                named.push_back(std::move(record));
            }
        }
    }
    if (named.empty()) {
        return record_not_found(words, wanted, names);
    }
    if (named.size() > 1) {
        std::vector<std::string> ids;
        for (const auto& record : named) {
            ids.push_back(record.id.str());
        }
        return Error(Code::invalid_parameter_value,
                     fmt::format("{} name \"{}\" is ambiguous: {}", words.noun, wanted, fmt::join(ids, ", ")), "use the id");
    }
    return std::move(named.front());
}

}  // namespace amivirt
