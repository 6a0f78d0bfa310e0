#include "adapters/libvirt/hypervisor.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "adapters/libvirt/access.hpp"
#include "adapters/libvirt/backing_chain.hpp"
#include "adapters/libvirt/capabilities.hpp"
#include "adapters/libvirt/connection.hpp"
#include "adapters/libvirt/domain_xml.hpp"
#include "adapters/libvirt/firmware.hpp"
#include "adapters/libvirt/handles.hpp"
#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

using libvirt::Connection;
using libvirt::Connections;
using libvirt::DomainPtr;
using libvirt::Driver;
using libvirt::Failure;
using libvirt::last_failure;
using Attempt = libvirt::Connections::Attempt;
using Outcome = std::optional<Failure>;

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

bool says(const Failure& failure, std::string_view words) { return failure.message.find(words) != std::string::npos; }

class LibvirtHypervisor final : public Hypervisor {
public:
    explicit LibvirtHypervisor(LibvirtOptions options) : options_(std::move(options)), connections_(options_.uri) { libvirt::initialize(); }

    Result<HypervisorInfo> info() override;
    Result<std::vector<ObservedDomain>> observe() override;
    Result<std::optional<ObservedDomain>> observe(const InstanceId& instance) override;
    Result<std::optional<std::string>> owner(const std::string& domain_name) override;
    Result<void> start(const DomainSpec& spec) override;
    Result<void> request_shutdown(const InstanceId& instance) override;
    Result<void> request_reboot(const InstanceId& instance) override;
    Result<void> reset(const InstanceId& instance) override;
    Result<void> power_off(const InstanceId& instance) override;
    Result<void> remove(const InstanceId& instance) override;

private:
    enum class Found { yes, no };

    /// Runs `call(domain, connection)` on the domain of that name; Found::no without calling it if there is none, or if it vanished
    /// meanwhile.
    template <class Call>
    Result<Found> with_domain(const std::string& name, const std::string& doing, Call&& call);
    /// with_domain for what makes sense only on a running domain.
    template <class Call>
    Result<void> with_running(const InstanceId& instance, const std::string& doing, Call&& call);
    /// Template and firmware are read once.
    Result<std::string> render(const DomainSpec& spec, const Connection& connection);
    /// Does libvirt give disks to QEMU's own user? If not there is nothing to keep from it, and no "dac" model to name.
    bool gives_files_away(const Connection& connection);
    [[nodiscard]] Error failed(const std::string& name, const std::string& doing, const Failure& failure) const;
    [[nodiscard]] Error start_failed(const DomainSpec& spec, const Failure& failure) const;

    LibvirtOptions options_;
    Connections connections_;
    Sync<std::optional<std::string>> template_;
    Sync<std::optional<bool>> gives_files_away_;
};

Error LibvirtHypervisor::failed(const std::string& name, const std::string& doing, const Failure& failure) const {
    return {Code::hypervisor_failed, fmt::format("libvirt could not {} \"{}\": {}", doing, name, failure.message)};
}

Error LibvirtHypervisor::start_failed(const DomainSpec& spec, const Failure& failure) const {
    const std::string& name = spec.instance.str();
    if (says(failure, "Could not set up host forwarding rule")) {
        return {Code::insufficient_instance_capacity,
                fmt::format("\"{}\" cannot be started: a port it forwards is taken on this host: {}", name, failure.message)};
    }
    Error error = failed(name, "start", failure);
    if (says(failure, "Permission denied")) {
        std::vector<std::string> paths;
        for (const DomainDisk& disk : spec.disks) {
            paths.push_back(disk.source.location);
        }
        paths.push_back(spec.seed);
        for (const std::string& path : paths) {
            const std::string closed = libvirt::closed_folder(path);
            if (!closed.empty()) {
                error.hint = fmt::format("chmod o+x {}", libvirt::shell_word(closed));
                break;
            }
        }
    }
    return error;
}

template <class Call>
Result<LibvirtHypervisor::Found> LibvirtHypervisor::with_domain(const std::string& name, const std::string& doing, Call&& call) {
    const Outcome outcome = AMIVIRT_TRY(connections_.use([&](const Connection& connection, Attempt) -> Outcome {
        const DomainPtr domain(virDomainLookupByName(connection.handle.get(), name.c_str()));
        return domain ? call(domain.get(), connection) : last_failure();
    }));
    if (!outcome) {
        return Found::yes;
    }
    if (outcome->code == VIR_ERR_NO_DOMAIN) {
        return Found::no;
    }
    return failed(name, doing, *outcome);
}

template <class Call>
Result<void> LibvirtHypervisor::with_running(const InstanceId& instance, const std::string& doing, Call&& call) {
    bool off = false;
    const Found found = AMIVIRT_TRY(with_domain(instance.str(), doing, [&](virDomainPtr domain, const Connection& connection) -> Outcome {
        const Outcome outcome = call(domain, connection);
        // Told from the failure, not asked before: in between it may have gone.
        off = outcome && virDomainIsActive(domain) == 0;
        return off ? Outcome{} : outcome;
    }));
    if (found == Found::no || off) {
        return Error(Code::incorrect_instance_state,
                     fmt::format("cannot {} \"{}\": {}", doing, instance.str(), off ? "its domain is not running" : "it has no domain"));
    }
    return {};
}

