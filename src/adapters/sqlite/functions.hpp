// The domain's own rules as SQL functions, so that a query and the domain cannot disagree.
#pragma once

struct sqlite3;

namespace amivirt::sqlite {

/// wildcard_match(pattern, text), same_device(a, b), iso8601(milliseconds): those of the domain; NULL of NULL. Throws SQLite::Exception.
void add_functions(sqlite3* database);

}  // namespace amivirt::sqlite
