// The judgement behind the host's findings: pure.
#pragma once

#include <string>

#include "amivirt/base/size.hpp"
#include "amivirt/ports/health.hpp"

namespace amivirt::host {

[[nodiscard]] Finding judge_memory(Bytes available);
[[nodiscard]] Finding judge_space(const std::string& path, Bytes available);

}  // namespace amivirt::host
