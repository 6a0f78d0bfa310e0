// Records to tables and field lists for people. Pure.
#pragma once

#include <string>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/domain/image.hpp"
#include "amivirt/ports/health.hpp"
#include "amivirt/services/instances.hpp"
#include "faces/cli/render_json.hpp"

namespace amivirt::cli {

[[nodiscard]] std::string images_table(const std::vector<Image>& images, TimePoint now);
[[nodiscard]] std::string image_fields(const Image& image);

/// "running", "running (paused)"; with Observed::no "running?".
[[nodiscard]] std::string state_text(const InstanceView& view, Observed observed);
[[nodiscard]] std::string instances_table(const std::vector<InstanceView>& views, TimePoint now, Observed observed);
[[nodiscard]] std::string instance_fields(const InstanceView& view, const std::string& console_log, Observed observed);

[[nodiscard]] std::string types_table(const std::vector<InstanceType>& types);

enum class Colour { yes, no };
/// A line a finding, its remedy below it.
[[nodiscard]] std::string findings_text(const std::vector<Finding>& findings, Colour colour);

}  // namespace amivirt::cli
