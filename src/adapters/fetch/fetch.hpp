// Brings an image's bytes within reach: libcurl for URLs, libarchive and zlib for compression, OpenSSL for digests.
#pragma once

#include <memory>
#include <string>

#include "amivirt/base/log.hpp"
#include "amivirt/ports/source_stager.hpp"

namespace amivirt {

struct StagerOptions {
    std::string staging_folder;             ///< made when first needed
    std::string downloads_folder;           ///< made when first needed; on the same file system
    Bytes max_unpacked_size{16ULL << 40U};  ///< of a source after decompression, and of a plain one
    Log& log;
};

/// Thread-safe. Two processes may download one URL at once: the second does not share the first one's partial file.
[[nodiscard]] std::unique_ptr<SourceStager> make_source_stager(const StagerOptions& options);

}  // namespace amivirt
