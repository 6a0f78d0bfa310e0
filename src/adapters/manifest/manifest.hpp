// image.yaml, instance-types.yaml.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "amivirt/ports/instance_types.hpp"
#include "amivirt/ports/manifest_reader.hpp"

namespace amivirt {

[[nodiscard]] std::unique_ptr<ManifestReader> make_manifest_reader();

/// Read on first use. A later file adds types to the earlier ones' or replaces them whole; the first file must be there, the others may be
/// absent.
[[nodiscard]] std::unique_ptr<InstanceTypes> make_instance_types(std::vector<std::string> files);

}  // namespace amivirt
