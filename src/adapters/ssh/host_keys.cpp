#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <sstream>

#include "adapters/ssh/ssh.hpp"

namespace amivirt {
namespace {

constexpr std::array k_by_strength{"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"};

class KeyScan final : public HostKeys {
public:
    explicit KeyScan(ProcessRunner& processes) : processes_(processes) {}

    Result<std::string> ask(const std::string& address, std::uint16_t port, Duration timeout) override {
        const auto seconds = std::max<Duration::rep>(1, std::chrono::ceil<std::chrono::seconds>(timeout).count());
        Command command;
        command.argv = {"ssh-keyscan", "-T", std::to_string(seconds), "-p", std::to_string(port), "-t", "ed25519,ecdsa,rsa", "--", address};
        command.timeout = timeout + std::chrono::seconds(10);
        const CommandResult result = AMIVIRT_TRY(processes_.run(command));
        for (const std::string_view type : k_by_strength) {
            std::istringstream lines(result.output);
            std::string host;
            std::string word;
            std::string blob;
            for (std::string line; std::getline(lines, line);) {
                std::istringstream words(line);
                if (words >> host >> word >> blob && word == type) {
                    return fmt::format("{} {}", word, blob);
                }
            }
        }
        return Error(Code::login_failed, fmt::format("{} port {} showed no SSH host key within {} s", address, port, seconds));
    }

private:
    ProcessRunner& processes_;
};

}  // namespace

std::unique_ptr<HostKeys> make_openssh_host_keys(ProcessRunner& processes) { return std::make_unique<KeyScan>(processes); }

}  // namespace amivirt
