// The options of an instance in the catalog. Private to src/services.
#pragma once

#include <map>

#include "amivirt/domain/instance_options.hpp"
#include "amivirt/ports/catalog.hpp"

namespace amivirt {

/// The defaults where it has none of its own. store_corrupt: there, and unreadable.
[[nodiscard]] Result<InstanceOptions> options_of(CatalogSession& session, const InstanceId& id);
/// Of all instances that have any; what cannot be read is left out.
[[nodiscard]] Result<std::map<InstanceId, InstanceOptions>> all_options(CatalogSession& session);
[[nodiscard]] Result<void> keep_options(CatalogSession& session, const Instance& instance, const InstanceOptions& options);
/// Its record, and what is kept of it beside.
[[nodiscard]] Result<void> erase_instance(CatalogSession& session, const InstanceId& id);

}  // namespace amivirt
