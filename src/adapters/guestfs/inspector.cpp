#include "adapters/guestfs/inspector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "adapters/guestfs/appliance.hpp"
#include "adapters/guestfs/boot_facts.hpp"
#include "adapters/guestfs/handles.hpp"
#include "adapters/guestfs/os_release.hpp"
#include "adapters/guestfs/plain_system.hpp"
#include "adapters/guestfs/session.hpp"
#include "adapters/guestfs/workspace.hpp"

namespace amivirt {

namespace {

using namespace guestfs;

constexpr int k_os_release_bytes = 16 * 1024;
constexpr std::size_t k_max_folders = 256;  // of an EFI system partition

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

std::string known(const std::string& text) { return text == "unknown" ? std::string() : text; }

/// As the distribution itself writes it: Ubuntu 22.04 comes as 22 and 4.
std::string version_of(int major, int minor, std::string_view distribution) {
    if (major <= 0 && minor <= 0) {
        return {};
    }
    if (distribution == "ubuntu") {
        return fmt::format("{}.{:02}", major, minor);
    }
    return minor > 0 ? fmt::format("{}.{}", major, minor) : fmt::format("{}", major);
}

class Look {
public:
    explicit Look(Session& session) : session_(session) {}

    /// "Not found" and "not readable" of the disk's insides are answers; only the appliance's end is an error.
    Result<Inspection> run() {
        Inspection result;
        look_at_system(result);
        AMIVIRT_TRY(session_.still_there());
        look_at_booting(result);
        AMIVIRT_TRY(session_.still_there());
        return result;
    }

private:
    guestfs_h* g() const { return session_.g(); }

    void look_at_system(Inspection& result) {
        if (auto plain = find_plain_system(g())) {
            result.platform = "linux";
            result.distribution = std::move(plain->words.id);
            result.product_name = std::move(plain->words.pretty_name);
            result.version = std::move(plain->version);
            result.architecture = plain->architecture;
            return;
        }
        const std::vector<std::string> roots = take(guestfs_inspect_os(g()));
        if (roots.empty()) {
            return;
        }
        const char* root = roots.front().c_str();
        result.platform = known(take(guestfs_inspect_get_type(g(), root)));
        result.distribution = known(take(guestfs_inspect_get_distro(g(), root)));
        result.product_name = known(take(guestfs_inspect_get_product_name(g(), root)));
        result.architecture = architecture_of(take(guestfs_inspect_get_arch(g(), root)));
        result.version =
            version_of(guestfs_inspect_get_major_version(g(), root), guestfs_inspect_get_minor_version(g(), root), result.distribution);
        read_os_release(root, result);
    }

    /// The name a distribution gives itself (libguestfs has "12.5" for Debian), and what it is where libguestfs does not know it.
    void read_os_release(const char* root, Inspection& result) {
        if (guestfs_mount_ro(g(), root, "/") != 0) {
            return;
        }
        std::size_t size = 0;
        const CString text(guestfs_pread(g(), "/etc/os-release", k_os_release_bytes, 0, &size));
        guestfs_umount_all(g());
        if (!text) {
            return;
        }
        const OsRelease words = parse_os_release({text.get(), size});
        if (!words.pretty_name.empty()) {
            result.product_name = words.pretty_name;
        }
        if (result.distribution.empty()) {
            result.distribution = words.id;
        }
    }

    void look_at_booting(Inspection& result) {
        const std::vector<std::string> devices = take(guestfs_list_devices(g()));
        if (devices.empty()) {
            return;
        }
        const char* device = devices.front().c_str();
        std::size_t size = 0;
        const CString bytes(guestfs_pread_device(g(), device, k_gpt_bytes, 0, &size));
        const std::string_view beginning = bytes ? std::string_view(bytes.get(), size) : std::string_view();
        const auto gpt = read_gpt(beginning);
        const std::string type = gpt ? "gpt" : take(guestfs_part_get_parttype(g(), device));
        const TableType table = type == "gpt" ? TableType::gpt : (type == "msdos" ? TableType::mbr : TableType::none);
        const std::vector<PartitionFacts> partitions = partitions_of(device, table, gpt);
        result.boots_bios = boots_bios(beginning.substr(0, 512), table, partitions);
        for (const PartitionFacts& partition : partitions) {
            result.boots_uefi = result.boots_uefi || (is_efi_system(partition) && has_loader(partition.device));
        }
    }

