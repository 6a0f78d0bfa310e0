// Images as files: bundles and OVAs by libarchive, signatures by OpenSSL, and files that appear whole.
#pragma once

#include <memory>

#include "amivirt/ports/image_archives.hpp"
#include "amivirt/ports/output_files.hpp"
#include "amivirt/ports/signatures.hpp"

namespace amivirt {

/// `max_disk` is the largest disk that is taken in. Thread-safe.
[[nodiscard]] std::unique_ptr<ImageArchives> make_image_archives(Bytes max_disk);
/// Thread-safe.
[[nodiscard]] std::unique_ptr<Signatures> make_signatures();
/// Thread-safe.
[[nodiscard]] std::unique_ptr<OutputFiles> make_output_files();

}  // namespace amivirt
