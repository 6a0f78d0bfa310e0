// Accounts in config.yaml, where people write them too; their secret keys in credentials.yaml beside it, for its owner's eyes only.
#pragma once

#include <memory>
#include <string>

#include "amivirt/ports/account_book.hpp"

namespace amivirt {

/// `folder` has config.yaml; it is made when the first account is. An account is added as text, so that comments and order stay; where a
/// file is written such that this cannot be (`accounts: {...}` on one line), that is unsupported_operation, with the lines to add by hand
/// as hint. A config.yaml that is a symbolic link stays one.
[[nodiscard]] std::unique_ptr<AccountBook> make_account_book(const std::string& folder);

}  // namespace amivirt
