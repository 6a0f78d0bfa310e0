// The hint beside a word that is not known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace amivirt {

[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& words);  // contract: domain/filter.hpp
/// `Did you mean "x"?`, or "" for an empty word.
[[nodiscard]] std::string did_you_mean(const std::string& word);

}  // namespace amivirt
