#include "adapters/host/accelerator.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/kvm.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace amivirt::host {
namespace {

using Device = KvmFacts::Device;
using Probe = KvmFacts::Probe;

constexpr auto k_probe_patience = std::chrono::seconds(2);

/// Steps of the probe, which the child tells by its exit status.
constexpr std::array<const char*, 7> k_probe_steps = {"",
                                                      "asking for the API version",
                                                      "making a virtual machine",
                                                      "giving it memory",
                                                      "making a processor",
                                                      "setting its registers",
                                                      "running one instruction"};

/// In a child process: only system calls. Returns the step that failed, 0 if a HLT was executed and seen.
int run_one_instruction(int kvm) {
    if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        return 1;
    }
    const int machine = ioctl(kvm, KVM_CREATE_VM, 0);
    if (machine < 0) {
        return 2;
    }
    constexpr std::size_t k_page = 4096;
    constexpr std::uint64_t k_address = 0x1000;
    void* const page = mmap(nullptr, k_page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return 3;
    }
    *static_cast<unsigned char*>(page) = 0xf4;  // HLT
    kvm_userspace_memory_region region{};
    region.guest_phys_addr = k_address;
    region.memory_size = k_page;
    region.userspace_addr = reinterpret_cast<std::uintptr_t>(page);
    if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        return 3;
    }
    const int processor = ioctl(machine, KVM_CREATE_VCPU, 0);
    const int run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (processor < 0 || run_size < static_cast<int>(sizeof(kvm_run))) {
        return 4;
    }
    void* const shared = mmap(nullptr, static_cast<std::size_t>(run_size), PROT_READ | PROT_WRITE, MAP_SHARED, processor, 0);
    if (shared == MAP_FAILED) {
        return 4;
    }
#if defined(__x86_64__) || defined(__i386__)
    kvm_sregs special{};
    if (ioctl(processor, KVM_GET_SREGS, &special) < 0) {
        return 5;
    }
    special.cs.base = 0;
    special.cs.selector = 0;
    kvm_regs registers{};
    registers.rip = k_address;
    registers.rflags = 2;
    if (ioctl(processor, KVM_SET_SREGS, &special) < 0 || ioctl(processor, KVM_SET_REGS, &registers) < 0) {
        return 5;
    }
    if (ioctl(processor, KVM_RUN, 0) < 0 || static_cast<const kvm_run*>(shared)->exit_reason != KVM_EXIT_HLT) {
        return 6;
    }
#endif
    return 0;
}

/// A broken KVM can hang in the kernel or kill its user: the probe runs in a child, under a time limit.
void probe(int kvm, KvmFacts& facts) {
    const pid_t child = fork();
    if (child < 0) {
        facts.probe = Probe::failed;
        facts.probe_error = fmt::format("starting a process for it: {}", std::strerror(errno));
        return;
    }
    if (child == 0) {
        // One that hangs in the kernel outlives us, maybe, and would keep our locks with our files.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (dup2(kvm, 0) < 0 || syscall(SYS_close_range, 1U, ~0U, 0U) != 0) {
            _exit(1);
        }
        _exit(run_one_instruction(0));
    }
    const auto deadline = std::chrono::steady_clock::now() + k_probe_patience;
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(child, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        if (std::chrono::steady_clock::now() > deadline) {
            kill(child, SIGKILL);
            // One that hangs in the kernel may not even die now; whoever inherits it reaps it.
            waitpid(child, &status, WNOHANG);
            facts.probe = Probe::timed_out;
            return;
        }
        poll(nullptr, 0, 1);
    }
    if (ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        facts.probe = Probe::passed;
        return;
    }
    facts.probe = Probe::failed;
    if (ended == child && WIFSIGNALED(status)) {
        facts.probe_error = fmt::format("killed by signal {}", WTERMSIG(status));
    } else {
        const auto step = static_cast<std::size_t>(ended == child ? WEXITSTATUS(status) : 0);
        facts.probe_error = step < k_probe_steps.size() ? k_probe_steps.at(step) : "unknown step";
    }
}

bool is_x86(Architecture architecture) { return architecture != Architecture::arm64; }

