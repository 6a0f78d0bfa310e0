#include "amivirt/domain/account.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace amivirt {

Result<void> check_account_alias(std::string_view alias) {
    constexpr std::size_t shortest = 3;
    constexpr std::size_t longest = 63;
    const bool characters =
        std::all_of(alias.begin(), alias.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
    if (alias.size() < shortest || alias.size() > longest || !characters || alias.front() == '-' || alias.back() == '-' ||
        alias.find("--") != std::string_view::npos) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("Invalid account alias: \"{}\" (expecting {} to {} lower-case letters, digits and single dashes within)",
                                 alias, shortest, longest));
    }
    if (AccountId::parse(alias)) {
        return Error(Code::invalid_parameter_value, fmt::format("Invalid account alias: \"{}\" (it looks like an account's id)", alias));
    }
    if (alias == "self" || alias == "all") {
        return Error(Code::invalid_parameter_value, fmt::format("Invalid account alias: \"{}\" (the word means something else)", alias));
    }
    return {};
}

}  // namespace amivirt
