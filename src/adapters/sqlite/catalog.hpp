// The catalog in an SQLite file.
#pragma once

#include <memory>
#include <string>

#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/id_source.hpp"

namespace amivirt {

/// Opens the catalog in `file`, or makes it (mode 0600; its folder must be there). Safe if many processes do so at once. `ids` gives a new
/// catalog its store id. io_error, naming the file, if it cannot be opened; store_corrupt if it is no catalog; store_too_new.
[[nodiscard]] Result<std::unique_ptr<Catalog>> open_sqlite_catalog(const std::string& file, IdSource& ids);

}  // namespace amivirt