Result<HypervisorInfo> LibvirtHypervisor::info() {
    HypervisorInfo info;
    const Outcome outcome = AMIVIRT_TRY(connections_.use([&](const Connection& connection, Attempt) -> Outcome {
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
                     fmt::format("libvirt at \"{}\" could not say its version: {}", connections_.uri(), outcome->message));
    }
    return info;
}

Result<std::vector<ObservedDomain>> LibvirtHypervisor::observe() {
    std::vector<ObservedDomain> domains;
    const Outcome outcome = AMIVIRT_TRY(connections_.use([&](const Connection& connection, Attempt) -> Outcome {
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
                     fmt::format("libvirt at \"{}\" could not list its domains: {}", connections_.uri(), outcome->message));
    }
    return domains;
}

Result<std::optional<ObservedDomain>> LibvirtHypervisor::observe(const InstanceId& instance) {
    std::optional<ObservedDomain> domain;
    const Found found = AMIVIRT_TRY(with_domain(instance.str(), "observe", [&](virDomainPtr handle, const Connection&) -> Outcome {
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
        AMIVIRT_TRY(with_domain(domain_name, "read the metadata of", [&](virDomainPtr domain, const Connection&) -> Outcome {
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

bool LibvirtHypervisor::gives_files_away(const Connection& connection) {
    auto known = gives_files_away_.lock();
    if (!known->has_value()) {
        *known = libvirt::qemu_identity(connection).has_value();
    }
    return **known;
}

Result<std::string> LibvirtHypervisor::render(const DomainSpec& spec, const Connection& connection) {
    libvirt::RenderOptions options;
    if (connection.driver == Driver::test) {
        options.target = libvirt::Target::test;
    } else {
        const bool gives_away = gives_files_away(connection);
        for (const DomainDisk& disk : spec.disks) {
            options.backing.push_back(libvirt::backing_chain(disk.source));
            for (libvirt::BackingFile& file : options.backing.back()) {
                file.relabel = gives_away ? file.relabel : libvirt::Relabel::yes;
            }
        }
    }
    if (spec.firmware == Firmware::uefi) {
        options.ovmf = libvirt::find_ovmf();
    }
    auto text = template_.lock();
    if (!text->has_value()) {
        std::ifstream file(options_.template_path, std::ios::binary);
        std::stringstream content;
        if (!file || !(content << file.rdbuf())) {
            return Error(Code::io_error,
                         fmt::format("cannot read the domain template \"{}\": {}", options_.template_path, std::strerror(errno)));
        }
        *text = content.str();
    }
    return AMIVIRT_TRY_CONTEXT(libvirt::render_domain(**text, spec, options),
                               fmt::format("using the template \"{}\"", options_.template_path));
}

Result<void> LibvirtHypervisor::start(const DomainSpec& spec) {
    check_interrupt();
    std::optional<Error> cannot_render;
    enum class Step { define, create } step = Step::define;
    const Outcome outcome = AMIVIRT_TRY(connections_.use([&](const Connection& connection, Attempt attempt) -> Outcome {
        const Result<std::string> xml = render(spec, connection);
        if (!xml) {
            cannot_render = xml.error();
            return {};
        }
        step = Step::define;
        const DomainPtr domain(virDomainDefineXML(connection.handle.get(), xml->c_str()));
        if (!domain) {
            return last_failure();
        }
        fault_point("libvirt.defined");
        step = Step::create;
        if (virDomainCreate(domain.get()) < 0) {
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
    if (cannot_render) {
        return *cannot_render;
    }
    if (outcome) {
        return step == Step::define ? failed(spec.instance.str(), "define", *outcome) : start_failed(spec, *outcome);
    }
    return {};
}

Result<void> LibvirtHypervisor::request_shutdown(const InstanceId& instance) {
    return with_running(instance, "shut down", [](virDomainPtr domain, const Connection& connection) -> Outcome {
        // The power button by name: left to itself libvirt may ask a guest agent first and wait for it.
        const unsigned flags = connection.driver == Driver::test ? 0U : unsigned{VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN};
        return virDomainShutdownFlags(domain, flags) < 0 ? Outcome(last_failure()) : Outcome();
    });
}

Result<void> LibvirtHypervisor::request_reboot(const InstanceId& instance) {
    return with_running(instance, "reboot", [](virDomainPtr domain, const Connection& connection) -> Outcome {
        const unsigned flags = connection.driver == Driver::test ? 0U : unsigned{VIR_DOMAIN_REBOOT_ACPI_POWER_BTN};
        return virDomainReboot(domain, flags) < 0 ? Outcome(last_failure()) : Outcome();
    });
}

Result<void> LibvirtHypervisor::reset(const InstanceId& instance) {
    return with_running(instance, "reset", [](virDomainPtr domain, const Connection& connection) -> Outcome {
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
    AMIVIRT_TRY(with_domain(instance.str(), "power off", [](virDomainPtr domain, const Connection&) { return pull_the_plug(domain); }));
    return {};
}

Result<void> LibvirtHypervisor::remove(const InstanceId& instance) {
    AMIVIRT_TRY(with_domain(instance.str(), "remove", [](virDomainPtr domain, const Connection& connection) -> Outcome {
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

std::unique_ptr<Hypervisor> make_libvirt_hypervisor(LibvirtOptions options) {
    return std::make_unique<LibvirtHypervisor>(std::move(options));
}

}  // namespace amivirt
