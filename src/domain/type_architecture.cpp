#include "amivirt/domain/type_architecture.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace amivirt {

Architecture architecture_of_type(std::string_view type) noexcept {
    constexpr std::string_view k_digits = "0123456789";
    const std::string_view family = type.substr(0, std::min(type.find('.'), type.size()));
    const std::size_t generation = family.find_first_of(k_digits);
    const std::size_t after = generation == std::string_view::npos ? generation : family.find_first_not_of(k_digits, generation);
    const bool graviton = family == "a1" || (after != std::string_view::npos && family[after] == 'g');
    return graviton ? Architecture::arm64 : Architecture::x86_64;
}

Result<void> check_type_fits(std::string_view type, Architecture image) {
    const Architecture needs = architecture_of_type(type);
    if (needs != Architecture::arm64 || image == Architecture::arm64) {
        return {};
    }
    return Error(Code::invalid_parameter_value,
                 fmt::format("The architecture '{}' of the specified instance type {} does not match the architecture '{}' of the image",
                             to_string(needs), type, to_string(image)),
                 "an instance type and an image that have matching architectures");
}

}  // namespace amivirt
