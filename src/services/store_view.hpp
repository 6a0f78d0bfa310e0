// The whole catalog of a region as it is at one moment, for what looks at all of it. Private to src/services.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "amivirt/ports/catalog.hpp"

namespace amivirt {

struct StoreView {
    std::vector<Layer> layers;
    std::vector<Snapshot> snapshots;
    std::vector<Volume> volumes;
    std::vector<Image> images;
    std::vector<Instance> instances;  ///< the living: not terminated
    std::vector<Operation> operations;
    std::vector<std::string> unreadable;

    [[nodiscard]] const Instance* living(const InstanceId& id) const;
    /// Does an operation hold `object`?
    [[nodiscard]] bool held(const std::string& object) const;
};

[[nodiscard]] Result<StoreView> view_store(Catalog& catalog);

}  // namespace amivirt
