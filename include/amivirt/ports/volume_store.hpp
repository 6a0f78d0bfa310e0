// Where the bytes of layers are. Services name layers; only the store knows paths.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/base/size.hpp"

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

struct LayerUsage {
    Bytes virtual_size;
    Bytes allocated;  ///< what the file system gives it
};

class VolumeStore {
public:
    virtual ~VolumeStore() = default;

    /// A new writable layer over `parent` (or empty), `size` large. Appears whole or not at all; not durable until the
    /// guest flushes, which is enough since nothing is in it. An existing file of that id is replaced.
    [[nodiscard]] virtual Result<void> create(const LayerId& layer, const std::optional<LayerId>& parent, Bytes size) = 0;
    /// Sniffs the format from the bytes (never the name) and refuses what must not come in: unreadable or truncated, a
    /// backing file, an external data file, extents elsewhere, a virtual size over the limit, text. invalid_disk_image
    /// (quotes `shown_as`, the name the user gave).
    [[nodiscard]] virtual Result<ProbedDisk> probe(const StagedDisk& disk, const std::string& shown_as) = 0;
    /// Converts into the sealed base layer `layer`; durable, 0444, under its final name only when whole. Under resource
    /// limits. store_full when the disk is. Interruptible; on any failure no file of the layer is left.
    [[nodiscard]] virtual Result<void> import(const LayerId& layer, const StagedDisk& disk, const ProbedDisk& probed,
                                              Progress& progress) = 0;
    /// Removes the layer's file and any temporary of it. Idempotent.
    [[nodiscard]] virtual Result<void> remove(const LayerId& layer) = 0;
    [[nodiscard]] virtual DiskSource source(const LayerId& layer) const = 0;
    /// io_error if its file is not there.
    [[nodiscard]] virtual Result<LayerUsage> usage(const LayerId& layer) = 0;
    /// Ids of all layer files, and the names of files that are none of ours.
    struct Contents {
        std::vector<LayerId> layers;
        std::vector<std::string> unknown;
    };
    [[nodiscard]] virtual Result<Contents> contents() = 0;
};

}  // namespace amivirt
