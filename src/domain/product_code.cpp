#include "amivirt/domain/product_code.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "domain/text.hpp"

namespace amivirt {

Result<void> check_product_code(const ProductCode& code) {
    constexpr std::size_t k_longest_code = 64;
    const bool well_formed = !code.id.empty() && code.id.size() <= k_longest_code &&
                             std::all_of(code.id.begin(), code.id.end(),
                                         [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
    if (!well_formed) {
        return Error(Code::invalid_parameter_value, fmt::format("Invalid product code \"{}\" (expecting 1 to {} letters and digits)",
                                                                beginning_of(code.id, k_longest_code), k_longest_code));
    }
    if (code.type != "marketplace" && code.type != "devpay") {
        return Error(Code::invalid_parameter_value,
                     fmt::format("Invalid type \"{}\" of product code \"{}\" (expecting marketplace or devpay)", code.type, code.id));
    }
    return {};
}

}  // namespace amivirt
