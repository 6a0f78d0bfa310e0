// Accounts in memory.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "amivirt/ports/account_book.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// Steps: "add".
class FakeAccountBook final : public AccountBook {
public:
    [[nodiscard]] Result<std::vector<Account>> list() override { return accounts_; }
    [[nodiscard]] Result<std::vector<AccessKey>> keys() override { return keys_; }
    [[nodiscard]] Result<void> add(const Account& account, const AccessKey& key) override {
        AMIVIRT_TRY(script_.pass("add"));
        for (const Account& other : accounts_) {
            if (other.id == account.id || (!account.alias.empty() && other.alias == account.alias)) {
                return Error(Code::invalid_parameter_value, fmt::format("\"{}\" or \"{}\" is taken", account.id.str(), account.alias));
            }
        }
        accounts_.push_back(account);
        keys_.push_back(key);
        return {};
    }
    CallScript& script() noexcept { return script_; }

private:
    std::vector<Account> accounts_;
    std::vector<AccessKey> keys_;
    CallScript script_;
};

}  // namespace amivirt::fakes
