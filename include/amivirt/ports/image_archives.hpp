// Whole images in one file: our bundle, and the OVA of others.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/progress.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/base/size.hpp"
#include "amivirt/domain/image.hpp"

namespace amivirt {

enum class ArchiveKind {
    bundle,  ///< zstd of a tar: manifest.json, volumes/N.qcow2 ..., SHA256SUMS (see image_store.md)
    ova,     ///< tar: *.ovf, *.mf, disks (source: DMTF DSP0243, OVF 1.x)
};

struct CarriedDisk {
    std::string device_name;  ///< its entry in the image's mapping
    std::string path;         ///< to write: the file it is in, qcow2 for a bundle, stream-optimized VMDK for an OVA
    std::string part;         ///< looked at: its name in the archive
    Bytes size;               ///< looked at: of its bytes there
    Bytes virtual_size;
};

struct CarriedImage {
    ArchiveKind kind = ArchiveKind::bundle;
    /// Its own name, id, tags...; no owner, no permissions. Mapping entries of `disks` have no snapshot.
    Image image;
    std::vector<CarriedDisk> disks;  ///< root first
    bool boot_mode_said = true;      ///< else image.boot_mode is a guess
    unsigned vcpus = 0;              ///< OVA; 0: not said
    MiB memory;                      ///< OVA; 0: not said
    std::string seen;                ///< by look(), for extract()
};

struct Extracted {
    std::string sha256;              ///< of the archive file
    std::vector<std::string> disks;  ///< SHA-256 of each disk's bytes
};

/// Archives are untrusted: names in them lead nowhere, sizes are limited, what is not expected is refused. Errors: fetch_failed (no such
/// file), invalid_disk_image (not an archive of ours, truncated, damaged, ill-formed), checksum_mismatch, store_too_new (a bundle of a
/// later major version), store_full.
class ImageArchives {
public:
    virtual ~ImageArchives() = default;
    /// By its first bytes; nullopt: neither, or not to be read.
    [[nodiscard]] virtual std::optional<ArchiveKind> recognise(const std::string& file) = 0;
    /// What it says of itself, from its description, which comes first.
    [[nodiscard]] virtual Result<CarriedImage> look(const std::string& file) = 0;
    /// Writes the disks to `targets`, one each, and compares all checksums; fetch_failed if it is no longer what was looked at. On failure
    /// targets may be there in part. Interruptible.
    [[nodiscard]] virtual Result<Extracted> extract(const std::string& file, const CarriedImage& looked,
                                                    const std::vector<std::string>& targets, Progress& progress) = 0;
    /// Makes `file`, synced. Returns its SHA-256. On failure it may be there in part. Interruptible.
    [[nodiscard]] virtual Result<std::string> write(const std::string& file, const CarriedImage& image, Progress& progress) = 0;
};

}  // namespace amivirt
