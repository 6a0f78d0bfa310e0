// image.yaml, and catalogs of images.
#pragma once

#include <string>

#include "amivirt/domain/manifest.hpp"

namespace amivirt {

class ManifestReader {
public:
    virtual ~ManifestReader() = default;
    /// Relative paths are taken from the manifest's folder. invalid_manifest lists all faults at once, one a line:
    /// `image.yaml:7: blockDeviceMappings[1].ebs.volumeSize: "many" is not a whole number of GiB`.
    [[nodiscard]] virtual Result<ImageManifest> read(const std::string& path) = 0;
    /// The same of a catalog: `source` for all of its `images` that name none of their own.
    [[nodiscard]] virtual Result<ImageCatalog> read_catalog(const std::string& path) = 0;
};

}  // namespace amivirt
