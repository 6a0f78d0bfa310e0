// The recycle bin: what retention rules keep of what was deregistered or deleted, to be had back under its own id (source: Recycle Bin).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "amivirt/domain/governance.hpp"
#include "amivirt/services/images.hpp"

namespace amivirt {

struct BinListing {
    std::vector<Image> images;  ///< each in order of creation
    std::vector<Snapshot> snapshots;
};

class RecycleBin {
public:
    struct Ports {
        Catalog& catalog;
        Operations& operations;
        Storage& storage;
        IdSource& ids;
        const Clock& clock;
    };
    explicit RecycleBin(Ports ports) : ports_(ports) {}

    /// The caller's.
    [[nodiscard]] Result<BinListing> list(const AccountId& caller);
    /// Available again, private, with the snapshots that went into the bin with it. By id, or by name if that is unambiguous among the
    /// caller's images in the bin. invalid_ami_id_not_found; invalid_ami_name_duplicate if another image has its name by now.
    [[nodiscard]] Result<Image> restore_image(const AccountId& caller, const std::string& id_or_name);
    /// By id, or by Name tag if that is unambiguous among those in the bin. invalid_snapshot_not_found.
    [[nodiscard]] Result<Snapshot> restore_snapshot(const AccountId& caller, const std::string& id_or_name);
    /// What has been there long enough goes for good, and what only it held; returns how many images and snapshots. Cheap if there is none.
    /// Killed anywhere, the next command finishes it.
    [[nodiscard]] Result<std::size_t> purge();

    /// From now on; what is in the bin keeps the stay it was given. `rule`: all but id and time. Errors of check_retention_rule().
    [[nodiscard]] Result<RetentionRule> create_rule(RetentionRule rule);
    /// In order of creation.
    [[nodiscard]] Result<std::vector<RetentionRule>> rules();
    /// resource_not_found; invalid_parameter_value for what is no id.
    [[nodiscard]] Result<RetentionRule> delete_rule(const std::string& id);

private:
    Ports ports_;
};

}  // namespace amivirt
