// Into a running machine: where, as whom, with which key, and whether it is the right one.
#pragma once

#include <string>

#include "amivirt/base/progress.hpp"
#include "amivirt/ports/guest_shell.hpp"
#include "amivirt/ports/host_keys.hpp"
#include "amivirt/ports/ssh_keys.hpp"
#include "amivirt/services/instances.hpp"

namespace amivirt {

enum class AcceptNewHostKey { yes, no };

struct LoginRequest {
    std::string instance;       ///< id or name
    std::string user;           ///< "": the instance's own
    std::string identity_file;  ///< private key; "": that of the default key pair where the instance has it, else the agent's and ~/.ssh
    AcceptNewHostKey accept_new_host_key = AcceptNewHostKey::no;  ///< whatever key it shows now is its own from now on
};

class Logins {
public:
    struct Ports {
        Catalog& catalog;
        Instances& instances;
        InstanceFiles& files;
        PrivateKeyFiles& key_files;
        HostKeys& host_keys;
    };
    explicit Logins(Ports ports) : ports_(ports) {}

    /// Waits for SSH's greeting, with a note to `progress` if it does not come at once. Errors as Instances::wait_ssh; and
    /// incorrect_instance_state at once if it is not running.
    [[nodiscard]] Result<void> wait(const AccountId& caller, const std::string& id_or_name, Duration timeout, Progress& progress);
    /// invalid_parameter_value for a private key file that ssh would not take: missing, or readable by others.
    [[nodiscard]] Result<void> check_identity(const std::string& file) { return ports_.key_files.check(file); }
    /// Waits for nothing: call it once SSH answers, because until then an image that takes no host key from its seed has not yet shown its
    /// own on the console. What is learnt is written down. incorrect_instance_state if it does not run; login_failed if no host key is
    /// known; invalid_parameter_value for an identity file that ssh would not take.
    [[nodiscard]] Result<LoginTarget> target(const AccountId& caller, const LoginRequest& request);

private:
    [[nodiscard]] Result<Instance> running(const AccountId& caller, const std::string& id_or_name);
    [[nodiscard]] Result<std::string> host_key(const Instance& instance, const Reach& ssh, AcceptNewHostKey accept_new);
    Ports ports_;
};

}  // namespace amivirt
