#include "wire.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "adapters/fetch/fetch.hpp"
#include "adapters/guestfs/inspector.hpp"
#include "adapters/host/host.hpp"
#include "adapters/libvirt/hypervisor.hpp"
#include "adapters/logging/log.hpp"
#include "adapters/manifest/config.hpp"
#include "adapters/manifest/manifest.hpp"
#include "adapters/process/liveness.hpp"
#include "adapters/process/process_runner.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "adapters/seed/seed_builder.hpp"
#include "adapters/sqlite/catalog.hpp"
#include "places.hpp"

namespace amivirt::app {

namespace {

// Source: EBS volumes reach 64 TiB; what a desk holds is far less, and a header that claims more is a fault or a bomb.
constexpr Bytes k_max_virtual_size{16ULL << 40U};

struct Settings {
    std::string home;
    std::string region;
    std::string store;
    std::string uri;
    AccountId account;
    AcceleratorRequest accelerator = AcceleratorRequest::automatic;
    std::string domain_template;
    std::vector<std::string> type_files;
    unsigned chain_limit = 8;
};

Result<Settings> settle(const cli::GlobalOptions& options) {
    const auto config = AMIVIRT_TRY(read_config(config_folder() + "/config.yaml"));
    Settings settings;
    settings.home = home_folder(options.home);
    settings.region = options.region.empty() ? config.default_region : options.region;
    RegionConfig region;
    if (const auto at = config.regions.find(settings.region); at != config.regions.end()) {
        region = at->second;
    } else if (settings.region != config.default_region) {
        std::vector<std::string> known{config.default_region};
        for (const auto& [name, ignored] : config.regions) {
            known.push_back(name);
        }
        const auto close = nearest(settings.region, known);
        return Error(Code::invalid_parameter_value, fmt::format("region \"{}\" is not in {}/config.yaml", settings.region, config_folder()),
                     close.empty() ? "" : fmt::format("did you mean \"{}\"?", close));
    }
    // --home names another place for everything, also for regions whose store the configuration sets.
    settings.store = options.home.empty() && !region.store.empty() ? region.store : settings.home + "/regions/" + settings.region;
    settings.uri = !options.connect.empty() ? options.connect
                   : !region.uri.empty()    ? region.uri
                   : geteuid() == 0         ? "qemu:///system"
                                            : "qemu:///session";
    settings.account = config.default_account.value_or(AccountId::local());
    if (!options.account.empty()) {
        settings.account = AMIVIRT_TRY(AccountId::parse(options.account));
    }
    settings.accelerator = options.accelerator != AcceleratorRequest::automatic ? options.accelerator : config.accelerator;
    settings.chain_limit = config.chain_limit;
    settings.domain_template = template_file(config.templates, "domain.xml");
    settings.type_files = {share_folder() + "/templates/instance-types.yaml", config_folder() + "/instance-types.yaml"};
    if (!config.templates.empty()) {
        settings.type_files.push_back(config.templates + "/instance-types.yaml");
    }
    return settings;
}

/// QEMU's user must be able to walk through the store; only amivirt's may list it.
Result<void> make_folder(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error || !std::filesystem::is_directory(path)) {
        return Error(Code::io_error,
                     fmt::format("cannot make the store's folder \"{}\": {}", path, error ? error.message() : "it is not a folder"));
    }
    if (::access(path.c_str(), W_OK | X_OK) != 0) {
        return Error(Code::io_error, fmt::format("cannot write into the store's folder \"{}\"", path),
                     "use another place with --home or AMIVIRT_HOME");
    }
    return {};
}

Result<void> make_store(const std::string& store) {
    const mode_t before = ::umask(0066);
    auto made = make_folder(store);
    for (const auto* part : {"disks", "instances", "locks", "staging", "downloads"}) {
        if (made) {
            made = make_folder(fmt::format("{}/{}", store, part));
        }
    }
    ::umask(before);
    return made;
}

/// Everything that one region's services stand on, in the order it is made.
class Stack {
public:
    static Result<std::unique_ptr<Stack>> open(const Settings& settings, Log& log) {
        AMIVIRT_TRY(make_store(settings.store));
        if (const auto swept = sweep_guestfs(settings.store + "/staging"); !swept) {
            log.write(LogLevel::warning, "store", fmt::format("tidying up after a killed inspection: {}", describe(swept.error())));
        }
        auto ids = make_random_ids();
        auto catalog = AMIVIRT_TRY(open_sqlite_catalog(settings.store + "/catalog.db", *ids));
        return std::unique_ptr<Stack>(new Stack(settings, log, std::move(ids), std::move(catalog)));
    }

