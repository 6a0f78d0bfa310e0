// Filters of key pairs.
#pragma once

#include <vector>

#include "amivirt/domain/filter.hpp"
#include "amivirt/domain/key_pair.hpp"

namespace amivirt {

/// Those of DescribeKeyPairs: fingerprint, key-name, key-pair-id, tag:<key>, tag-key. As the others of filter.hpp.
[[nodiscard]] Result<void> check_key_pair_filters(const std::vector<Filter>& filters);
[[nodiscard]] bool matches(const KeyPair& pair, const std::vector<Filter>& filters);

}  // namespace amivirt
