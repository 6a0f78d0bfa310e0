#include "adapters/host/health.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

#include "adapters/host/accelerator.hpp"
#include "adapters/host/host.hpp"
#include "adapters/host/memory.hpp"

namespace amivirt {
namespace host {

Finding judge_memory(Bytes available) {
    // The smallest instance type has 512 MiB; under 128 not even the smallest image boots.
    Finding finding{"memory", Health::ok, fmt::format("{} available", human(available)), {}};
    if (available < MiB{128}.bytes()) {
        finding.health = Health::fault;
        finding.remedy = "terminate instances, or stop other programs";
    } else if (available < MiB{1024}.bytes()) {
        finding.health = Health::warning;
    }
    return finding;
}

Finding judge_space(const std::string& path, Bytes available) {
    Finding finding{"free space", Health::ok, fmt::format("{} at \"{}\"", human(available), path), {}};
    if (available < MiB{64}.bytes()) {
        finding.health = Health::fault;
        finding.remedy = "amivirt du   (shows what takes the space)";
    } else if (available < GiB{2}.bytes()) {
        finding.health = Health::warning;
    }
    return finding;
}

}  // namespace host

namespace {

Finding check_space(const std::string& store) {
    // The store may not be there yet: its file system is that of the nearest folder that is.
    std::filesystem::path folder = store;
    struct statvfs space {};
    while (statvfs(folder.c_str(), &space) != 0) {
        if ((errno != ENOENT && errno != ENOTDIR) || !folder.has_relative_path()) {
            return {"free space", Health::warning, fmt::format("cannot be told at \"{}\": {}", store, std::strerror(errno)), {}};
        }
        folder = folder.parent_path();
    }
    return host::judge_space(store, Bytes{static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize});
}

class HostHealth final : public HealthCheck {
public:
    explicit HostHealth(HostHealthOptions options) : options_(std::move(options)) {}

    std::vector<Finding> check() override {
        std::vector<Finding> findings;
        findings.push_back({"processors",
                            Health::ok,
                            fmt::format("{} {}", std::thread::hardware_concurrency(), to_string(host::host_architecture())),
                            {}});
        findings.push_back(check_accelerator());
        const Result<Bytes> memory = host::memory_available();
        findings.push_back(memory ? host::judge_memory(*memory) : Finding{"memory", Health::warning, memory.error().message, {}});
        if (!options_.store_path.empty()) {
            findings.push_back(check_space(options_.store_path));
        }
        return findings;
    }

private:
    [[nodiscard]] Finding check_accelerator() const {
        const Result<host::Judgement> judgement = host::judge(options_.accelerator, host::collect_kvm_facts());
        if (!judgement) {
            return {"accelerator", Health::fault, judgement.error().message, judgement.error().hint};
        }
        const AcceleratorChoice& choice = judgement->choice;
        const bool slow = choice.accelerator == Accelerator::tcg && options_.accelerator == AcceleratorRequest::automatic;
        return {"accelerator", slow || !judgement->remedy.empty() ? Health::warning : Health::ok,
                fmt::format("{}: {}{}", to_string(choice.accelerator), choice.reason,
                            slow ? "; guests are emulated, which works and is slower" : ""),
                judgement->remedy};
    }

    HostHealthOptions options_;
};

}  // namespace

std::unique_ptr<HealthCheck> make_host_health(HostHealthOptions options) { return std::make_unique<HostHealth>(std::move(options)); }

}  // namespace amivirt
