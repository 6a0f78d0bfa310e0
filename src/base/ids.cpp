#include "amivirt/base/ids.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace amivirt {

namespace {

constexpr std::size_t k_id_digits = 17;
constexpr std::size_t k_account_digits = 12;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_lower_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f'); }

}  // namespace

namespace detail {

bool well_formed_id(std::string_view text, std::string_view prefix, std::size_t older) noexcept {
    if (!text.starts_with(prefix)) {
        return false;
    }
    text.remove_prefix(prefix.size());
    const bool long_enough = text.size() == k_id_digits || (older != 0 && text.size() == older);
    return long_enough && std::all_of(text.begin(), text.end(), is_lower_hex);
}

std::string ill_formed_id(std::string_view text, std::string_view prefix, std::size_t older) {
    if (text.starts_with(prefix)) {
        return fmt::format("Invalid id: \"{}\" (expecting \"{}\" and {}{} hexadecimal digits)", text, prefix,
                           older == 0 ? std::string() : fmt::format("{} or ", older), k_id_digits);
    }
    return fmt::format("Invalid id: \"{}\" (expecting \"{}...\")", text, prefix);
}

}  // namespace detail

Result<AccountId> AccountId::parse(std::string_view text) {
    if (text.size() != k_account_digits || !std::all_of(text.begin(), text.end(), is_digit)) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("Invalid account id: \"{}\" (expecting {} digits)", text, k_account_digits));
    }
    return AccountId(std::string(text));
}

AccountId AccountId::local() { return AccountId(std::string(k_account_digits, '0')); }

}  // namespace amivirt
