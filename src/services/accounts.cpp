#include "amivirt/services/accounts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "amivirt/domain/filter.hpp"

namespace amivirt {

namespace {

/// Each from eight unpredictable bits; the alphabet's size divides 256, so that all letters are as likely.
std::string random_letters(IdSource& ids, std::string_view alphabet, std::size_t count) {
    std::string digits;
    while (digits.size() < 2 * count) {
        digits += ids.hex17();
    }
    std::string letters;
    for (std::size_t i = 0; i < count; ++i) {
        unsigned value = 0;
        std::from_chars(digits.data() + 2 * i, digits.data() + 2 * i + 2, value, 16);
        letters += alphabet[value % alphabet.size()];
    }
    return letters;
}

AccountId random_account(IdSource& ids) {
    constexpr std::uint64_t k_ids = 1'000'000'000'000;
    constexpr int k_digits = 15;  // 60 bits
    const std::string hex = ids.hex17();
    std::uint64_t value = 0;
    std::from_chars(hex.data() + hex.size() - k_digits, hex.data() + hex.size(), value, 16);
    return *AccountId::parse(fmt::format("{:012}", value % k_ids));
}

}  // namespace

Result<Accounts::Created> Accounts::create(const std::string& alias, std::optional<AccountId> id) {
    if (!alias.empty()) {
        AMIVIRT_TRY(check_account_alias(alias));
    }
    Created created;
    created.account.alias = alias;
    const auto known = AMIVIRT_TRY(list());
    const auto taken = [&](const AccountId& wanted) {
        return std::any_of(known.begin(), known.end(), [&](const Account& account) { return account.id == wanted; });
    };
    if (id) {
        created.account.id = std::move(*id);
    } else {
        do {
            created.account.id = random_account(ids_);
        } while (taken(created.account.id));
    }
    created.key.account = created.account.id;
    created.key.id = "AKIA" + random_letters(ids_, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16);
    created.key.secret = random_letters(ids_, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 40);
    AMIVIRT_TRY(book_.add(created.account, created.key));
    return created;
}

Result<std::vector<Account>> Accounts::list() {
    auto accounts = AMIVIRT_TRY(book_.list());
    const auto local = AccountId::local();
    if (std::none_of(accounts.begin(), accounts.end(), [&](const Account& account) { return account.id == local; })) {
        accounts.insert(accounts.begin(), Account{local, ""});
    }
    return accounts;
}

Result<AccountId> Accounts::resolve(const std::string& id_or_alias) {
    if (auto id = AccountId::parse(id_or_alias)) {
        return std::move(*id);
    }
    return find_account(AMIVIRT_TRY(book_.list()), id_or_alias);
}

Result<std::map<AccountId, std::string>> Accounts::aliases() {
    std::map<AccountId, std::string> aliases;
    for (auto& account : AMIVIRT_TRY(book_.list())) {
        if (!account.alias.empty()) {
            aliases.emplace(std::move(account.id), std::move(account.alias));
        }
    }
    return aliases;
}

Result<AccountId> find_account(const std::vector<Account>& accounts, const std::string& id_or_alias) {
    if (auto id = AccountId::parse(id_or_alias)) {
        return std::move(*id);
    }
    std::vector<std::string> known;
    for (const auto& account : accounts) {
        if (!account.alias.empty() && account.alias == id_or_alias) {
            return account.id;
        }
        known.push_back(account.alias);
    }
    const auto close = nearest(id_or_alias, known);
    return Error(Code::invalid_parameter_value, fmt::format("account \"{}\" is neither 12 digits nor the alias of an account", id_or_alias),
                 close.empty() ? "`amivirt account list` shows the accounts there are" : fmt::format("did you mean \"{}\"?", close));
}

}  // namespace amivirt