    std::vector<PartitionFacts> partitions_of(const char* device, TableType table, const std::optional<std::map<int, GptEntry>>& gpt) {
        std::vector<PartitionFacts> result;
        if (table == TableType::none) {
            return result;
        }
        for (std::string& name : take(guestfs_list_partitions(g()))) {
            const int number = guestfs_part_to_partnum(g(), name.c_str());
            if (number < 1 || take(guestfs_part_to_dev(g(), name.c_str())) != device) {
                continue;
            }
            PartitionFacts facts;
            facts.device = std::move(name);
            if (gpt) {
                const auto entry = gpt->find(number);
                if (entry != gpt->end()) {
                    facts.gpt_type = entry->second.type;
                    facts.legacy_boot = entry->second.legacy_boot;
                }
            } else if (table == TableType::gpt) {
                facts.gpt_type = upper(take(guestfs_part_get_gpt_type(g(), device, number)));
                const std::int64_t attributes = guestfs_part_get_gpt_attributes(g(), device, number);
                facts.legacy_boot = attributes >= 0 && (attributes & 4) != 0;
            } else {
                facts.mbr_type = std::max(guestfs_part_get_mbr_id(g(), device, number), 0);
            }
            result.push_back(std::move(facts));
        }
        return result;
    }

    /// EFI/*/*.efi, of which EFI/BOOT/BOOTX64.EFI is what firmware finds by itself.
    bool has_loader(const std::string& partition) {
        guestfs_umount_all(g());
        if (guestfs_mount_ro(g(), partition.c_str(), "/") != 0) {
            return false;
        }
        const std::string efi = take(guestfs_case_sensitive_path(g(), "/EFI"));
        std::vector<std::string> folders = efi.empty() ? std::vector<std::string>{} : take(guestfs_ls(g(), efi.c_str()));
        folders.resize(std::min(folders.size(), k_max_folders));
        const bool found = std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
            const std::vector<std::string> names = take(guestfs_ls(g(), fmt::format("{}/{}", efi, folder).c_str()));
            return std::any_of(names.begin(), names.end(), [](const std::string& name) { return upper(name).ends_with(".EFI"); });
        });
        guestfs_umount_all(g());
        return found;
    }

    Session& session_;
};

class GuestfsInspector final : public ImageInspector {
public:
    explicit GuestfsInspector(GuestfsOptions options) : options_(std::move(options)) {}

    Result<Inspection> inspect(const DiskSource& disk) override {
        Inspection result;
        AMIVIRT_TRY(in_appliance(options_,
                                 {disk, DriveAccess::read_only, "looked at", "libguestfs-test-tool shows more; --no-inspect does without"},
                                 [&](Session& session) -> Result<void> {
                                     result = AMIVIRT_TRY(Look(session).run());
                                     return {};
                                 }));
        return result;
    }

private:
    GuestfsOptions options_;
};

class GuestfsHealth final : public HealthCheck {
public:
    std::vector<Finding> check() override {
        const HandlePtr handle = open_handle();
        if (!handle) {
            return {{"libguestfs", Health::warning, "cannot be initialised", "apt-get install --reinstall libguestfs0"}};
        }
        const std::unique_ptr<struct guestfs_version, Free<guestfs_free_version>> version(guestfs_version(handle.get()));
        const std::string number =
            version ? fmt::format("{}.{}.{}", version->major, version->minor, version->release) : std::string("unknown");
        const ApplianceState state = examine_appliance(appliance_host(handle.get()));
        if (!state.usable) {
            return {{"libguestfs", Health::warning, fmt::format("{}, but images are imported without inspection: {}", number, state.detail),
                     state.remedy}};
        }
        return {{"libguestfs", Health::ok, fmt::format("{}, appliance {}", number, state.detail), ""}};
    }
};

}  // namespace

std::unique_ptr<ImageInspector> make_guestfs_inspector(GuestfsOptions options) {
    return std::make_unique<GuestfsInspector>(std::move(options));
}

std::unique_ptr<HealthCheck> make_guestfs_health() { return std::make_unique<GuestfsHealth>(); }

Result<void> sweep_guestfs(const std::string& tmpdir) { return guestfs::sweep(tmpdir); }

}  // namespace amivirt
