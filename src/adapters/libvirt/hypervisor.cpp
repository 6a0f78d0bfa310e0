#include "adapters/libvirt/hypervisor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "adapters/libvirt/agent_socket.hpp"
#include "adapters/libvirt/domain_xml.hpp"
#include "adapters/libvirt/domains.hpp"
#include "adapters/libvirt/firmware.hpp"
#include "adapters/libvirt/live_disks.hpp"
#include "adapters/libvirt/machine_log.hpp"
#include "adapters/libvirt/networks.hpp"
#include "adapters/libvirt/screens.hpp"
#include "adapters/libvirt/serial_console.hpp"
#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

using libvirt::Attempt;
using libvirt::Connection;
using libvirt::DomainPtr;
using libvirt::Domains;
using libvirt::Driver;
using libvirt::Failure;
using libvirt::last_failure;
using libvirt::Outcome;
using Found = libvirt::Domains::Found;

OffReason off_reason(int reason) {
    switch (reason) {
        case VIR_DOMAIN_SHUTOFF_SHUTDOWN:
            return OffReason::guest_shutdown;
        case VIR_DOMAIN_SHUTOFF_DESTROYED:
            return OffReason::destroyed;
        case VIR_DOMAIN_SHUTOFF_CRASHED:
        case VIR_DOMAIN_SHUTOFF_DAEMON:  // it had died when the daemon looked again after its own restart
            return OffReason::crashed;
        case VIR_DOMAIN_SHUTOFF_FAILED:
            return OffReason::failed;
        default:
            return OffReason::none;
    }
}

ObservedDomain observed(std::string name, int state, int reason) {
    switch (state) {
        case VIR_DOMAIN_RUNNING:
        case VIR_DOMAIN_BLOCKED:
            return {std::move(name), DomainState::running, OffReason::none};
        case VIR_DOMAIN_SHUTDOWN:
            return {std::move(name), DomainState::shutting_down, OffReason::none};
        case VIR_DOMAIN_SHUTOFF:
            return {std::move(name), DomainState::off, off_reason(reason)};
        case VIR_DOMAIN_CRASHED:
            return {std::move(name), DomainState::off, OffReason::crashed};
        default:
            return {std::move(name), DomainState::paused, OffReason::none};
    }
}

