// Where amivirt's log goes: stderr for the person, a file for later.
#pragma once

#include <memory>
#include <string>

#include "amivirt/base/log.hpp"

namespace amivirt {

struct LogOptions {
    int verbosity = 0;  ///< of stderr: -1 errors, 0 warnings too, 1 info too, 2 debug too, with time and component
    std::string file;   ///< appended to, made with mode 0600; gets everything down to debug, with time and component; "" none
};

/// Never throws. A file that cannot be opened is told as a warning, and the log goes on without it.
[[nodiscard]] std::unique_ptr<Log> make_log(const LogOptions& options) noexcept;

}  // namespace amivirt
