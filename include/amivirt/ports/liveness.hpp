// Is the process that wrote an operation row still there? Told by a lock the kernel drops when it dies.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "amivirt/base/ids.hpp"

namespace amivirt {

class Liveness {
public:
    /// Held until destroyed; destroying it also removes the lock's file.
    class Held {
    public:
        virtual ~Held() = default;
    };
    virtual ~Liveness() = default;
    /// Says "I live" for a new operation; before its row is written.
    [[nodiscard]] virtual Result<std::unique_ptr<Held>> hold(const OperationId& operation) = 0;
    /// Takes over an operation whose process is dead; null if it lives (or another process has just adopted it).
    [[nodiscard]] virtual Result<std::unique_ptr<Held>> adopt(const OperationId& operation) = 0;
    /// Removes locks of the dead whose operation is not among `known` (killed before the row, or after its end).
    [[nodiscard]] virtual Result<void> sweep(const std::vector<OperationId>& known) = 0;
};

}  // namespace amivirt
