// A small ISO 9660 image with Rock Ridge and Joliet names, written in memory. libarchive's writer puts the time of day into what it
// writes and goes through a temporary file; a seed must be the same bytes each time, and a launch makes many.
#pragma once

#include <string>
#include <vector>

#include "amivirt/base/result.hpp"

namespace amivirt {

struct IsoFile {
    std::string name;  ///< as the guest sees it: letters, digits, '-', '_', '.'
    std::string content;
};

/// All files in the root folder, read-only, owned by root, dated 2000-01-01. Pure: same arguments, same bytes. internal_error for a name
/// or a number of files that do not fit one sector of directory; invalid_parameter_value for more than 4 GiB.
[[nodiscard]] Result<std::string> iso9660_image(const std::string& volume_id, const std::vector<IsoFile>& files);

}  // namespace amivirt
