// Labs for people and for programs. Pure.
#pragma once

#include <string>
#include <vector>

#include "amivirt/services/labs.hpp"
#include "faces/cli/render_json.hpp"

namespace amivirt::cli {

/// Exit status of `up --plan` and `status` where the lab is not as its file says: nothing failed, so it is none of the errors'.
inline constexpr int k_differs = 10;

/// "replace web: image was edited": a line for each step but those that keep.
[[nodiscard]] std::vector<std::string> plan_lines(const LabPlan& plan);
[[nodiscard]] std::string plan_table(const LabPlan& plan);
enum class ToDo { shown, done };
/// All members and what there is of each; with ToDo::shown, also what `up` would do about it, else without those that were removed.
[[nodiscard]] std::string lab_table(const LabReport& report, ToDo to_do);
/// {"LabName", "Changes", "Members": [{"Name", "Kind", "ResourceId", "State", "Action", "Reasons"}], "Reservations": as
/// describe-instances}. Changes: how many members are not as the file says; of an `up`, were not.
[[nodiscard]] Document lab_document(const LabReport& report, const std::string& region);
/// Of the lab's instances, by their order in the file.
[[nodiscard]] std::vector<std::string> lab_ids(const LabReport& report);

}  // namespace amivirt::cli
