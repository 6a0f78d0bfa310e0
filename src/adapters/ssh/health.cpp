#include "adapters/ssh/ssh.hpp"

namespace amivirt {
namespace {

class SshHealth final : public HealthCheck {
public:
    explicit SshHealth(ProcessRunner& processes) : processes_(processes) {}

    /// A warning at most: machines are launched without it, and only not logged in to.
    std::vector<Finding> check() override {
        Command command;
        command.argv = {"ssh", "-V"};
        command.timeout = std::chrono::seconds(20);
        const auto result = processes_.run(command);
        if (!result) {
            return {{"ssh", Health::warning, result.error().message, "apt-get install openssh-client"}};
        }
        return {{"ssh", Health::ok, result->errors.substr(0, result->errors.find('\n')), ""}};
    }

private:
    ProcessRunner& processes_;
};

}  // namespace

std::unique_ptr<HealthCheck> make_ssh_health(ProcessRunner& processes) { return std::make_unique<SshHealth>(processes); }

}  // namespace amivirt
