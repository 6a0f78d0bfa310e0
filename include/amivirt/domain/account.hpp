// Accounts: who owns and who may use. On one person's machine a label that keeps scripts honest; behind the API what a signature proves.
#pragma once

#include <string>
#include <string_view>

#include "amivirt/base/ids.hpp"

namespace amivirt {

struct Account {
    AccountId id;
    std::string alias;  ///< unique; "" none
    friend bool operator==(const Account&, const Account&) = default;
};

/// Signs the API's requests.
struct AccessKey {
    std::string id;      ///< "AKIA" and 16 of A-Z2-7
    std::string secret;  ///< 40 letters, digits, + and /
    AccountId account;
    friend bool operator==(const AccessKey&, const AccessKey&) = default;
};

/// 3..63 lower-case letters, digits and dashes, beginning and ending with none of the latter (source: IAM account aliases), and no
/// account's id; nor "self" or "all", which searches and permissions speak of. invalid_parameter_value.
[[nodiscard]] Result<void> check_account_alias(std::string_view alias);

}  // namespace amivirt
