#include <fmt/format.h>
#include <sys/utsname.h>

#include "adapters/qemu_img/qemu_img.hpp"

namespace amivirt {
namespace {

class ToolHealth final : public HealthCheck {
public:
    explicit ToolHealth(ProcessRunner& processes) : processes_(processes) {}

    std::vector<Finding> check() override {
        utsname system{};
        const std::string machine = ::uname(&system) == 0 ? system.machine : "x86_64";
        const bool arm = machine == "aarch64";
        return {ask("qemu-img", "qemu-img", "qemu-utils"),
                ask("qemu", arm ? "qemu-system-aarch64" : "qemu-system-x86_64", arm ? "qemu-system-arm" : "qemu-system-x86")};
    }

private:
    [[nodiscard]] Finding ask(const std::string& subject, const std::string& program, const std::string& package) const {
        Command command;
        command.argv = {program, "--version"};
        command.timeout = std::chrono::seconds(20);
        const std::string remedy = "apt-get install " + package;
        const auto result = processes_.run(command);
        if (!result) {
            return {subject, Health::fault, result.error().message, remedy};
        }
        std::string line = result->output.substr(0, result->output.find('\n'));
        if (result->exit_status != 0) {
            line = result->errors.substr(0, result->errors.find('\n'));
            return {subject, Health::fault, fmt::format("{} --version gives exit status {}: {}", program, result->exit_status, line),
                    remedy};
        }
        return {subject, Health::ok, line, ""};
    }

    ProcessRunner& processes_;
};

}  // namespace

std::unique_ptr<HealthCheck> make_qemu_img_health(ProcessRunner& processes) { return std::make_unique<ToolHealth>(processes); }

}  // namespace amivirt