    cli::Services& services() { return services_; }
    std::vector<Finding> store_health() { return StoreHealth(*catalog_, storage_, *files_, *libvirt_.hypervisor).check(); }

private:
    Stack(const Settings& settings, Log& log, std::unique_ptr<IdSource> ids, std::unique_ptr<Catalog> catalog)
        : ids_(std::move(ids)),
          clock_(make_system_clock()),
          catalog_(std::move(catalog)),
          processes_(make_process_runner()),
          liveness_(make_flock_liveness(settings.store + "/locks")),
          store_(make_volume_store(store_options(settings, log))),
          care_(make_layer_care(store_options(settings, log))),
          files_(make_instance_files(settings.store + "/instances")),
          stager_(make_source_stager({settings.store + "/staging", settings.store + "/downloads", k_max_virtual_size, log})),
          seeds_(make_seed_builder()),
          host_(make_host()),
          inspector_(make_guestfs_inspector(
              {[this, wanted = settings.accelerator] { return appliance_accelerator(wanted); }, settings.store + "/staging", log})),
          libvirt_(make_libvirt({settings.uri, settings.domain_template, log, settings.store, key_file(settings)})),
          types_(make_instance_types(settings.type_files)),
          manifests_(make_manifest_reader()),
          operations_(*catalog_, *liveness_, *ids_, *clock_, log, ::getpid()),
          storage_(*store_, log),
          images_({*catalog_, operations_, storage_, *stager_, *inspector_, *processes_, *host_, *ids_, *clock_, log}),
          instances_({*catalog_, operations_, storage_, images_, *libvirt_.hypervisor, *files_, *seeds_, *types_, *host_, *ids_, *clock_,
                      log, settings.region}),
          snapshots_({*catalog_, operations_, storage_, *care_, *libvirt_.live_disks, *ids_, *clock_, log, settings.chain_limit}),
          volumes_({*catalog_, operations_, storage_, instances_, snapshots_, *libvirt_.live_disks, *ids_, *clock_, log}),
          accounting_(*catalog_, storage_, *files_),
          checker_({*catalog_, storage_, *care_, *files_, instances_, *libvirt_.hypervisor, *libvirt_.live_disks, log}),
          garbage_(operations_, storage_),
          reconciler_(operations_, images_, instances_, volumes_, snapshots_, storage_, log),
          services_{settings.account, images_, instances_, volumes_,    snapshots_, accounting_, checker_,       garbage_,
                    reconciler_,      *files_, *types_,    *manifests_, *clock_,    *ids_,       settings.region} {}

    static std::string key_file(const Settings& settings) { return settings.store + "/layers.key"; }
    StoreOptions store_options(const Settings& settings, Log& log) {
        return {settings.store + "/disks", key_file(settings), k_max_virtual_size, *processes_, log};
    }

    /// Where KVM was asked for and is not to be had, a launch says so; an inspection need not.
    Accelerator appliance_accelerator(AcceleratorRequest wanted) {
        const auto choice = host_->accelerator(wanted);
        return choice ? choice->accelerator : Accelerator::tcg;
    }

    std::unique_ptr<IdSource> ids_;
    std::unique_ptr<Clock> clock_;
    std::unique_ptr<Catalog> catalog_;
    std::unique_ptr<ProcessRunner> processes_;
    std::unique_ptr<Liveness> liveness_;
    std::unique_ptr<VolumeStore> store_;
    std::unique_ptr<LayerCare> care_;
    std::unique_ptr<InstanceFiles> files_;
    std::unique_ptr<SourceStager> stager_;
    std::unique_ptr<SeedBuilder> seeds_;
    std::unique_ptr<Host> host_;
    std::unique_ptr<ImageInspector> inspector_;
    Libvirt libvirt_;
    std::unique_ptr<InstanceTypes> types_;
    std::unique_ptr<ManifestReader> manifests_;
    Operations operations_;
    Storage storage_;
    Images images_;
    Instances instances_;
    Snapshots snapshots_;
    Volumes volumes_;
    Accounting accounting_;
    Checker checker_;
    Garbage garbage_;
    Reconciler reconciler_;
    cli::Services services_;
};

class RealBackend final : public cli::Backend {
public:
    Result<cli::Services*> open(const cli::GlobalOptions& options) override {
        const auto settings = AMIVIRT_TRY(settle(options));
        AMIVIRT_TRY(open_stack(options, settings));
        return &stack_->services();
    }

    std::vector<Finding> examine(const cli::GlobalOptions& options) override {
        const auto settings = settle(options);
        if (!settings) {
            return {
                {"configuration", Health::fault, describe(settings.error()), "mend " + config_folder() + "/config.yaml, or the option"}};
        }
        const auto opened = open_stack(options, *settings);
        const auto processes = make_process_runner();
        const auto libvirt = make_libvirt_health({settings->uri, settings->domain_template, *log_, settings->store});
        const auto qemu = make_qemu_img_health(*processes);
        const auto guestfs = make_guestfs_health();
        const auto host = make_host_health({settings->store, settings->accelerator});
        auto findings = Doctor({libvirt.get(), qemu.get(), host.get(), guestfs.get()}).examine();
        if (!opened) {
            findings.push_back({"store", Health::fault, describe(opened.error()), opened.error().hint});
            return findings;
        }
        if (const auto recovered = stack_->services().reconciler.recover(); !recovered) {
            findings.push_back({"operations", Health::fault, describe(recovered.error()), ""});
        }
        auto store = stack_->store_health();
        std::move(store.begin(), store.end(), std::back_inserter(findings));
        return findings;
    }

private:
    Result<void> open_stack(const cli::GlobalOptions& options, const Settings& settings) {
        log_ = make_log({options.verbosity, options.log_file});
        stack_ = AMIVIRT_TRY(Stack::open(settings, *log_));
        return {};
    }

    std::unique_ptr<Log> log_;
    std::unique_ptr<Stack> stack_;
};

}  // namespace

std::unique_ptr<cli::Backend> make_backend() { return std::make_unique<RealBackend>(); }

}  // namespace amivirt::app
