// The man pages, of the same texts as --help.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/result.hpp"

namespace amivirt::cli {

struct ManualPage {
    std::string name;  ///< "amivirt-image-import"; in section 1
    std::string text;  ///< roff, for man(7)'s macros
};

/// One for amivirt itself, and one for each name of each command.
[[nodiscard]] std::vector<ManualPage> manual();
/// A help text as roff: paragraphs are filled, what is indented stays as it stands, "# TITLE" begins a section.
[[nodiscard]] std::string to_roff(std::string_view help);
/// Into NAME.1 files of `folder`, which is made. io_error.
[[nodiscard]] Result<void> write_manual(const std::string& folder);

}  // namespace amivirt::cli
