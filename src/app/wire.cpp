#include "wire.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>

#include "adapters/carry/carry.hpp"
#include "adapters/fetch/fetch.hpp"
#include "adapters/forward/forwarder.hpp"
#include "adapters/guestfs/guest_disks.hpp"
#include "adapters/guestfs/inspector.hpp"
#include "adapters/host/host.hpp"
#include "adapters/host/memory.hpp"
#include "adapters/libvirt/hypervisor.hpp"
#include "adapters/logging/log.hpp"
#include "adapters/manifest/account_book.hpp"
#include "adapters/manifest/config.hpp"
#include "adapters/manifest/manifest.hpp"
#include "adapters/process/liveness.hpp"
#include "adapters/process/process_runner.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "adapters/seed/seed_builder.hpp"
#include "adapters/sqlite/catalog.hpp"
#include "adapters/sqlite/known_words.hpp"
#include "adapters/ssh/ssh.hpp"
#include "adapters/tls/certificate.hpp"
#include "amivirt/services/image_catalogs.hpp"
#include "amivirt/services/virtual_network.hpp"
#include "faces/cli/values.hpp"
#include "faces/ec2/server.hpp"
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

/// Is it one of these, or one that was served before and has left its store?
bool is_declared(const Settings& settings, const std::vector<std::string>& declared) {
    std::error_code ignored;
    return std::find(declared.begin(), declared.end(), settings.region) != declared.end() ||
           (settings.region.find('/') == std::string::npos &&
            std::filesystem::exists(settings.home + "/regions/" + settings.region + "/catalog.db", ignored));
}

