// A search of images as SQL. Whatever it lets through is judged by the domain once more.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "adapters/sqlite/transaction.hpp"
#include "amivirt/domain/image_search.hpp"

namespace amivirt::sqlite {

/// A part of a statement with the values of its parameters.
struct Sql {
    std::string text;
    std::vector<std::variant<std::string, std::int64_t>> values;
};

/// Over `image i`: holds for all that match, and for few others. Never empty.
///
/// SQLite's planner knows nothing of how many images have what; a wrong guess of its costs a walk through an index of 100,000. So the
/// indexes are asked here, one condition at a time: where at most a few images meet it, they are named by their sequence numbers; where it
/// is more, each candidate is asked (`+column` keeps the planner from an index), which ends early where there is a limit.
[[nodiscard]] Sql image_conditions(Transaction& transaction, const ImageSearch& search);

void bind(SQLite::Statement& statement, const Sql& sql);

}  // namespace amivirt::sqlite
