// What libguestfs needs to start its appliance, looked at without starting it.
#pragma once

#include <string>
#include <vector>

namespace amivirt::guestfs {

/// Where to look; tests look elsewhere.
struct ApplianceHost {
    std::vector<std::string> library_path;       ///< libguestfs's own: folders with supermin.d or a fixed appliance
    std::string hypervisor;                      ///< the QEMU it will run
    std::string supermin = "/usr/bin/supermin";  ///< compiled into libguestfs
    std::string boot = "/boot";
    std::string modules = "/lib/modules";
    std::string kernel;  ///< $SUPERMIN_KERNEL
};

struct ApplianceState {
    bool usable = false;
    std::string detail;  ///< a clause: "from kernel 6.1.0-56-cloud-amd64", "no kernel in /boot has its modules in /lib/modules"
    std::string remedy;  ///< the command that mends it; "" if usable
};

[[nodiscard]] ApplianceState examine_appliance(const ApplianceHost& host);

}  // namespace amivirt::guestfs
