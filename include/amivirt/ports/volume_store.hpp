// Where the bytes of layers are. Services name layers; only the store knows paths.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/base/size.hpp"
#include "amivirt/domain/storage.hpp"

namespace amivirt {

/// An opaque name of a disk that the hypervisor and the inspector understand (today a path).
struct DiskSource {
    std::string location;
    std::string format = "qcow2";
};

/// A file on its way in: staged by a SourceStager, not yet trusted.
struct StagedDisk {
    std::string path;
    Bytes size;
};

/// What the header of an untrusted disk says, after all refusals.
struct ProbedDisk {
    std::string format;  ///< qemu's word: qcow2 raw vmdk vpc vhdx vdi
    Bytes virtual_size;
};

/// A layer's file as it lies there.
struct LayerFile {
    Bytes virtual_size;             ///< the header's
    std::optional<LayerId> parent;  ///< the header's backing file
    bool encrypted = false;
    bool read_only = false;  ///< mode 0444: sealed
    Bytes file_size;
    Bytes allocated;               ///< what the file system gives it
    std::int64_t modified_ns = 0;  ///< mtime, nanoseconds since 1970
    bool linked = false;           ///< the file has a name elsewhere, too (a copy in another region): removing this one frees nothing
};

enum class Encrypted { yes, no };

class VolumeStore {
public:
    virtual ~VolumeStore() = default;

    /// A new writable layer over `parent` (or empty), `size` large. Appears whole or not at all; not durable before persist() or seal(). An
    /// existing file of that id is replaced. Encrypted with the region's key, which is made when it is first needed, in a file that only
    /// the store's owner can read. If that file is lost while encrypted layers are there: store_corrupt, never a new key.
    [[nodiscard]] virtual Result<void> create(const LayerId& layer, const std::optional<LayerId>& parent, Bytes size,
                                              Encrypted encrypted) = 0;
    /// Makes what create() made durable, names and all: before the catalog says that it is there, or a volume is moved over to it whose
    /// data lies below. Idempotent.
    [[nodiscard]] virtual Result<void> persist(const std::vector<LayerId>& layers) = 0;
    /// From now on nobody writes to it: durable, mode 0444. Returns how it looks. Idempotent. A guest may have it open for reading.
    [[nodiscard]] virtual Result<Seal> seal(const LayerId& layer) = 0;
    /// Makes a writable layer that no guest has open at least `size` large; never smaller. Durable. Idempotent.
    [[nodiscard]] virtual Result<void> grow(const LayerId& layer, Bytes size) = 0;
    /// Sniffs the format from the bytes (never the name) and refuses what must not come in: unreadable or truncated, a
    /// backing file, an external data file, extents elsewhere, a virtual size over the limit, text. invalid_disk_image
    /// (quotes `shown_as`, the name the user gave).
    [[nodiscard]] virtual Result<ProbedDisk> probe(const StagedDisk& disk, const std::string& shown_as) = 0;
    /// Converts into the sealed base layer `layer`; durable, 0444, under its final name only when whole. Under resource
    /// limits. store_full when the disk is. Interruptible; on any failure no file of the layer is left.
    [[nodiscard]] virtual Result<void> import(const LayerId& layer, const StagedDisk& disk, const ProbedDisk& probed,
                                              Progress& progress) = 0;
    /// Removes the layers' files and any temporaries of them, in this order; none comes back with a power cut once this has returned, so
    /// that their rows may go. Idempotent.
    [[nodiscard]] virtual Result<void> remove(const std::vector<LayerId>& layers) = 0;
    [[nodiscard]] Result<void> remove(const LayerId& layer) { return remove(std::vector<LayerId>{layer}); }
    [[nodiscard]] virtual DiskSource source(const LayerId& layer) const = 0;
    /// nullopt if its file is not there; store_corrupt if that is not a qcow2 image or ends within its header, if it stands on a file that
    /// is no layer, was marked as damaged, or keeps its data elsewhere. Cheap: no tool is called.
    [[nodiscard]] virtual Result<std::optional<LayerFile>> look(const LayerId& layer) = 0;
    /// Ids of all layer files, and the names of files that are none of ours.
    struct Contents {
        std::vector<LayerId> layers;
        std::vector<std::string> unknown;
    };
    [[nodiscard]] virtual Result<Contents> contents() = 0;
};

}  // namespace amivirt
