// The other regions of the configuration, for what goes from one to another.
#pragma once

#include <string>

#include "amivirt/ports/layer_carrier.hpp"
#include "amivirt/services/images.hpp"

namespace amivirt {

class Carrying;

/// What one region's services stand on, as far as others have to do with it. References live as long as the Regions that gave them.
struct Region {
    std::string name;
    Catalog& catalog;
    Operations& operations;
    Storage& storage;
    Images& images;
    LayerCarrier& carrier;
    Carrying& carrying;
};

class Regions {
public:
    virtual ~Regions() = default;
    /// Opens its store (made if it is not there) and recovers what dead processes left in it. invalid_parameter_value for one that the
    /// configuration does not have, with the nearest as hint.
    [[nodiscard]] virtual Result<Region> open(const std::string& name) = 0;
};

}  // namespace amivirt
