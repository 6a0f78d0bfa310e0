#include "faults.hpp"

#include <fmt/format.h>

namespace amivirt {

Error Faults::error(const std::string& what) const {
    if (errors_.size() == 1) {
        return errors_.front();
    }
    Error all(errors_.front().code, fmt::format("{} has {} faults:", what, errors_.size()));
    for (const auto& error : errors_) {  // the headline tells its code; a line does where it differs
        all.message += "\n  " + (error.code == all.code ? error.message : describe(error));
    }
    return all;
}

}  // namespace amivirt
