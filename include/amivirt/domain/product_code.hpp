// Product codes (source: EC2): of a marketplace or a seller. Here they open nothing and cost nothing.
#pragma once

#include <string>

#include "amivirt/base/result.hpp"

namespace amivirt {

struct ProductCode {
    std::string id;
    std::string type = "marketplace";  ///< or "devpay"
    friend bool operator==(const ProductCode&, const ProductCode&) = default;
};

/// 1..64 letters and digits; "marketplace" or "devpay". invalid_parameter_value.
[[nodiscard]] Result<void> check_product_code(const ProductCode& code);

}  // namespace amivirt
