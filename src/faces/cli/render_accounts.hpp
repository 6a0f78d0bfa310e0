// Accounts and tags: trees in the shape of `aws ec2 describe-tags`, `aws iam create-access-key` and the like, and tables. Pure.
#pragma once

#include <string>
#include <vector>

#include "amivirt/domain/account.hpp"
#include "amivirt/domain/tag.hpp"
#include "faces/cli/output.hpp"

namespace amivirt::cli {

/// {"Tags": [{"Key", "ResourceId", "ResourceType", "Value"}]}
[[nodiscard]] Document tags_document(const std::vector<TagDescription>& tags);
[[nodiscard]] std::string tags_table(const std::vector<TagDescription>& tags);

/// {"Accounts": [{"Id", "Alias", "AccessKeyIds": []}]}
[[nodiscard]] Document accounts_document(const std::vector<Account>& accounts, const std::vector<AccessKey>& keys);
[[nodiscard]] std::string accounts_table(const std::vector<Account>& accounts, const std::vector<AccessKey>& keys);
/// {"Account": {"Id", "Alias"}, "AccessKey": {"AccessKeyId", "SecretAccessKey"}}: the one time the secret is told.
[[nodiscard]] Document created_account_document(const Account& account, const AccessKey& key);
[[nodiscard]] std::string created_account_fields(const Account& account, const AccessKey& key);

}  // namespace amivirt::cli