/// `declared`: regions that need not stand in the configuration.
Result<Settings> settle(const cli::GlobalOptions& options, const std::vector<std::string>& declared = {}) {
    const auto config = AMIVIRT_TRY(read_config(config_folder() + "/config.yaml"));
    Settings settings;
    settings.home = home_folder(options.home);
    settings.region = options.region.empty() ? config.default_region : options.region;
    RegionConfig region;
    if (const auto at = config.regions.find(settings.region); at != config.regions.end()) {
        region = at->second;
    } else if (settings.region != config.default_region && !is_declared(settings, declared)) {
        std::vector<std::string> known{config.default_region};
        for (const auto& [name, ignored] : config.regions) {
            known.push_back(name);
        }
        const auto close = nearest(settings.region, known);
        // Whoever asks over the API hears the message alone: our files are not his business.
        return Error(Code::invalid_parameter_value, fmt::format("the region \"{}\" is unknown", settings.region),
                     fmt::format("{}/config.yaml has none of that name{}", config_folder(),
                                 close.empty() ? "" : fmt::format("; did you mean \"{}\"?", close)));
    }
    // --home names another place for everything, also for regions whose store the configuration sets.
    settings.store = options.home.empty() && !region.store.empty() ? region.store : settings.home + "/regions/" + settings.region;
    settings.uri = !options.connect.empty() ? options.connect
                   : !region.uri.empty()    ? region.uri
                   : geteuid() == 0         ? "qemu:///system"
                                            : "qemu:///session";
    settings.account = config.default_account.value_or(AccountId::local());
    if (!options.account.empty()) {
        settings.account = AMIVIRT_TRY(find_account(config.accounts, options.account));
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
    static Result<std::unique_ptr<Stack>> open(const Settings& settings, Accounts& accounts, Regions& regions, Log& log) {
        AMIVIRT_TRY(make_store(settings.store));
        if (const auto swept = sweep_guestfs(settings.store + "/staging"); !swept) {
            log.write(LogLevel::warning, "store", fmt::format("tidying up after a killed inspection: {}", describe(swept.error())));
        }
        auto ids = make_random_ids();
        auto catalog = AMIVIRT_TRY(open_sqlite_catalog(settings.store + "/catalog.db", *ids));
        return std::unique_ptr<Stack>(new Stack(settings, accounts, regions, log, std::move(ids), std::move(catalog)));
    }

    cli::Services& services() { return services_; }
    Answers& answers() { return answers_; }
    Promises& promises() { return promises_; }
    Region region() { return {services_.region, *catalog_, operations_, storage_, images_, *carrier_, carrying_}; }
    PublicAddresses& addresses() { return addresses_; }
    ImageExtrasBook& image_extras() { return image_extras_; }
    SnapshotSharing& sharing() { return sharing_; }
    EbsSettings& ebs() { return ebs_; }
    VolumeRecords& volume_records() { return volume_records_; }
    ImageStore& image_store() { return image_store_; }
    ImageCatalogs& catalogs() { return image_catalogs_; }
    std::vector<Finding> store_health() { return StoreHealth(*catalog_, storage_, *files_, *libvirt_.hypervisor).check(); }

private:
    Stack(const Settings& settings, Accounts& accounts, Regions& regions, Log& log, std::unique_ptr<IdSource> ids,
          std::unique_ptr<Catalog> catalog)
        : ids_(std::move(ids)),
          clock_(make_system_clock()),
          catalog_(std::move(catalog)),
          processes_(make_process_runner()),
          liveness_(make_flock_liveness(settings.store + "/locks")),
          store_(make_volume_store(store_options(settings, log))),
          care_(make_layer_care(store_options(settings, log))),
          carrier_(make_layer_carrier(store_options(settings, log), settings.store + "/downloads")),
          archives_(make_image_archives(k_max_virtual_size)),
          signatures_(make_signatures()),
          output_files_(make_output_files()),
          files_(make_instance_files(settings.store + "/instances")),
          stager_(make_source_stager({settings.store + "/staging", settings.store + "/downloads", k_max_virtual_size, log})),
          seeds_(make_seed_builder()),
          ssh_keys_(make_ssh_keys()),
          key_files_(make_private_key_files(settings.home + "/keys")),
          shell_(make_openssh_shell()),
          host_keys_(make_openssh_host_keys(*processes_)),
          host_(make_host()),
          inspector_(make_guestfs_inspector(guestfs_options(settings, log))),
          guests_(make_guestfs_disks(guestfs_options(settings, log))),
          libvirt_(make_libvirt({settings.uri, settings.domain_template, log, settings.store, key_file(settings)})),
          types_(make_instance_types(settings.type_files)),
          manifests_(make_manifest_reader()),
          lab_reader_(make_lab_reader(cli::parse_port_forward)),
          forwarder_(make_port_forwarder(log)),
          addresses_({*catalog_, *liveness_, *forwarder_, *clock_, log}),
          operations_(*catalog_, *liveness_, *ids_, *clock_, log, ::getpid()),
          storage_(*store_, log),
          images_({*catalog_, operations_, storage_, *stager_, *inspector_, *processes_, *host_, *ids_, *clock_, log, accounts}),
          governance_(*catalog_, images_, *clock_, settings.region),
          bin_({*catalog_, operations_, storage_, *ids_, *clock_}),
          region_settings_(*catalog_),
          instances_({*catalog_, operations_, storage_, images_, *libvirt_.hypervisor, *libvirt_.networks, *libvirt_.machine_log, *files_,
                      *seeds_, *ssh_keys_, *guests_, *types_, *host_, *ids_, *clock_, log, settings.region}),
          key_pairs_({*catalog_, *ssh_keys_, *key_files_, *ids_, *clock_}),
          cloud_init_({instances_, *libvirt_.hypervisor, *files_, *libvirt_.machine_log, *clock_}),
          logins_({*catalog_, instances_, *files_, *key_files_, *host_keys_}),
          snapshots_({*catalog_, operations_, storage_, *care_, *libvirt_.live_disks, *ids_, *clock_, log, settings.chain_limit}),
          volumes_({*catalog_, operations_, storage_, instances_, snapshots_, *libvirt_.live_disks, *ids_, *clock_, log}),
          capture_({*catalog_, operations_, storage_, images_, instances_, *libvirt_.live_disks, *guests_, *ids_, *clock_, log,
                    settings.region}),
          carrying_({settings.region, *catalog_, operations_, storage_, images_, regions, *carrier_, *archives_, *signatures_,
                     *output_files_, *stager_, *types_, *ids_, *clock_, log}),
          image_catalogs_({*catalog_, images_, *ids_, *clock_, log}),
          image_extras_(*catalog_),
          sharing_(*catalog_, *clock_),
          ebs_(*catalog_, *clock_),
          volume_records_(*catalog_, volumes_, *clock_),
          image_store_({*catalog_, images_, carrying_, *output_files_, *clock_, settings.store + "/buckets"}),
          signers_(*catalog_, *signatures_),
          accounting_(*catalog_, storage_, *files_),
          checker_({*catalog_, storage_, *care_, *files_, instances_, *libvirt_.hypervisor, *libvirt_.live_disks, log}),
          garbage_(operations_, storage_),
          reconciler_(operations_, images_, instances_, volumes_, snapshots_, capture_, carrying_, storage_, log),
          tagging_(*catalog_, operations_),
          leases_(*catalog_, *liveness_, instances_, *ids_, *clock_, log),
          reset_({*catalog_, operations_, storage_, instances_, *stager_}),
          answers_(*catalog_, operations_, *clock_),
          promises_(*catalog_, *clock_, log),
          one_shot_(instances_, leases_, logins_, *shell_, log),
          network_({*catalog_, *ids_, *clock_, settings.region}),
          labs_({*catalog_, operations_, images_, instances_, volumes_, tagging_, cloud_init_, *ssh_keys_, *host_, *ids_, *clock_, log}),
          templates_(*catalog_, *ids_, *clock_),
          services_{settings.account,
                    images_,
                    governance_,
                    bin_,
                    region_settings_,
                    instances_,
                    volumes_,
                    snapshots_,
                    capture_,
                    accounting_,
                    checker_,
                    garbage_,
                    reconciler_,
                    tagging_,
                    *files_,
                    *types_,
                    *manifests_,
                    *clock_,
                    *ids_,
                    carrying_,
                    signers_,
                    regions,
                    leases_,
                    reset_,
                    one_shot_,
                    key_pairs_,
                    logins_,
                    *shell_,
                    cloud_init_,
                    *libvirt_.serial_console,
                    labs_,
                    *lab_reader_,
                    network_,
                    templates_,
                    *libvirt_.screens,
                    settings.region} {}

    static std::string key_file(const Settings& settings) { return settings.store + "/layers.key"; }
    StoreOptions store_options(const Settings& settings, Log& log) {
        return {settings.store + "/disks", key_file(settings), k_max_virtual_size, *processes_, log};
    }

    GuestfsOptions guestfs_options(const Settings& settings, Log& log) {
        return {[this, wanted = settings.accelerator] { return appliance_accelerator(wanted); }, settings.store + "/staging", log};
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
    std::unique_ptr<LayerCarrier> carrier_;
    std::unique_ptr<ImageArchives> archives_;
    std::unique_ptr<Signatures> signatures_;
    std::unique_ptr<OutputFiles> output_files_;
    std::unique_ptr<InstanceFiles> files_;
    std::unique_ptr<SourceStager> stager_;
    std::unique_ptr<SeedBuilder> seeds_;
    std::unique_ptr<SshKeys> ssh_keys_;
    std::unique_ptr<PrivateKeyFiles> key_files_;
    std::unique_ptr<GuestShell> shell_;
    std::unique_ptr<HostKeys> host_keys_;
    std::unique_ptr<Host> host_;
    std::unique_ptr<ImageInspector> inspector_;
    std::unique_ptr<GuestDisks> guests_;
    Libvirt libvirt_;
    std::unique_ptr<InstanceTypes> types_;
    std::unique_ptr<ManifestReader> manifests_;
    std::unique_ptr<LabReader> lab_reader_;
    std::unique_ptr<PortForwarder> forwarder_;
    PublicAddresses addresses_;
    Operations operations_;
    Storage storage_;
    Images images_;
    ImageGovernance governance_;
    RecycleBin bin_;
    RegionSettings region_settings_;
    Instances instances_;
    KeyPairs key_pairs_;
    CloudInit cloud_init_;
    Logins logins_;
    Snapshots snapshots_;
    Volumes volumes_;
    Capture capture_;
    Carrying carrying_;
    ImageCatalogs image_catalogs_;
    ImageExtrasBook image_extras_;
    SnapshotSharing sharing_;
    EbsSettings ebs_;
    VolumeRecords volume_records_;
    ImageStore image_store_;
    Signers signers_;
    Accounting accounting_;
    Checker checker_;
    Garbage garbage_;
    Reconciler reconciler_;
    Tagging tagging_;
    Leases leases_;
    Reset reset_;
    Answers answers_;
    Promises promises_;
    OneShot one_shot_;
    VirtualNetwork network_;
    Labs labs_;
    LaunchTemplates templates_;
    cli::Services services_;
};

class RealBackend final : public cli::Backend, public Regions {
public:
    /// Another region, of the same home and for the same account.
    Result<Region> open(const std::string& name) override {
        cli::GlobalOptions options = options_;
        options.region = name;
        options.connect.clear();  // it was said for the first one
        const auto settings = AMIVIRT_TRY(settle(options, declared_));
        if (settings.region == region_) {
            return stack_->region();
        }
        const std::lock_guard lock(others_mutex_);
        auto& other = others_[settings.region];
        if (!other) {
            other = AMIVIRT_TRY(Stack::open(settings, accounts_, *this, *log_));
            if (const auto recovered = other->services().reconciler.recover(); !recovered) {
                log_->write(LogLevel::warning, "regions", fmt::format("recovering {}: {}", name, describe(recovered.error())));
            }
        }
        return other->region();
    }

    Result<void> serve(const cli::GlobalOptions& options, const cli::ServeOptions& how) override {
        ec2::ServerOptions listen = AMIVIRT_TRY(ec2::parse_listen(how.listen));
        declared_ = how.regions;
        std::vector<std::string> names = how.regions;
        if (names.empty() && !options.region.empty()) {
            names = {options.region};
        } else if (names.empty()) {
            const auto config = AMIVIRT_TRY(read_config(config_folder() + "/config.yaml"));
            names = {config.default_region};
            for (const auto& [name, ignored] : config.regions) {
                if (name != config.default_region) {
                    names.push_back(name);
                }
            }
        }
        cli::GlobalOptions first = options;
        first.region = names.front();
        const auto settings = AMIVIRT_TRY(settle(first, declared_));
        AMIVIRT_TRY(open_stack(first, settings));
        std::vector<ec2::Services> regions{api_services(*stack_)};
        for (std::size_t i = 1; i < names.size(); ++i) {
            AMIVIRT_TRY(open(names[i]));
            const std::lock_guard lock(others_mutex_);
            if (const auto other = others_.find(names[i]); other != others_.end()) {  // else it was named twice
                regions.push_back(api_services(*other->second));
            }
        }
        if (!how.catalog.empty()) {
            AMIVIRT_TRY(load_catalog(how.catalog, settings.account, names));
        }
        listen.access_log = how.access_log;
        std::string made;
        if (how.tls && how.certificate.empty()) {
            const auto own = AMIVIRT_TRY(own_certificate(settings.home + "/tls", listen.address, clock_->now()));
            listen.tls = ec2::TlsFiles{own.key, own.key};
            made = own.certificate;
        } else if (how.tls) {
            listen.tls = ec2::TlsFiles{how.certificate, how.key};
        }
        host::share_heaps();
        ec2::Api api({std::move(regions), accounts_, *ids_, *clock_, *log_, how.authenticate, settings.account, how.listen, how.rate,
                      how.allow_reset});
        return ec2::serve(api, listen, *log_, [&](const std::string& url) { how.is_ready(url, made); });
    }

    Result<cli::Services*> open(const cli::GlobalOptions& options) override {
        const auto settings = AMIVIRT_TRY(settle(options));
        AMIVIRT_TRY(open_stack(options, settings));
        return &stack_->services();
    }

    Accounts& accounts() override { return accounts_; }

    Result<cli::Acting> acting(const cli::GlobalOptions& options) override {
        const auto config = AMIVIRT_TRY(read_config(config_folder() + "/config.yaml"));
        const auto account = options.account.empty() ? config.default_account.value_or(AccountId::local())
                                                     : AMIVIRT_TRY(find_account(config.accounts, options.account));
        return cli::Acting{account, options.region.empty() ? config.default_region : options.region};
    }

    Result<std::string> schema(const std::string& format) override {
        if (format == "image") {
            return image_schema();
        }
        if (format == "lab") {
            return lab_schema();
        }
        if (format == "catalog") {
            return catalog_schema();
        }
        return Error(Code::invalid_parameter_value, fmt::format("there is no schema of \"{}\"", format),
                     "it is \"image\", \"lab\" or \"catalog\"");
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
        const auto ssh = make_ssh_health(*processes);
        const auto host = make_host_health({settings->store, settings->accelerator});
        const auto type_list = make_instance_types(settings->type_files);
        TypesHealth types(*type_list);
        auto findings = Doctor({libvirt.get(), qemu.get(), host.get(), &types, guestfs.get(), ssh.get()}).examine();
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

    std::vector<KnownWord> known_words(const cli::GlobalOptions& options, cli::Topic topic, const std::string& prefix) override {
        const auto settings = settle(options);
        auto words = settings ? words_of(*settings, topic, prefix) : Result<std::vector<KnownWord>>(std::vector<KnownWord>());
        if (!words) {
            return {};
        }
        std::erase_if(*words, [&](const KnownWord& known) { return !known.word.starts_with(prefix); });
        return std::move(*words);
    }

private:
    Result<std::vector<KnownWord>> words_of(const Settings& settings, cli::Topic topic, const std::string& prefix) {
        switch (topic) {
            case cli::Topic::image:
                return words_of(settings, WordKind::image, prefix);
            case cli::Topic::instance:
                return words_of(settings, WordKind::instance, prefix);
            case cli::Topic::volume:
                return words_of(settings, WordKind::volume, prefix);
            case cli::Topic::snapshot:
                return words_of(settings, WordKind::snapshot, prefix);
            case cli::Topic::key_pair:
                return words_of(settings, WordKind::key_pair, prefix);
            case cli::Topic::retention_rule:
                return words_of(settings, WordKind::retention_rule, prefix);
            case cli::Topic::instance_type:
                return type_words(settings);
            case cli::Topic::region:
                return region_words();
            case cli::Topic::session:
                return words_of(settings, WordKind::session, prefix);
            case cli::Topic::binned_image:
                return words_of(settings, WordKind::binned_image, prefix);
            case cli::Topic::binned_snapshot:
                return words_of(settings, WordKind::binned_snapshot, prefix);
            case cli::Topic::account:
                return account_words();
        }
        return std::vector<KnownWord>();
    }

    static Result<std::vector<KnownWord>> words_of(const Settings& settings, WordKind kind, const std::string& prefix) {
        constexpr std::size_t k_most = 500;  // nobody reads more of them
        return make_sqlite_known_words(settings.store + "/catalog.db")->words(kind, settings.account, prefix, k_most);
    }

    static Result<std::vector<KnownWord>> type_words(const Settings& settings) {
        std::vector<KnownWord> words;
        for (auto& type : AMIVIRT_TRY(make_instance_types(settings.type_files)->list())) {
            words.push_back({type.name, fmt::format("{} vCPU, {} MiB", type.vcpus, type.memory.count)});
        }
        return words;
    }

    static Result<std::vector<KnownWord>> region_words() {
        const auto config = AMIVIRT_TRY(read_config(config_folder() + "/config.yaml"));
        std::vector<KnownWord> words{{config.default_region, "the default"}};
        for (const auto& [name, ignored] : config.regions) {
            if (name != config.default_region) {
                words.push_back({name, ""});
            }
        }
        return words;
    }

    Result<std::vector<KnownWord>> account_words() {
        std::vector<KnownWord> words;
        for (const auto& account : AMIVIRT_TRY(accounts_.list())) {
            words.push_back({account.id.str(), account.alias});
            if (!account.alias.empty()) {
                words.push_back({account.alias, account.id.str()});
            }
        }
        return words;
    }

    /// Into each region that is served.
    Result<void> load_catalog(const std::string& file, const AccountId& account, const std::vector<std::string>& names) {
        const auto catalog = AMIVIRT_TRY(stack_->services().manifests.read_catalog(file));
        SilentProgress silent;
        for (const std::string& name : names) {
            Stack* stack = stack_.get();
            if (const std::lock_guard lock(others_mutex_); others_.contains(name)) {
                stack = others_.at(name).get();
            }
            AMIVIRT_TRY_CONTEXT(stack->catalogs().load(account, catalog, silent), fmt::format("region {}", name));
        }
        return {};
    }

    static ec2::Services api_services(Stack& stack) {
        cli::Services& services = stack.services();
        return {services.region,      services.images,     services.governance, services.bin,           services.settings,
                services.instances,   services.volumes,    services.snapshots,  services.capture,       services.carrying,
                services.tagging,     services.reconciler, services.files,      services.types,         stack.answers(),
                services.reset,       services.accounting, services.network,    services.key_pairs,     stack.addresses(),
                stack.image_extras(), stack.sharing(),     stack.ebs(),         stack.volume_records(), stack.image_store(),
                services.templates,   services.screens,    services.leases,     stack.promises()};
    }

    Result<void> open_stack(const cli::GlobalOptions& options, const Settings& settings) {
        log_ = make_log({options.verbosity, options.log_file});
        options_ = options;
        region_ = settings.region;
        stack_ = AMIVIRT_TRY(Stack::open(settings, accounts_, *this, *log_));
        return {};
    }

    cli::GlobalOptions options_;
    std::string region_;
    std::vector<std::string> declared_;
    std::unique_ptr<Clock> clock_ = make_system_clock();

    std::unique_ptr<AccountBook> book_ = make_account_book(config_folder());
    std::unique_ptr<IdSource> ids_ = make_random_ids();
    Accounts accounts_{*book_, *ids_};
    std::unique_ptr<Log> log_;
    std::unique_ptr<Stack> stack_;
    std::mutex others_mutex_;
    std::map<std::string, std::unique_ptr<Stack>> others_;
};

}  // namespace

std::unique_ptr<cli::Backend> make_backend() { return std::make_unique<RealBackend>(); }

}  // namespace amivirt::app
