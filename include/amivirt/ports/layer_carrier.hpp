// Layers across the border of their store: to another region's store, and out into disk files that need no store at all.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/volume_store.hpp"

namespace amivirt {

/// All that reading a sealed chain takes from outside its store. Made by the carrier of that store, understood by any other's.
struct ChainSource {
    struct Link {
        DiskSource disk;
        bool encrypted = false;
    };
    std::vector<Link> links;  ///< top first
    std::string key;          ///< opens what is encrypted
    Bytes virtual_size;       ///< the top's
};

/// A layer on its way from another store, its bytes as they are.
struct BringRequest {
    LayerId layer;
    DiskSource from;        ///< sealed
    std::string sha256;     ///< of the file, where it is on record; "" any
    std::string url;        ///< names the transfer, for what is left of a broken one
    std::string validator;  ///< changes when the source does
    std::optional<Download> resume;
    /// Told before the first byte is kept that can outlive a crash.
    std::function<Result<void>(const Download&)> on_download;
};

enum class Passage {
    cloned,  ///< shares its blocks with the source, where the file system does that
    linked,  ///< is the source's file under a second name
    copied,
};
[[nodiscard]] std::string_view to_string(Passage value) noexcept;

struct Brought {
    Passage passage = Passage::copied;
    std::string sha256;  ///< of a copied one; "" else
};

enum class DiskFileFormat {
    qcow2,
    raw,
    vmdk,
    vhd,
    stream_vmdk,  ///< as in an OVA
};

class LayerCarrier {
public:
    virtual ~LayerCarrier() = default;
    /// incorrect_state if a layer of it is not sealed; store_corrupt, io_error.
    [[nodiscard]] virtual Result<ChainSource> chain(const LayerId& top) = 0;
    /// Makes `layer` here, sealed: the same file as there. Cloned or hard linked where both lie on one file system, else copied with its
    /// holes, in order, and compared by SHA-256 with what was read; a copy that was interrupted, killed or broke off (io_error) is gone on
    /// with when `resume` names it and the source is the same. A file of that id that is there is replaced. checksum_mismatch, store_full,
    /// store_corrupt (the source is not what `sha256` says). Interruptible; but for what can be resumed, nothing is left on failure.
    [[nodiscard]] virtual Result<Brought> bring(const BringRequest& request, Progress& progress) = 0;
    /// Makes `target` here, a sealed layer over nothing that reads as the chain does, with this store's key if `encrypted`. Durable, under
    /// its final name only when whole. Interruptible.
    [[nodiscard]] virtual Result<void> rewrite(const LayerId& target, const ChainSource& from, Encrypted encrypted, Progress& progress) = 0;
    /// Writes what the chain reads as into the file `path`, complete in itself, sparse, synced; of the chain's virtual size exactly.
    /// An existing file is replaced; on failure it may be there in part. store_full. Interruptible.
    [[nodiscard]] virtual Result<void> write_out(const ChainSource& from, const std::string& path, DiskFileFormat format,
                                                 Progress& progress) = 0;
};

}  // namespace amivirt