bool has_stock_module(const KvmFacts& facts) {
    return std::any_of(facts.modules.begin(), facts.modules.end(),
                       [](const std::string& module) { return module == "kvm_intel" || module == "kvm_amd"; });
}

/// Why not KVM; "" if it may be used.
std::string objection(const KvmFacts& facts) {
    if (facts.device == Device::absent) {
        return "there is no /dev/kvm";
    }
    // Before the permission: getting that would not help.
    if (is_x86(facts.architecture) && !has_stock_module(facts)) {
        return facts.modules.empty()
                   ? "/dev/kvm is there, but neither kvm_intel nor kvm_amd is loaded"
                   : fmt::format("/dev/kvm is there, but its module is {}, under which stock kernels hang", fmt::join(facts.modules, ", "));
    }
    if (facts.device == Device::denied) {
        return fmt::format("/dev/kvm is there, but this user may not open it ({})", facts.device_error);
    }
    if (facts.device == Device::broken) {
        return fmt::format("/dev/kvm is there, but does not open ({})", facts.device_error);
    }
    switch (facts.probe) {
        case Probe::passed:
            return {};
        case Probe::timed_out:
            return "/dev/kvm is there, but a test machine hung in it";
        case Probe::failed:
            return fmt::format("/dev/kvm is there, but a test machine failed in it: {}", facts.probe_error);
        case Probe::not_run:
            break;
    }
    return "/dev/kvm is there, but was not tried";
}

}  // namespace

Result<Judgement> judge(AcceleratorRequest request, const KvmFacts& facts) {
    if (request == AcceleratorRequest::tcg) {
        return Judgement{{Accelerator::tcg, "TCG was asked for", false}, {}};
    }
    const std::string why_not = objection(facts);
    std::string remedy;
    if (facts.device == Device::denied && (!is_x86(facts.architecture) || has_stock_module(facts))) {
        remedy = "sudo adduser \"$USER\" kvm   (then log in again)";
    }
    if (request == AcceleratorRequest::kvm) {
        if (facts.device != Device::opened) {
            const std::string trouble =
                facts.device == Device::absent ? why_not : fmt::format("/dev/kvm does not open ({})", facts.device_error);
            return Error(Code::unsupported_operation, fmt::format("KVM was asked for, but {}", trouble), remedy);
        }
        if (!why_not.empty()) {
            return Judgement{{Accelerator::kvm, fmt::format("KVM was asked for, although {}", why_not), false},
                             "leave out --accel kvm (and AMIVIRT_ACCEL), and what works is taken"};
        }
        return Judgement{{Accelerator::kvm, "KVM was asked for", false}, {}};
    }
    if (why_not.empty()) {
        return Judgement{{Accelerator::kvm, "/dev/kvm works", false}, {}};
    }
    return Judgement{{Accelerator::tcg, why_not, facts.device != Device::absent}, std::move(remedy)};
}

KvmFacts collect_kvm_facts(const std::string& root) {
    KvmFacts facts;
    facts.architecture = host_architecture();
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(root + "/sys/module", ignored)) {
        const std::string name = entry.path().filename();
        if (name.starts_with("kvm_")) {
            facts.modules.push_back(name);
        }
    }
    std::sort(facts.modules.begin(), facts.modules.end());

    const int kvm = open((root + "/dev/kvm").c_str(), O_RDWR | O_CLOEXEC);
    if (kvm < 0) {
        facts.device = errno == ENOENT || errno == ENOTDIR ? Device::absent
                       : errno == EACCES || errno == EPERM ? Device::denied
                                                           : Device::broken;
        facts.device_error = std::strerror(errno);
        return facts;
    }
    facts.device = Device::opened;
    if (!is_x86(facts.architecture) || has_stock_module(facts)) {
        probe(kvm, facts);
    }
    close(kvm);
    return facts;
}

Architecture host_architecture() {
    utsname names{};
    uname(&names);
    const std::string_view machine = names.machine;
    if (machine == "aarch64") {
        return Architecture::arm64;
    }
    return machine == "x86_64" ? Architecture::x86_64 : Architecture::i386;
}

}  // namespace amivirt::host
