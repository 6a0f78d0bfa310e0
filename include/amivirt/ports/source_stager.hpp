// Brings an image's bytes within reach: a file where it lies, a compressed one unpacked, a URL downloaded.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/volume_store.hpp"

namespace amivirt {

struct StageRequest {
    LayerId layer;                   ///< names the staging file, so that recovery finds it
    std::string source;              ///< a path, file://, http:// or https://
    std::string sha256;              ///< wanted digest of the source's own bytes; "" any
    std::optional<Download> resume;  ///< a partial download of this URL
    /// Told when a resumable download has begun (its bytes may then outlive a crash), before its first byte is kept.
    std::function<Result<void>(const Download&)> on_download;
};

struct Staged {
    StagedDisk disk;
    std::string source_sha256;   ///< of the bytes as stored or sent
    std::string content_sha256;  ///< of the disk image after decompression
    bool temporary = false;      ///< discard() has something to remove
};

class SourceStager {
public:
    virtual ~SourceStager() = default;
    /// gz, xz and zst are recognised by their bytes. Network errors are retried with a Range request where the server
    /// allows it. Errors: fetch_failed (missing, unreadable, a directory, HTTP status), checksum_mismatch (nothing is
    /// kept), store_full, invalid_disk_image (empty, corrupt compression, unpacks beyond the limit). Interruptible.
    [[nodiscard]] virtual Result<Staged> stage(const StageRequest& request, Progress& progress) = 0;
    /// A local file that changed since it was staged: fetch_failed. Call after it was read.
    [[nodiscard]] virtual Result<void> check_unchanged(const Staged& staged) = 0;
    /// A path in staging at which a recipe may write its image; discard() removes it.
    [[nodiscard]] virtual std::string scratch(const LayerId& layer) const = 0;
    /// Removes all staging files of `layer`. Idempotent.
    [[nodiscard]] virtual Result<void> discard(const LayerId& layer) = 0;
    /// Removes a partial download, unless another process is at work on it. Idempotent.
    [[nodiscard]] virtual Result<void> discard_download(const Download& download) = 0;
};

}  // namespace amivirt
