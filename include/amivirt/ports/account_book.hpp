// Where a person's accounts and their keys are written down. One for all regions; safe between threads and between processes.
#pragma once

#include <vector>

#include "amivirt/domain/account.hpp"

namespace amivirt {

class AccountBook {
public:
    virtual ~AccountBook() = default;
    /// In the order in which they stand there. invalid_manifest.
    [[nodiscard]] virtual Result<std::vector<Account>> list() = 0;
    /// Those of accounts that are there.
    [[nodiscard]] virtual Result<std::vector<AccessKey>> keys() = 0;
    /// Durable on return; killed anywhere, the account is there with its key or not at all. An id or an alias that is taken:
    /// invalid_parameter_value. Keys that an earlier account of this id has left are gone.
    [[nodiscard]] virtual Result<void> add(const Account& account, const AccessKey& key) = 0;
};

}  // namespace amivirt
