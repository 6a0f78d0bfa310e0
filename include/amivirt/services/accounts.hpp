// Accounts: make, list, find by what a person typed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/ports/account_book.hpp"
#include "amivirt/ports/id_source.hpp"

namespace amivirt {

class Accounts {
public:
    Accounts(AccountBook& book, IdSource& ids) : book_(book), ids_(ids) {}

    struct Created {
        Account account;
        AccessKey key;
    };
    /// With a fresh id if none is given. An id or alias that is taken is invalid_parameter_value.
    [[nodiscard]] Result<Created> create(const std::string& alias, std::optional<AccountId> id);
    /// The local one is always among them, before the others unless it is written down.
    [[nodiscard]] Result<std::vector<Account>> list();
    [[nodiscard]] Result<std::vector<AccessKey>> keys() { return book_.keys(); }
    /// An account's id, whether it is known or not, or a known alias. invalid_parameter_value with the nearest alias as hint.
    [[nodiscard]] Result<AccountId> resolve(const std::string& id_or_alias);
    /// Of those that have one.
    [[nodiscard]] Result<std::map<AccountId, std::string>> aliases();

private:
    AccountBook& book_;
    IdSource& ids_;
};

/// As Accounts::resolve, among `accounts`.
[[nodiscard]] Result<AccountId> find_account(const std::vector<Account>& accounts, const std::string& id_or_alias);

}  // namespace amivirt
