// What looks into images found, as trees and tables. Pure.
#pragma once

#include <string>

#include "amivirt/services/capture.hpp"
#include "faces/cli/output.hpp"

namespace amivirt::cli {

/// {"ImageId", "Clean", "Findings": [{"Severity", "Rule", "Path", "Message", "Fix"}], "CleanedImageId"}
[[nodiscard]] Document lint_document(const LintReport& report);
[[nodiscard]] std::string lint_table(const LintReport& report);
/// {"Files": {"Added": [...], "Removed": [...], "Changed": [{"Path", "What": [...]}]}, "Packages": [{"Name", "Before", "After"}],
/// "Users": [...]}; what is not there on one side is null.
[[nodiscard]] Document diff_document(const ImageDiff& diff);
/// A line each: "+ /path", "- /path", "~ /path (content, mode)", "package NAME 1.0 -> 2.0", "user NAME ...".
[[nodiscard]] std::string diff_text(const ImageDiff& diff);

}  // namespace amivirt::cli
