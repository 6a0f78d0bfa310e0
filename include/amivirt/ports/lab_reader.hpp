// lab.yaml.
#pragma once

#include <string>

#include "amivirt/domain/lab.hpp"

namespace amivirt {

class LabReader {
public:
    virtual ~LabReader() = default;
    /// Relative paths are taken from the lab's folder; files that are named have been read. A lab without a name has its file's, without
    /// the extension. invalid_manifest lists all faults at once, one a line: `lab.yaml:7: instances.web.count: "0" is not between 1 and
    /// 100`.
    [[nodiscard]] virtual Result<Lab> read(const std::string& path) = 0;
};

}  // namespace amivirt
