// A key pair by its name. Private to src/services.
#pragma once

#include <optional>
#include <string>

#include "amivirt/ports/catalog.hpp"

namespace amivirt {

/// The caller's, by name or id; invalid_key_pair_not_found, with the nearest name.
[[nodiscard]] Result<KeyPair> find_key_pair(CatalogSession& session, const AccountId& caller, const std::string& name_or_id);

}  // namespace amivirt
