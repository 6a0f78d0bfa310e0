// The hint beside a word that is not known.
#pragma once

#include <string>

#include "amivirt/domain/filter.hpp"  // nearest()

namespace amivirt {

/// `Did you mean "x"?`, or "" for an empty word.
[[nodiscard]] std::string did_you_mean(const std::string& word);

}  // namespace amivirt
