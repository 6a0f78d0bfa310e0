// The schema, as numbered steps.
#pragma once

#include <string_view>
#include <vector>

#include "adapters/sqlite/connection.hpp"
#include "amivirt/ports/id_source.hpp"

namespace amivirt::sqlite {

struct Migration {
    int number = 0;  ///< 1, 2, 3, ...
    std::string_view sql;
};

/// All of them, oldest first. Append only; a step touches nothing but the database.
[[nodiscard]] const std::vector<Migration>& migrations();

/// The number a catalog of this program has.
[[nodiscard]] int known_schema_version();

/// Brings the catalog up to the last of `steps`, in one transaction; an empty file becomes a catalog. Cheap when nothing is to be done,
/// and safe when several processes do it at once. store_too_new; store_corrupt for another program's database.
[[nodiscard]] Result<void> migrate(Connection& connection, const std::vector<Migration>& steps, IdSource& ids);

/// store_too_new if the catalog's schema is not the one this program knows. Throws SQLite::Exception.
[[nodiscard]] Result<void> check_schema_version(Connection& connection);

}  // namespace amivirt::sqlite
