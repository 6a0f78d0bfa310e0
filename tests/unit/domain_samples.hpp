// Well-formed things for tests of the domain.
#pragma once

#include <fmt/format.h>

#include <string>

#include "amivirt/base/ids.hpp"

namespace amivirt::samples {

/// Distinct for distinct numbers: id<ImageId>(1) is ami-00000000000000001.
template <class IdType>
[[nodiscard]] IdType id(unsigned number) {
    return IdType::parse(fmt::format("{}{:017x}", IdType::prefix(), number)).value();
}

[[nodiscard]] inline AccountId account(unsigned number) { return AccountId::parse(fmt::format("{:012}", number)).value(); }

/// `count` copies of a character that is two bytes long.
[[nodiscard]] inline std::string umlauts(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += "\xC3\xA4";
    }
    return text;
}

}  // namespace amivirt::samples
