// What every command does first: finish or undo what a dead process began.
#pragma once

#include <string>
#include <vector>

#include "amivirt/services/capture.hpp"
#include "amivirt/services/carrying.hpp"
#include "amivirt/services/images.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/snapshots.hpp"
#include "amivirt/services/storage.hpp"
#include "amivirt/services/volumes.hpp"

namespace amivirt {

class Reconciler {
public:
    Reconciler(Operations& operations, Images& images, Instances& instances, Volumes& volumes, Snapshots& snapshots, Capture& capture,
               Carrying& carrying, Storage& storage, Log& log);
    /// Cheap when nothing died. What could not be recovered now (libvirt down) stays and is told as a sentence each.
    [[nodiscard]] Result<std::vector<std::string>> recover();

private:
    Operations& operations_;
    Images& images_;
    Instances& instances_;
    Volumes& volumes_;
    Snapshots& snapshots_;
    Capture& capture_;
    Carrying& carrying_;
    Storage& storage_;
    Log& log_;
};

}  // namespace amivirt
