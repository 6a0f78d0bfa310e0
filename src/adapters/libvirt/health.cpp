#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <span>
#include <vector>

#include "adapters/libvirt/access.hpp"
#include "adapters/libvirt/capabilities.hpp"
#include "adapters/libvirt/connection.hpp"
#include "adapters/libvirt/firmware.hpp"
#include "adapters/libvirt/handles.hpp"
#include "adapters/libvirt/hypervisor.hpp"
#include "adapters/libvirt/kvm_access.hpp"

namespace amivirt {
namespace {

using libvirt::Connection;

bool present(const char* path) { return access(path, F_OK) == 0; }

bool in_path(std::string_view program) {
    for (const char* const folder : {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}) {
        if (access(fmt::format("{}/{}", folder, program).c_str(), X_OK) == 0) {
            return true;
        }
    }
    return false;
}

/// The command that makes libvirt answer at `uri`.
std::string libvirt_remedy(const std::string& uri) {
    const bool session = uri.find("/session") != std::string::npos;
    if (!in_path("libvirtd") && !in_path("virtqemud")) {
        return session && geteuid() != 0 ? "sudo apt-get install libvirt-daemon" : "apt-get install libvirt-daemon-system";
    }
    const std::string sudo = geteuid() == 0 ? "" : "sudo ";
    if (session && geteuid() != 0) {
        return "libvirtd -d";
    }
    if (access("/run/libvirt/libvirt-sock", F_OK) == 0 && access("/run/libvirt/libvirt-sock", W_OK) != 0) {
        return "sudo adduser \"$USER\" libvirt   (then log in again), or use --connect qemu:///session";
    }
    // systemd's own mark of a machine it runs (sd_booted).
    if (present("/run/systemd/system")) {
        return sudo + "systemctl start libvirtd";
    }
    return sudo + "sh -c 'virtlogd -d; libvirtd -d'";
}

std::string version_text(unsigned long version) {
    return fmt::format("{}.{}.{}", version / 1'000'000, version / 1'000 % 1'000, version % 1'000);
}

bool may_pass(const struct stat& folder, const libvirt::Identity& who) {
    if (who.user == 0) {
        return true;
    }
    if (folder.st_uid == who.user) {
        return (folder.st_mode & S_IXUSR) != 0;
    }
    if (folder.st_gid == who.group) {
        return (folder.st_mode & S_IXGRP) != 0;
    }
    return (folder.st_mode & S_IXOTH) != 0;
}

Finding check_store(const std::string& store, const libvirt::Identity& who) {
    const std::string name = libvirt::user_name(who.user);
    for (std::size_t end = store.find('/', 1);; end = store.find('/', end + 1)) {
        const std::string folder = store.substr(0, end);
        struct stat status {};
        if (stat(folder.c_str(), &status) == 0 && !may_pass(status, who)) {
            return {"store access", Health::fault,
                    fmt::format("QEMU's user {} may not pass through \"{}\", so no disk in it can be opened", name, folder),
                    fmt::format("chmod o+x {}", libvirt::shell_word(folder))};
        }
        if (end == std::string::npos) {
            return {"store access", Health::ok, fmt::format("QEMU's user {} can reach \"{}\"", name, store), {}};
        }
    }
}

/// What `run --network NAME` stands on.
Finding check_networks(virConnectPtr connection) {
    constexpr const char* k_subject = "libvirt networks";
    if (!in_path("dnsmasq")) {
        return {k_subject, Health::warning, "dnsmasq is not installed: libvirt starts no network that gives addresses (--network NAME)",
                "apt-get install dnsmasq-base"};
    }
    virNetworkPtr* raw = nullptr;
    const int count = virConnectListAllNetworks(connection, &raw, 0);
    std::string names;
    for (virNetworkPtr const handle : std::span(raw, count < 0 ? 0 : static_cast<std::size_t>(count))) {
        const libvirt::NetworkPtr network(handle);
        names += fmt::format("{}{}{}", names.empty() ? "" : ", ", virNetworkGetName(handle),
                             virNetworkIsActive(handle) == 1 ? "" : " (not active)");
    }
    std::free(raw);
    return {k_subject, Health::ok, names.empty() ? "none" : names, {}};
}

class LibvirtHealth final : public HealthCheck {
public:
    explicit LibvirtHealth(LibvirtOptions options) : options_(std::move(options)) {}

    std::vector<Finding> check() override {
        std::vector<Finding> findings;
        const Result<Connection> connection = libvirt::open_connection(options_.uri, libvirt::Access::read_write);
        if (!connection) {
            findings.push_back({"libvirt", Health::fault, connection.error().message, libvirt_remedy(options_.uri)});
        } else {
            ask(*connection, findings);
        }
        const libvirt::Ovmf ovmf = libvirt::find_ovmf();
        findings.push_back(ovmf.code.empty()
                               ? Finding{"UEFI firmware", Health::warning,
                                         "OVMF is not installed: images that boot by UEFI cannot be launched", "apt-get install ovmf"}
                               : Finding{"UEFI firmware", Health::ok, ovmf.code, {}});
        return findings;
    }

private:
    void ask(const Connection& connection, std::vector<Finding>& findings) const {
        virConnectPtr const handle = connection.handle.get();
        unsigned long library = 0;
        unsigned long hypervisor = 0;
        const libvirt::CString uri(virConnectGetURI(handle));
        const char* const type = virConnectGetType(handle);
        virConnectGetLibVersion(handle, &library);
        virConnectGetVersion(handle, &hypervisor);
        findings.push_back({"libvirt",
                            Health::ok,
                            fmt::format("libvirt {} at {}, driver {}", version_text(library), uri ? uri.get() : options_.uri,
                                        type == nullptr ? "unknown" : type),
                            {}});
        if (connection.driver == libvirt::Driver::test) {
            return;
        }
        const std::string program = libvirt::emulator(connection);
        findings.push_back(program.empty() ? Finding{"QEMU", Health::fault, "libvirt knows no emulator for x86_64 machines",
                                                     "apt-get install qemu-system-x86"}
                                           : Finding{"QEMU", Health::ok, fmt::format("{} {}", program, version_text(hypervisor)), {}});
        findings.push_back(check_networks(handle));
        const std::optional<libvirt::Identity> who = libvirt::qemu_identity(connection).value_or(std::optional<libvirt::Identity>());
        if (who && !options_.store_path.empty()) {
            findings.push_back(check_store(options_.store_path, *who));
        }
        if (who) {
            if (std::optional<Finding> access = libvirt::judge_kvm_access(libvirt::collect_kvm_access(*who))) {
                findings.push_back(std::move(*access));
            }
        }
    }

    LibvirtOptions options_;
};

}  // namespace

std::unique_ptr<HealthCheck> make_libvirt_health(LibvirtOptions options) { return std::make_unique<LibvirtHealth>(std::move(options)); }

}  // namespace amivirt
