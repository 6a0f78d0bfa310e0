#include "faces/cli/suggest.hpp"

#include <fmt/format.h>

#include "amivirt/domain/filter.hpp"

namespace amivirt::cli {

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
    const std::string near = nearest(word, known);
    return near.empty() ? std::string() : fmt::format("did you mean \"{}\"?", near);
}

}  // namespace amivirt::cli
