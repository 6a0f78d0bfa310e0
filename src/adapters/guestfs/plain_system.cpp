#include "adapters/guestfs/plain_system.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <iterator>
#include <sstream>

#include "adapters/guestfs/handles.hpp"

namespace amivirt::guestfs {

namespace {

constexpr int k_text_bytes = 64 * 1024;
/// File systems that hold a root, or surely none.
constexpr std::array<std::string_view, 4> k_roots{"ext2", "ext3", "ext4", "xfs"};
constexpr std::array<std::string_view, 3> k_others{"", "vfat", "swap"};
/// Where distributions call themselves otherwise than libguestfs calls them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> k_names{{{"alpine", "alpinelinux"},
                                                                                {"arch", "archlinux"},
                                                                                {"ol", "oraclelinux"},
                                                                                {"opensuse-leap", "opensuse"},
                                                                                {"opensuse-tumbleweed", "opensuse"}}};
constexpr std::array<const char*, 5> k_programs{"/bin/bash", "/bin/ls", "/bin/echo", "/bin/rm", "/bin/sh"};

class Finder {
public:
    explicit Finder(guestfs_h* handle) : g_(handle) {}

    std::optional<PlainSystem> run() {
        std::vector<std::string> places = take(guestfs_list_partitions(g_));
        if (places.empty()) {
            places = take(guestfs_list_devices(g_));
        }
        std::optional<PlainSystem> found;
        for (const std::string& place : places) {
            const std::string type = take(guestfs_vfs_type(g_, place.c_str()));
            if (std::find(k_others.begin(), k_others.end(), type) != k_others.end()) {
                continue;
            }
            if (std::find(k_roots.begin(), k_roots.end(), type) == k_roots.end() || guestfs_mount_ro(g_, place.c_str(), "/") != 0) {
                return std::nullopt;
            }
            const bool is_root = guestfs_is_file_opts(g_, "/etc/os-release", GUESTFS_IS_FILE_OPTS_FOLLOWSYMLINKS, 1, -1) == 1;
            std::optional<PlainSystem> system = is_root ? look(place) : std::nullopt;
            guestfs_umount_all(g_);
            if (is_root && (found || !system)) {
                return std::nullopt;
            }
            if (is_root) {
                found = std::move(system);
            }
        }
        return found;
    }

private:
    std::string text_of(const char* path) const {
        std::size_t size = 0;
        const CString text(guestfs_pread(g_, path, k_text_bytes, 0, &size));
        return text ? std::string(text.get(), size) : std::string();
    }

    std::optional<PlainSystem> look(const std::string& root) const {
        PlainSystem system;
        system.words = parse_os_release(text_of("/etc/os-release"));
        if (system.words.id.empty()) {
            return std::nullopt;
        }
        system.version = version_of(system.words);
        for (const auto& [own, name] : k_names) {
            if (system.words.id == own) {
                system.words.id = std::string(name);
            }
        }
        for (const char* program : k_programs) {
            const std::string path = take(guestfs_realpath(g_, program));
            if (!path.empty()) {
                system.architecture = architecture_of(take(guestfs_file_architecture(g_, path.c_str())));
                break;
            }
        }
        if (const auto mounts = parse_fstab(text_of("/etc/fstab"))) {
            system.places["/"] = root;
            for (const auto& [name, place] : *mounts) {
                const std::string device = device_of(name);
                if (!device.empty()) {  // else a disk that is not there
                    system.places[place] = device;
                }
            }
        }
        return system;
    }

    std::string device_of(const std::string& name) const {
        const std::string value = name.substr(name.find('=') + 1);
        return take(name.starts_with("UUID=") ? guestfs_findfs_uuid(g_, value.c_str()) : guestfs_findfs_label(g_, value.c_str()));
    }

    /// Debian tells the point release only in a file of its own.
    std::string version_of(const OsRelease& words) const {
        if (words.id != "debian") {
            return words.version_id;
        }
        std::string text = text_of("/etc/debian_version");
        text.erase(std::min(text.find('\n'), text.size()));
        const bool is_point =
            text.starts_with(words.version_id + ".") && text.size() < 16 && text.find_first_not_of("0123456789.") == std::string::npos;
        return is_point ? text : words.version_id;
    }

    guestfs_h* g_;
};

}  // namespace

std::optional<Architecture> architecture_of(std::string_view word) {
    if (word == "x86_64") {
        return Architecture::x86_64;
    }
    if (word == "i386") {
        return Architecture::i386;
    }
    if (word == "aarch64") {
        return Architecture::arm64;
    }
    return std::nullopt;
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_fstab(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> result;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
        if (fields.empty() || fields[0].starts_with('#') || (fields.size() > 1 && fields[1] == "/") ||
            (fields.size() > 2 && fields[2] == "swap")) {
            continue;
        }
        const bool is_found = fields[0].starts_with("UUID=") || fields[0].starts_with("LABEL=");
        const bool is_disk = is_found || fields[0].starts_with("/dev/") || fields[0].find('=') != std::string::npos;
        if (!is_disk) {
            continue;  // of the kernel, or from the network
        }
        if (!is_found || fields.size() < 3 || !fields[1].starts_with('/') || line.find_first_of("\\\"'") != std::string::npos) {
            return std::nullopt;
        }
        result.emplace_back(fields[0], fields[1]);
    }
    return result;
}

std::optional<PlainSystem> find_plain_system(guestfs_h* handle) { return Finder(handle).run(); }

}  // namespace amivirt::guestfs
