#include "faces/cli/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "amivirt/domain/filter.hpp"

namespace amivirt::cli {

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
    const std::string near = nearest(word, known);
    return near.empty() ? std::string() : fmt::format("did you mean \"{}\"?", near);
}

Error none_of(std::string_view noun, std::string_view text, const std::vector<std::string>& known) {
    return {Code::invalid_parameter_value, fmt::format("Invalid {} \"{}\" (expecting {})", noun, text, fmt::join(known, " | ")),
            did_you_mean(text, known)};
}

}  // namespace amivirt::cli
