// Care for layers that takes time: copying a chain together, reading a file whole. Implemented beside ports/volume_store.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/base/result.hpp"

namespace amivirt {

class LayerCare {
public:
    virtual ~LayerCare() = default;
    /// Makes `target`, a sealed layer over `base` (or over nothing) that reads as `source` does. Only what differs from `base` is copied.
    /// All of `source`'s chain must be sealed. Durable, under its final name only when whole. Encrypted if `source` is. Interruptible.
    [[nodiscard]] virtual Result<void> merge(const LayerId& target, const LayerId& source, const std::optional<LayerId>& base,
                                             Progress& progress) = 0;
    /// The writable layer `layer`, which no guest has open, names `parent` as its parent from now on; the caller vouches that it reads as
    /// the former did. Durable. Only the header is written.
    [[nodiscard]] virtual Result<void> rebase(const LayerId& layer, const LayerId& parent) = 0;
    /// What `qemu-img check` says of it, a sentence for each kind of fault; empty: sound. Leaked clusters alone are no fault. Only for a
    /// layer that nobody writes to; who begins to meanwhile is not kept from it, and the answer then says nothing. Parents are not opened.
    [[nodiscard]] virtual Result<std::vector<std::string>> check(const LayerId& layer) = 0;
    /// SHA-256 of the file, lower-case hex. Interruptible.
    [[nodiscard]] virtual Result<std::string> checksum(const LayerId& layer, Progress& progress) = 0;
};

}  // namespace amivirt
