#include "adapters/libvirt/firmware.hpp"

#include <unistd.h>

namespace amivirt::libvirt {

Ovmf find_ovmf() {
    struct Pair {
        const char* code;
        const char* variables;
    };
    // Debian and Ubuntu, then Fedora, then Arch. Without secure boot: images are not signed.
    constexpr Pair k_pairs[] = {
        {"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
        {"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
        {"/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"},
        {"/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"},
    };
    for (const Pair& pair : k_pairs) {
        if (access(pair.code, R_OK) == 0 && access(pair.variables, R_OK) == 0) {
            return {pair.code, pair.variables};
        }
    }
    return {};
}

}  // namespace amivirt::libvirt
