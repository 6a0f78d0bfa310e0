#include "adapters/guestfs/appliance.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace amivirt::guestfs {

namespace {

namespace fs = std::filesystem;

constexpr const char* k_install = "apt-get install libguestfs0 supermin linux-image-cloud-amd64";

bool there(const std::string& path, int mode) { return ::access(path.c_str(), mode) == 0; }

bool is_folder(const std::string& path) {
    std::error_code error;
    return fs::is_directory(path, error);
}

struct Kernel {
    std::string version;
    std::string file;
};

/// Kernels whose modules are there, newest first: what supermin chooses from.
std::vector<Kernel> kernels_with_modules(const ApplianceHost& host) {
    constexpr std::string_view prefix = "vmlinuz-";
    std::vector<Kernel> kernels;
    std::error_code error;
    for (fs::directory_iterator each(host.modules, error), end; !error && each != end; each.increment(error)) {
        if (there(each->path().string() + "/vmlinuz", F_OK)) {
            kernels.push_back({each->path().filename().string(), each->path().string() + "/vmlinuz"});
        }
    }
    for (fs::directory_iterator each(host.boot, error), end; !error && each != end; each.increment(error)) {
        const std::string name = each->path().filename().string();
        if (name.starts_with(prefix) && is_folder(fmt::format("{}/{}", host.modules, name.substr(prefix.size())))) {
            kernels.push_back({name.substr(prefix.size()), each->path().string()});
        }
    }
    std::sort(kernels.begin(), kernels.end(),
              [](const Kernel& a, const Kernel& b) { return ::strverscmp(a.version.c_str(), b.version.c_str()) > 0; });
    return kernels;
}

}  // namespace

ApplianceState examine_appliance(const ApplianceHost& host) {
    if (!there(host.hypervisor, X_OK)) {
        return {false, fmt::format("the QEMU it would run, \"{}\", is not there", host.hypervisor), "apt-get install qemu-system-x86"};
    }
    bool recipe = false;
    for (const std::string& folder : host.library_path) {
        if (there(folder + "/README.fixed", R_OK) && there(folder + "/kernel", R_OK) && there(folder + "/root", R_OK)) {
            return {true, fmt::format("a fixed appliance in {}", folder), ""};
        }
        recipe = recipe || is_folder(folder + "/supermin.d");
    }
    if (!recipe) {
        return {false, fmt::format("no appliance recipe (supermin.d) in {}", fmt::join(host.library_path, ":")), k_install};
    }
    if (!there(host.supermin, X_OK)) {
        return {false, fmt::format("\"{}\", which builds the appliance, is not there", host.supermin), k_install};
    }
    if (!host.kernel.empty() && there(host.kernel, R_OK)) {  // supermin passes over one that it cannot read
        return {true, fmt::format("built from kernel {} (SUPERMIN_KERNEL)", host.kernel), ""};
    }
    const std::vector<Kernel> kernels = kernels_with_modules(host);
    if (kernels.empty()) {
        return {false, fmt::format("no kernel in {} has its modules in {}", host.boot, host.modules), k_install};
    }
    const std::string& newest = kernels.front().file;
    if (!there(newest, R_OK)) {
        return {false, fmt::format("this user cannot read {}, which the appliance is built from", newest),
                fmt::format("sudo chmod a+r {}", newest)};
    }
    return {true, fmt::format("built from kernel {}", kernels.front().version), ""};
}

}  // namespace amivirt::guestfs
