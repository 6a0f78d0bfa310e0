// KVM or TCG: what was seen, and what follows from it.
#pragma once

#include <string>
#include <vector>

#include "amivirt/ports/host.hpp"

namespace amivirt::host {

/// All that the choice depends on.
struct KvmFacts {
    enum class Device { absent, denied, broken, opened };
    enum class Probe { not_run, passed, failed, timed_out };

    Architecture architecture = Architecture::x86_64;
    Device device = Device::absent;
    std::string device_error;          ///< the system's words when it did not open
    std::vector<std::string> modules;  ///< kvm modules loaded, without "kvm" itself: "kvm_intel"
    Probe probe = Probe::not_run;      ///< one instruction run in a machine of our own
    std::string probe_error;           ///< the step that failed
};

struct Judgement {
    AcceleratorChoice choice;
    std::string remedy;  ///< the command that would let KVM work; "" if there is none
};

/// Pure. unsupported_operation if KVM was asked for by name and cannot be opened.
[[nodiscard]] Result<Judgement> judge(AcceleratorRequest request, const KvmFacts& facts);

/// Looks at `root`/dev/kvm and `root`/sys/module; runs the probe only where the modules promise that it means something.
[[nodiscard]] KvmFacts collect_kvm_facts(const std::string& root = {});

/// This machine's architecture.
[[nodiscard]] Architecture host_architecture();

}  // namespace amivirt::host
