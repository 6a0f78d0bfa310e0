// What the command line needs of the rest: services, opened once the global options are known.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "amivirt/domain/platform.hpp"
#include "amivirt/ports/instance_files.hpp"
#include "amivirt/ports/instance_types.hpp"
#include "amivirt/ports/known_words.hpp"
#include "amivirt/ports/lab_reader.hpp"
#include "amivirt/ports/manifest_reader.hpp"
#include "amivirt/ports/serial_console.hpp"
#include "amivirt/services/accounting.hpp"
#include "amivirt/services/accounts.hpp"
#include "amivirt/services/capture.hpp"
#include "amivirt/services/carrying.hpp"
#include "amivirt/services/checker.hpp"
#include "amivirt/services/cloud_init.hpp"
#include "amivirt/services/doctor.hpp"
#include "amivirt/services/garbage.hpp"
#include "amivirt/services/image_governance.hpp"
#include "amivirt/services/images.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/key_pairs.hpp"
#include "amivirt/services/labs.hpp"
#include "amivirt/services/leases.hpp"
#include "amivirt/services/logins.hpp"
#include "amivirt/services/one_shot.hpp"
#include "amivirt/services/reconciler.hpp"
#include "amivirt/services/recycle_bin.hpp"
#include "amivirt/services/region_settings.hpp"
#include "amivirt/services/reset.hpp"
#include "amivirt/services/signers.hpp"
#include "amivirt/services/snapshots.hpp"
#include "amivirt/services/tagging.hpp"
#include "amivirt/services/volumes.hpp"

namespace amivirt {
struct VirtualNetwork;
class LaunchTemplates;
class Screens;
}  // namespace amivirt

namespace amivirt::cli {

/// The global options after environment and defaults; an empty string means "not said".
struct GlobalOptions {
    std::string home;
    std::string connect;
    std::string region;
    std::string account;  ///< an id or an alias
    AcceleratorRequest accelerator = AcceleratorRequest::automatic;
    int verbosity = 0;  ///< -1 with -q; 1 -v; 2 -vv
    std::string log_file;
};

/// Everything a command may use. References stay valid as long as the object.
struct Services {
    AccountId account;
    Images& images;
    ImageGovernance& governance;
    RecycleBin& bin;
    RegionSettings& settings;
    Instances& instances;
    Volumes& volumes;
    Snapshots& snapshots;
    Capture& capture;
    Accounting& accounting;
    Checker& checker;
    Garbage& garbage;
    Reconciler& reconciler;
    Tagging& tagging;
    InstanceFiles& files;
    InstanceTypes& types;
    ManifestReader& manifests;
    const Clock& clock;
    IdSource& ids;
    Carrying& carrying;
    Signers& signers;
    Regions& regions;
    Leases& leases;
    Reset& reset;
    OneShot& one_shot;
    KeyPairs& key_pairs;
    Logins& logins;
    GuestShell& shell;
    CloudInit& cloud_init;
    SerialConsole& serial_console;
    Labs& labs;
    LabReader& lab_reader;
    VirtualNetwork& network;
    LaunchTemplates& templates;
    Screens& screens;
    std::string region = "local";  ///< its name; zone "a" of it is this host
};

/// What a word of the command line may be.
enum class Topic {
    image,
    instance,
    volume,
    snapshot,
    key_pair,
    retention_rule,
    instance_type,
    region,
    account,
    session,
    binned_image,
    binned_snapshot
};

/// What `amivirt serve` is told.
struct ServeOptions {
    std::string listen;      ///< "ADDRESS:PORT"
    double rate = 0;         ///< requests a second of an account; 0: any number
    std::string access_log;  ///< a file, "-" standard error, "" none
    bool tls = false;
    std::string certificate;  ///< PEM files; "" with `tls`: one that is made and kept in the home folder
    std::string key;
    bool allow_reset = false;
    std::vector<std::string> regions;  ///< each a store of its own; none: those of the configuration, or the one asked for
    bool authenticate = true;          ///< requests must be signed
    std::string catalog = {};          ///< a file of images that are to be there in each region; "": none
    /// Called once, when it listens. `certificate`: what clients must trust, where amivirt has made it; else "".
    std::function<void(const std::string& url, const std::string& certificate)> is_ready;
};

/// Who asks, and where, when nothing else is said.
struct Acting {
    AccountId account;
    std::string region;
};

class Backend {
public:
    virtual ~Backend() = default;
    /// Opens the region's store (made if it is not there). Called at most once.
    [[nodiscard]] virtual Result<Services*> open(const GlobalOptions& options) = 0;
    /// Those of all regions: nothing is opened.
    [[nodiscard]] virtual Accounts& accounts() = 0;
    /// What the options, else the configuration say. Nothing is opened. invalid_parameter_value: there is no account of that alias.
    [[nodiscard]] virtual Result<Acting> acting(const GlobalOptions& options) = 0;
    /// The EC2 API, until a signal ends it. Instead of open().
    [[nodiscard]] virtual Result<void> serve(const GlobalOptions& options, const ServeOptions& how) = 0;
    /// All findings, also when open() would fail.
    [[nodiscard]] virtual std::vector<Finding> examine(const GlobalOptions& options) = 0;
    /// The JSON Schema of a YAML format, "image", "lab" or "catalog"; invalid_parameter_value for another. Nothing is opened.
    [[nodiscard]] virtual Result<std::string> schema(const std::string& format) = 0;
    /// For completion: those that begin with `prefix`. In no time: what is not at hand is left out, nothing is opened for writing or
    /// started.
    [[nodiscard]] virtual std::vector<KnownWord> known_words(const GlobalOptions& options, Topic topic, const std::string& prefix) = 0;
};

/// The whole command line: parses, runs, prints; returns the exit status. Throws Interrupted.
[[nodiscard]] int run(int argc, char** argv, Backend& backend);

}  // namespace amivirt::cli
