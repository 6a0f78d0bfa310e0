// The words that a catalog's SQLite file knows.
#pragma once

#include <memory>
#include <string>

#include "amivirt/ports/known_words.hpp"

namespace amivirt {

/// Opens `file`, for reading, at each question; makes nothing. store_too_new for a catalog of a newer amivirt.
[[nodiscard]] std::unique_ptr<KnownWords> make_sqlite_known_words(std::string file);

}  // namespace amivirt
