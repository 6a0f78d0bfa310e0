// The list of instance types.
#pragma once

#include <string_view>
#include <vector>

#include "amivirt/domain/instance.hpp"

namespace amivirt {

class InstanceTypes {
public:
    virtual ~InstanceTypes() = default;
    /// invalid_parameter_value for an unknown one, with the nearest known as hint; invalid_manifest if the list cannot be read.
    [[nodiscard]] virtual Result<InstanceType> find(std::string_view name) = 0;
    [[nodiscard]] virtual Result<std::vector<InstanceType>> list() = 0;
};

}  // namespace amivirt
