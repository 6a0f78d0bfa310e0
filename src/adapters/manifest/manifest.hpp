// image.yaml, lab.yaml, instance-types.yaml.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/ports/instance_types.hpp"
#include "amivirt/ports/lab_reader.hpp"
#include "amivirt/ports/manifest_reader.hpp"

namespace amivirt {

[[nodiscard]] std::unique_ptr<ManifestReader> make_manifest_reader();

/// How a forwarded port is written: as on the command line.
using PortForwardParser = std::function<Result<PortForward>(std::string_view text)>;
[[nodiscard]] std::unique_ptr<LabReader> make_lab_reader(PortForwardParser parse_port);

/// JSON Schemas of the formats, made from the tables that the reading goes by.
[[nodiscard]] std::string catalog_schema();
[[nodiscard]] std::string image_schema();
[[nodiscard]] std::string lab_schema();

/// Read on first use. A later file adds types to the earlier ones' or replaces them whole; the first file must be there, the others may be
/// absent.
[[nodiscard]] std::unique_ptr<InstanceTypes> make_instance_types(std::vector<std::string> files);

}  // namespace amivirt
