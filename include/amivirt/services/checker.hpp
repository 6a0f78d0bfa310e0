// `fsck`: the catalog against the disks against libvirt.
#pragma once

#include <string>
#include <vector>

#include "amivirt/base/log.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/hypervisor.hpp"
#include "amivirt/ports/instance_files.hpp"
#include "amivirt/ports/layer_care.hpp"
#include "amivirt/ports/live_disks.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/storage.hpp"

namespace amivirt {

enum class Deep { yes, no };    ///< read every sealed file whole and compare its checksum (recorded the first time)
enum class Repair { yes, no };  ///< mend what has a repair

struct Fault {
    std::string object;  ///< an id, or a file's name in the store
    std::string detail;  ///< what is wrong, and which images, snapshots and volumes it hits
    std::string repair;  ///< what --repair does about it; "" it is a person's to decide
    bool repaired = false;
};

struct CheckReport {
    std::vector<Fault> faults;
    std::size_t layers_checked = 0;
    std::size_t checksums_recorded = 0;  ///< by Deep::yes, for layers that had none yet
};

class Checker {
public:
    struct Ports {
        Catalog& catalog;
        Storage& storage;
        LayerCare& care;
        InstanceFiles& files;
        Instances& instances;
        Hypervisor& hypervisor;
        LiveDisks& live;
        Log& log;
    };
    explicit Checker(Ports ports) : ports_(ports) {}
    /// What a living operation holds is left out. Never removes what it does not understand; where libvirt cannot be asked that is a Fault
    /// and the rest is checked all the same.
    [[nodiscard]] Result<CheckReport> check(Deep deep, Repair repair, Progress& progress);

private:
    class Examination;
    Ports ports_;
};

}  // namespace amivirt
