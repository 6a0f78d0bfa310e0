// Catalogs of images: a file that says which images there are to be, with which ids, whose they are and what they are called.
#pragma once

#include <vector>

#include "amivirt/services/images.hpp"

namespace amivirt {

struct CatalogReport {
    std::vector<ImageId> added;
    std::vector<ImageId> changed;
    std::vector<ImageId> removed;
    std::size_t unchanged = 0;
};

class ImageCatalogs {
public:
    struct Ports {
        Catalog& catalog;
        Images& images;
        IdSource& ids;
        const Clock& clock;
        Log& log;
    };
    explicit ImageCatalogs(Ports ports) : ports_(ports) {}

    /// Brings the region to what the file says: images that are not there are made, of one source the first is imported and the others
    /// share its disk; what differs is changed in place, or made anew over another source; those that the same file named before and no
    /// longer does are deregistered with their snapshots. Done twice it changes nothing. Images that say architecture and bootMode are not
    /// inspected. What fails does not keep the rest from being done: all faults are told together. An id that an image has which no catalog
    /// made is such a fault. Killed anywhere: the next time goes on. `caller` owns what the file gives to nobody.
    [[nodiscard]] Result<CatalogReport> load(const AccountId& caller, const ImageCatalog& catalog, Progress& progress);

private:
    [[nodiscard]] Result<void> bring(const AccountId& owner, const ImageManifest& wanted, const std::string& file, CatalogReport& report,
                                     Progress& progress);
    [[nodiscard]] Result<void> make(const AccountId& owner, const ImageManifest& wanted, const std::string& file, Progress& progress);
    [[nodiscard]] Result<void> change(const AccountId& owner, const ImageManifest& wanted, const std::string& file);
    [[nodiscard]] Result<void> drop_unlisted(const ImageCatalog& catalog, CatalogReport& report);
    Ports ports_;
};

}  // namespace amivirt
