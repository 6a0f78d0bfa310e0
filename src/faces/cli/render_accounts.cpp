#include "faces/cli/render_accounts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "faces/cli/json_fields.hpp"

namespace amivirt::cli {

namespace {

Json account_json(const Account& account) {
    Json out;
    out["Id"] = account.id.str();
    put(out, "Alias", account.alias);
    return out;
}

std::vector<std::string> key_ids(const Account& account, const std::vector<AccessKey>& keys) {
    std::vector<std::string> ids;
    for (const AccessKey& key : keys) {
        if (key.account == account.id) {
            ids.push_back(key.id);
        }
    }
    return ids;
}

}  // namespace

Document tags_document(const std::vector<TagDescription>& tags) {
    Json list = Json::array();
    for (const TagDescription& tag : tags) {
        list.push_back({{"Key", tag.key}, {"ResourceId", tag.resource}, {"ResourceType", to_string(tag.type)}, {"Value", tag.value}});
    }
    return document({{"Tags", std::move(list)}});
}

std::string tags_table(const std::vector<TagDescription>& tags) {
    TextTable table({"RESOURCE", "TYPE", "KEY", "VALUE"});
    for (const TagDescription& tag : tags) {
        table.add({tag.resource, std::string(to_string(tag.type)), tag.key, tag.value});
    }
    return table.str();
}

Document accounts_document(const std::vector<Account>& accounts, const std::vector<AccessKey>& keys) {
    Json list = Json::array();
    for (const Account& account : accounts) {
        Json entry = account_json(account);
        entry["AccessKeyIds"] = key_ids(account, keys);
        list.push_back(std::move(entry));
    }
    return document({{"Accounts", std::move(list)}});
}

std::string accounts_table(const std::vector<Account>& accounts, const std::vector<AccessKey>& keys) {
    TextTable table({"ID", "ALIAS", "ACCESS KEYS"});
    for (const Account& account : accounts) {
        table.add({account.id.str(), account.alias, fmt::format("{}", fmt::join(key_ids(account, keys), ", "))});
    }
    return table.str();
}

Document created_account_document(const Account& account, const AccessKey& key) {
    return document({{"Account", account_json(account)}, {"AccessKey", {{"AccessKeyId", key.id}, {"SecretAccessKey", key.secret}}}});
}

std::string created_account_fields(const Account& account, const AccessKey& key) {
    FieldList fields;
    fields.add("Account", account.id.str());
    fields.add("Alias", account.alias);
    fields.add("Access key", key.id);
    fields.add("Secret", key.secret);
    return fields.str();
}

}  // namespace amivirt::cli
