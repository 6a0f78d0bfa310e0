// `gc`: what nothing reaches goes, whoever left it.
#pragma once

#include <cstddef>

#include "amivirt/base/result.hpp"
#include "amivirt/services/operations.hpp"
#include "amivirt/services/storage.hpp"

namespace amivirt {

class Garbage {
public:
    Garbage(Operations& operations, Storage& storage) : operations_(operations), storage_(storage) {}
    /// Removes all layers that neither a snapshot, a volume nor a running operation reaches; returns how many. Killed anywhere, the next
    /// command finishes it.
    [[nodiscard]] Result<std::size_t> collect();

private:
    Operations& operations_;
    Storage& storage_;
};

}  // namespace amivirt
