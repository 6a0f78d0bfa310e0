// What the command line needs of the rest: services, opened once the global options are known.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "amivirt/domain/platform.hpp"
#include "amivirt/ports/instance_files.hpp"
#include "amivirt/ports/instance_types.hpp"
#include "amivirt/ports/manifest_reader.hpp"
#include "amivirt/services/accounting.hpp"
#include "amivirt/services/checker.hpp"
#include "amivirt/services/doctor.hpp"
#include "amivirt/services/garbage.hpp"
#include "amivirt/services/images.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/reconciler.hpp"
#include "amivirt/services/snapshots.hpp"
#include "amivirt/services/volumes.hpp"

namespace amivirt::cli {

/// The global options after environment and defaults; an empty string means "not said".
struct GlobalOptions {
    std::string home;
    std::string connect;
    std::string region;
    std::string account;
    AcceleratorRequest accelerator = AcceleratorRequest::automatic;
    int verbosity = 0;  ///< -1 with -q; 1 -v; 2 -vv
    std::string log_file;
};

/// Everything a command may use. References stay valid as long as the object.
struct Services {
    AccountId account;
    Images& images;
    Instances& instances;
    Volumes& volumes;
    Snapshots& snapshots;
    Accounting& accounting;
    Checker& checker;
    Garbage& garbage;
    Reconciler& reconciler;
    InstanceFiles& files;
    InstanceTypes& types;
    ManifestReader& manifests;
    const Clock& clock;
    IdSource& ids;
    std::string region = "local";  ///< its name; zone "a" of it is this host
};

class Backend {
public:
    virtual ~Backend() = default;
    /// Opens the region's store (made if it is not there). Called at most once.
    [[nodiscard]] virtual Result<Services*> open(const GlobalOptions& options) = 0;
    /// All findings, also when open() would fail.
    [[nodiscard]] virtual std::vector<Finding> examine(const GlobalOptions& options) = 0;
};

/// The whole command line: parses, runs, prints; returns the exit status. Throws Interrupted.
[[nodiscard]] int run(int argc, char** argv, Backend& backend);

}  // namespace amivirt::cli
