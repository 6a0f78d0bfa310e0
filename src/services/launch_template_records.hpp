// Launch templates as the catalog has them. Private to src/services.
#pragma once

#include <vector>

#include "amivirt/domain/launch_template.hpp"
#include "amivirt/ports/catalog.hpp"

namespace amivirt {

/// Everybody's, in order of creation; what cannot be read is left out.
[[nodiscard]] Result<std::vector<LaunchTemplate>> all_launch_templates(CatalogSession& session);

}  // namespace amivirt