std::string version_text(unsigned long version) {
    return fmt::format("{}.{}.{}", version / 1'000'000, version / 1'000 % 1'000, version % 1'000);
}

class LibvirtHypervisor final : public Hypervisor {
public:
    explicit LibvirtHypervisor(std::shared_ptr<Domains> domains) : domains_(std::move(domains)) {}

    Result<HypervisorInfo> info() override;
    Result<std::vector<ObservedDomain>> observe() override;
    Result<std::optional<ObservedDomain>> observe(const InstanceId& instance) override;
    Result<std::optional<std::string>> owner(const std::string& domain_name) override;
    Result<void> start(const DomainSpec& spec, Begin begin) override;
    Result<void> resume(const InstanceId& instance) override;
    Result<void> request_shutdown(const InstanceId& instance) override;
    Result<void> request_reboot(const InstanceId& instance) override;
    Result<void> reset(const InstanceId& instance) override;
    Result<void> power_off(const InstanceId& instance) override;
    Result<void> remove(const InstanceId& instance) override;

private:
    /// Template and firmware are read once.
    Result<std::string> render(const DomainSpec& spec, const libvirt::RenderOptions& options);
    [[nodiscard]] Error start_failed(const DomainSpec& spec, const Failure& failure, const std::vector<std::string>& encrypted) const;

    std::shared_ptr<Domains> domains_;
    Sync<std::optional<std::string>> template_;
};

Error LibvirtHypervisor::start_failed(const DomainSpec& spec, const Failure& failure, const std::vector<std::string>& encrypted) const {
    const std::string& name = spec.instance.str();
    if (libvirt::says(failure, "Could not set up host forwarding rule")) {
        return {Code::insufficient_instance_capacity,
                fmt::format("\"{}\" cannot be started: a port it forwards is taken on this host: {}", name, failure.message)};
    }
    if (libvirt::out_of_slots(failure)) {
        return {Code::insufficient_instance_capacity, fmt::format("\"{}\" cannot be started: its machine has no room for {} disks: {}",
                                                                  name, spec.disks.size(), failure.message)};
    }
    std::vector<std::string> paths;
    for (const DomainDisk& disk : spec.disks) {
        paths.push_back(disk.source.location);
    }
    paths.push_back(spec.seed);
    return domains_->failed_on_files(name, "start", failure, paths, encrypted);
}

Result<HypervisorInfo> LibvirtHypervisor::info() {
    HypervisorInfo info;
    const Outcome outcome = AMIVIRT_TRY(domains_->connections().use([&](const Connection& connection, Attempt) -> Outcome {
        unsigned long library = 0;
        unsigned long hypervisor = 0;
        const libvirt::CString uri(virConnectGetURI(connection.handle.get()));
        const char* const type = virConnectGetType(connection.handle.get());
        if (!uri || type == nullptr || virConnectGetLibVersion(connection.handle.get(), &library) < 0 ||
            virConnectGetVersion(connection.handle.get(), &hypervisor) < 0) {
            return last_failure();
        }
        info = {uri.get(), fmt::format("{} {}", type, version_text(hypervisor)), version_text(library)};
        return {};
    }));
    if (outcome) {
        return Error(Code::hypervisor_failed,
                     fmt::format("libvirt at \"{}\" could not say its version: {}", domains_->connections().uri(), outcome->message));
    }
    return info;
}

Result<std::vector<ObservedDomain>> LibvirtHypervisor::observe() {
    std::vector<ObservedDomain> domains;
    const Outcome outcome = AMIVIRT_TRY(domains_->connections().use([&](const Connection& connection, Attempt) -> Outcome {
        virDomainStatsRecordPtr* raw = nullptr;
        const int count = virConnectGetAllDomainStats(connection.handle.get(), VIR_DOMAIN_STATS_STATE, &raw, 0);
        if (count < 0) {
            return last_failure();
        }
        const libvirt::StatsPtr records(raw);
        domains.clear();
        domains.reserve(static_cast<std::size_t>(count));
        for (int i = 0; i < count; ++i) {
            const virDomainStatsRecordPtr record = raw[i];
            int state = VIR_DOMAIN_NOSTATE;
            int reason = 0;
            // A domain that vanished during the call has no state: it is not there.
            if (virTypedParamsGetInt(record->params, record->nparams, "state.state", &state) == 1) {
                virTypedParamsGetInt(record->params, record->nparams, "state.reason", &reason);
                domains.push_back(observed(virDomainGetName(record->dom), state, reason));
            }
        }
        return {};
    }));
    if (outcome) {
        return Error(Code::hypervisor_failed,
                     fmt::format("libvirt at \"{}\" could not list its domains: {}", domains_->connections().uri(), outcome->message));
    }
    return domains;
}

Result<std::optional<ObservedDomain>> LibvirtHypervisor::observe(const InstanceId& instance) {
    std::optional<ObservedDomain> domain;
    const Found found =
        AMIVIRT_TRY(domains_->with(instance.str(), "observe", [&](virDomainPtr handle, const Connection&, Attempt) -> Outcome {
            int state = VIR_DOMAIN_NOSTATE;
            int reason = 0;
            if (virDomainGetState(handle, &state, &reason, 0) < 0) {
                return last_failure();
            }
            domain = observed(instance.str(), state, reason);
            return {};
        }));
    return found == Found::yes ? domain : std::nullopt;
}

Result<std::optional<std::string>> LibvirtHypervisor::owner(const std::string& domain_name) {
    std::string store;
    const Found found =
        AMIVIRT_TRY(domains_->with(domain_name, "read the metadata of", [&](virDomainPtr domain, const Connection&, Attempt) -> Outcome {
            const libvirt::CString element(
                virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, libvirt::k_metadata_namespace.data(), 0));
            if (!element) {
                Failure failure = last_failure();
                return failure.code == VIR_ERR_NO_DOMAIN_METADATA ? Outcome{} : Outcome{std::move(failure)};
            }
            store = libvirt::store_of_metadata(element.get());
            return {};
        }));
    return found == Found::yes ? std::optional<std::string>(store) : std::nullopt;
}

