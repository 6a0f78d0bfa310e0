// Fresh names.
#pragma once

#include <cstdint>
#include <string>

#include "amivirt/base/ids.hpp"

namespace amivirt {

class IdSource {
public:
    virtual ~IdSource() = default;
    /// 17 lower-case hex digits, unpredictable, never twice.
    [[nodiscard]] virtual std::string hex17() = 0;
    /// For choices that need no secrecy (a MAC, where to begin looking for a port).
    [[nodiscard]] virtual std::uint32_t random() = 0;
};

template <class IdType>
[[nodiscard]] IdType make_id(IdSource& source) {
    return *IdType::parse(std::string(IdType::prefix()) + source.hex17());
}

}  // namespace amivirt
