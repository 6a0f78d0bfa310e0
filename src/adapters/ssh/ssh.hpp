// Keys by OpenSSL, logins by OpenSSH's programs.
#pragma once

#include <memory>
#include <string>

#include "amivirt/ports/guest_shell.hpp"
#include "amivirt/ports/health.hpp"
#include "amivirt/ports/host_keys.hpp"
#include "amivirt/ports/process_runner.hpp"
#include "amivirt/ports/ssh_keys.hpp"

namespace amivirt {

/// Thread-safe.
[[nodiscard]] std::unique_ptr<SshKeys> make_ssh_keys();
/// `folder`: for the keys that amivirt keeps; made with the first of them.
[[nodiscard]] std::unique_ptr<PrivateKeyFiles> make_private_key_files(const std::string& folder);
/// No configuration file is read, neither the person's nor the host's: what stands there for "*" or 127.0.0.1 (a jump host, a user, another
/// key, a shared connection) means other machines. ssh and scp are looked up in PATH; tool_missing.
[[nodiscard]] std::unique_ptr<GuestShell> make_openssh_shell();
[[nodiscard]] std::unique_ptr<HostKeys> make_openssh_host_keys(ProcessRunner& processes);
[[nodiscard]] std::unique_ptr<HealthCheck> make_ssh_health(ProcessRunner& processes);

}  // namespace amivirt
