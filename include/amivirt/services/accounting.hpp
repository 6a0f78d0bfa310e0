// `du` and `gc --explain`: whose bytes are on the disk, and why each layer stays. Reads only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/base/size.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/instance_files.hpp"
#include "amivirt/services/storage.hpp"

namespace amivirt {

enum class UsageKind { image, snapshot, volume, instance };
[[nodiscard]] std::string_view to_string(UsageKind value) noexcept;

/// Bytes are what the file system gives the files, as `du` counts.
struct Usage {
    UsageKind kind = UsageKind::image;
    std::string id;
    std::string name;    ///< image name or Name tag; "" none
    Bytes virtual_size;  ///< what a guest sees
    Bytes own;           ///< in files that nothing but this object reaches (an image: it and its snapshots)
    Bytes shared;        ///< in files that others reach, too
    Bytes freed;         ///< what the file system gets back when this object goes: an image with --delete-snapshots, an instance with
                         ///< what its termination deletes; 0 for one that may not be deleted now, that goes into the recycle bin, or whose
                         ///< files another region has, too
};

struct UsageReport {
    std::vector<Usage> rows;  ///< images, snapshots, volumes, instances; each kind in order of creation
    Bytes layers;             ///< all layer files
    Bytes instances;          ///< seeds, consoles, NVRAM, instance store disks
    std::vector<std::string> unreadable;
};

/// A layer's file and what keeps it.
struct LayerReason {
    LayerId layer;
    Bytes allocated;
    std::vector<std::string> reasons;  ///< "snapshot snap-... of image ami-... \"tiny\"", "parent of layer-..."; empty: nothing, it goes
};

class Accounting {
public:
    Accounting(Catalog& catalog, Storage& storage, InstanceFiles& files) : catalog_(catalog), storage_(storage), files_(files) {}
    [[nodiscard]] Result<UsageReport> usage(const AccountId& caller);
    [[nodiscard]] Result<std::vector<LayerReason>> explain();
    /// How many instances the region has, of all accounts, by the state in the catalog: libvirt is not asked.
    [[nodiscard]] Result<std::map<InstanceState, std::size_t>> instances();

private:
    Catalog& catalog_;
    Storage& storage_;
    InstanceFiles& files_;
};

}  // namespace amivirt