/// A session's libvirt has its sockets in the user's home, which may lie too deep for one.
std::string agent_socket(const Connection& connection, const InstanceId& instance) {
    const libvirt::CString uri(virConnectGetURI(connection.handle.get()));
    const bool session = uri && std::string_view(uri.get()).ends_with("/session") && geteuid() != 0;
    return session ? libvirt::own_agent_socket(instance) : std::string();
}

Result<std::string> LibvirtHypervisor::render(const DomainSpec& spec, const libvirt::RenderOptions& options) {
    const std::string& path = domains_->options().template_path;
    auto text = template_.lock();
    if (!text->has_value()) {
        std::ifstream file(path, std::ios::binary);
        std::stringstream content;
        if (!file || !(content << file.rdbuf())) {
            return Error(Code::io_error, fmt::format("cannot read the domain template \"{}\": {}", path, std::strerror(errno)));
        }
        *text = content.str();
    }
    return AMIVIRT_TRY_CONTEXT(libvirt::render_domain(**text, spec, options), fmt::format("using the template \"{}\"", path));
}

Result<void> LibvirtHypervisor::start(const DomainSpec& spec, Begin begin) {
    check_interrupt();
    std::optional<Error> refused;
    std::vector<std::string> encrypted;  ///< disks that need the key
    enum class Step { lend_key, define, create } step = Step::define;
    const Outcome outcome = AMIVIRT_TRY(domains_->connections().use([&](const Connection& connection, Attempt attempt) -> Outcome {
        libvirt::RenderOptions options;
        options.target = connection.driver == Driver::test ? libvirt::Target::test : libvirt::Target::qemu;
        if (spec.firmware == Firmware::uefi) {
            options.ovmf = libvirt::find_ovmf();
        }
        encrypted.clear();
        for (const DomainDisk& disk : spec.disks) {
            Result<libvirt::DiskChain> chain = domains_->chain(connection, disk.source);
            if (!chain) {
                refused = chain.error();
                return {};
            }
            if (libvirt::any_encrypted(*chain)) {
                encrypted.push_back(disk.source.location);
            }
            options.chains.push_back(std::move(*chain));
        }
        options.agent_socket = agent_socket(connection, spec.instance);
        const Result<std::string> xml = render(spec, options);
        if (!xml) {
            refused = xml.error();
            return {};
        }
        libvirt::LentKey key;
        if (!encrypted.empty()) {
            step = Step::lend_key;
            const Result<Outcome> lent = domains_->lend_key(connection, spec.store_id, key);
            if (!lent) {
                refused = lent.error();
                return {};
            }
            if (*lent) {
                return *lent;
            }
        }
        step = Step::define;
        const DomainPtr domain(virDomainDefineXML(connection.handle.get(), xml->c_str()));
        if (!domain) {
            return last_failure();
        }
        fault_point("libvirt.defined");
        step = Step::create;
        // The test driver knows no other beginning.
        const bool paused = begin == Begin::paused && connection.driver == Driver::qemu;
        if (virDomainCreateWithFlags(domain.get(), paused ? unsigned{VIR_DOMAIN_START_PAUSED} : 0U) < 0) {
            Failure failure = last_failure();
            // The daemon went away after it had started the domain, and came back.
            if (attempt == Attempt::repeated && virDomainIsActive(domain.get()) == 1) {
                return {};
            }
            return failure;
        }
        fault_point("libvirt.started");
        return {};
    }));
    if (refused) {
        return *refused;
    }
    if (outcome) {
        switch (step) {
            case Step::lend_key:
                return domains_->failed(spec.instance.str(), "take the key of the encrypted disks of", *outcome);
            case Step::define:
                return domains_->failed(spec.instance.str(), "define", *outcome);
            case Step::create:
                return start_failed(spec, *outcome, encrypted);
        }
    }
    return {};
}

