// A Revert whose own failures go to the log. Private to src/services.
#pragma once

#include <fmt/format.h>

#include <string>

#include "amivirt/base/log.hpp"
#include "amivirt/base/revert.hpp"

namespace amivirt {

[[nodiscard]] inline Revert::OnFailure logged(Log& log, std::string component) {
    return [&log, component = std::move(component)](const std::string& what, const Error& error) {
        log.write(LogLevel::error, component, fmt::format("could not {}: {}", what, describe(error)));
    };
}

}  // namespace amivirt
