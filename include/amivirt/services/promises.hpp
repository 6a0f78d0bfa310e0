// What somebody was told before it was done (EC2's `pending`, `stopping`), kept so that it is done though the process dies on the way.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/log.hpp"
#include "amivirt/ports/catalog.hpp"

namespace amivirt {

/// Of a request that makes an object of type `Id`: how it could be asked for again, and whether it is.
template <class Id>
struct PromiseOf {
    std::string how;          ///< written down with the pending object, for Promises::open(); "": its process' death is its end
    std::optional<Id> again;  ///< the pending object, promised before, that is to be made now; none: a new one
};

struct Promise {
    std::string id;  ///< of an image or a snapshot that is made, or of an instance that is started or stopped
    AccountId account;
    std::string how;
};

class Promises {
public:
    Promises(Catalog& catalog, const Clock& clock, Log& log) : catalog_(catalog), clock_(clock), log_(log) {}

    /// One of an instance, before it is told; an older one of the same instance is forgotten. Those of images and snapshots are kept by
    /// whoever makes them, in the transaction that begins it.
    void keep(const Promise& promise);
    /// One of an instance was kept, or could not be.
    void settled(const std::string& id);
    /// Those whose object is still pending, or an instance, and that no operation is at work on: their process died, and was cleaned up
    /// after (Reconciler). Forgets those that were kept, or became nobody's.
    [[nodiscard]] Result<std::vector<Promise>> open();
    /// It cannot be kept: its object becomes `failed` (`error`, of a snapshot), with the reason. One that is pending no more stays as it
    /// is, and so does an instance.
    void broken(const Promise& promise, const Error& reason);

private:
    Catalog& catalog_;
    const Clock& clock_;
    Log& log_;
};

}  // namespace amivirt
