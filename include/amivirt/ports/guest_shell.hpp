// Commands and files in a guest, by SSH. Implemented on OpenSSH's own programs, with this terminal as theirs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/result.hpp"

namespace amivirt {

/// Where to log in, as whom, and how the guest is told from an impostor.
struct LoginTarget {
    std::string instance;  ///< its id: the name under which its host key is known
    std::string user;
    std::string address;
    std::uint16_t port = 22;
    std::string host_key;       ///< the only public host key that is accepted: "ssh-ed25519 AAAA..."; never empty
    std::string identity_file;  ///< private key; "": the agent's, and those of ~/.ssh
};

struct ShellCommand {
    std::vector<std::string> words;                  ///< empty: a login shell. Quoted for the guest's shell one by one: no word is split
    std::map<std::string, std::string> environment;  ///< set in the guest before the command
    bool terminal = false;                           ///< ask for one (an interactive login)
    Duration timeout{};                              ///< of the whole; 0: none. timed_out, and what runs in the guest is hung up on
};

class GuestShell {
public:
    virtual ~GuestShell() = default;
    /// With our stdin, stdout and stderr; the command's own exit status (127: not found there; 128 + signal). login_failed if it could
    /// not log in (refused key, other host key, connection lost), in ssh's words. An interrupt is passed on and thrown.
    [[nodiscard]] virtual Result<int> run(const LoginTarget& target, const ShellCommand& command) = 0;
    /// Files and whole folders, with modes and times, whichever way. `from` and `to` are paths as scp takes them.
    [[nodiscard]] virtual Result<void> copy_in(const LoginTarget& target, const std::vector<std::string>& from, const std::string& to) = 0;
    [[nodiscard]] virtual Result<void> copy_out(const LoginTarget& target, const std::vector<std::string>& from, const std::string& to) = 0;
};

}  // namespace amivirt