Result<void> LibvirtHypervisor::resume(const InstanceId& instance) {
    return domains_->with_running(instance, "resume", [](virDomainPtr domain, const Connection&, Attempt) -> Outcome {
        if (virDomainResume(domain) < 0) {
            Failure failure = last_failure();
            int state = VIR_DOMAIN_NOSTATE;
            const bool runs = virDomainGetState(domain, &state, nullptr, 0) == 0 && state == VIR_DOMAIN_RUNNING;
            return runs ? Outcome() : Outcome(std::move(failure));
        }
        fault_point("libvirt.resumed");
        return {};
    });
}

Result<void> LibvirtHypervisor::request_shutdown(const InstanceId& instance) {
    return domains_->with_running(instance, "shut down", [](virDomainPtr domain, const Connection& connection, Attempt) -> Outcome {
        // The power button by name: left to itself libvirt may ask a guest agent first and wait for it.
        const unsigned flags = connection.driver == Driver::test ? 0U : unsigned{VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN};
        return virDomainShutdownFlags(domain, flags) < 0 ? Outcome(last_failure()) : Outcome();
    });
}

Result<void> LibvirtHypervisor::request_reboot(const InstanceId& instance) {
    return domains_->with_running(instance, "reboot", [](virDomainPtr domain, const Connection& connection, Attempt) -> Outcome {
        const unsigned flags = connection.driver == Driver::test ? 0U : unsigned{VIR_DOMAIN_REBOOT_ACPI_POWER_BTN};
        return virDomainReboot(domain, flags) < 0 ? Outcome(last_failure()) : Outcome();
    });
}

Result<void> LibvirtHypervisor::reset(const InstanceId& instance) {
    return domains_->with_running(instance, "reset", [](virDomainPtr domain, const Connection& connection, Attempt) -> Outcome {
        // The test driver has no reset; its reboot is as sudden.
        const int status = connection.driver == Driver::test ? virDomainReboot(domain, 0) : virDomainReset(domain, 0);
        return status < 0 ? Outcome(last_failure()) : Outcome();
    });
}

/// Off or gone is done, whoever did it.
Outcome pull_the_plug(virDomainPtr domain) {
    if (virDomainDestroy(domain) < 0) {
        Failure failure = last_failure();
        if (failure.code != VIR_ERR_NO_DOMAIN && virDomainIsActive(domain) != 0) {
            return failure;
        }
    }
    return {};
}

Result<void> LibvirtHypervisor::power_off(const InstanceId& instance) {
    AMIVIRT_TRY(
        domains_->with(instance.str(), "power off", [](virDomainPtr domain, const Connection&, Attempt) { return pull_the_plug(domain); }));
    return {};
}

Result<void> LibvirtHypervisor::remove(const InstanceId& instance) {
    AMIVIRT_TRY(domains_->with(instance.str(), "remove", [](virDomainPtr domain, const Connection& connection, Attempt) -> Outcome {
        if (Outcome failure = pull_the_plug(domain)) {
            return failure;
        }
        fault_point("libvirt.powered_off");
        unsigned flags = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA;
        if (connection.driver == Driver::qemu) {
            flags |= VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM;
        }
        if (virDomainUndefineFlags(domain, flags) < 0) {
            return last_failure();
        }
        fault_point("libvirt.undefined");
        return {};
    }));
    return {};
}

}  // namespace

std::unique_ptr<Hypervisor> make_libvirt_hypervisor(LibvirtOptions options) { return make_libvirt(std::move(options)).hypervisor; }

Libvirt make_libvirt(LibvirtOptions options) {
    auto domains = std::make_shared<Domains>(std::move(options));
    return {std::make_unique<LibvirtHypervisor>(domains), libvirt::make_live_disks(domains),     libvirt::make_networks(domains),
            libvirt::make_machine_log(domains),           libvirt::make_serial_console(domains), libvirt::make_screens(domains)};
}

}  // namespace amivirt
