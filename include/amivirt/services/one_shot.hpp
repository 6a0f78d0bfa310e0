// A machine for one command: launched, waited for, used, and gone.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "amivirt/base/log.hpp"
#include "amivirt/ports/guest_shell.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/leases.hpp"
#include "amivirt/services/logins.hpp"

namespace amivirt {

/// Files or whole folders, from here to there or back.
struct FileCopy {
    std::string from;
    std::string to;
};

/// What becomes of the machine.
enum class Afterwards { terminate, keep };

struct OneShotRequest {
    RunRequest launch;  ///< of one; its lifeline is filled in
    Afterwards afterwards = Afterwards::terminate;
    Duration boot_timeout = std::chrono::minutes(10);  ///< until SSH answers
    std::string user{};                                ///< as LoginRequest::user
    std::string identity_file{};                       ///< as LoginRequest::identity_file; checked before anything is made
    ShellCommand command;                              ///< its timeout is the command's own
    std::vector<FileCopy> copies_in;                   ///< before the command
    std::vector<FileCopy> copies_out;                  ///< after it, whatever its status; also after its timeout
    std::function<void(const Instance& running)> on_running = {};
};

struct OneShotOutcome {
    int status = 0;             ///< the command's own
    std::vector<Error> faults;  ///< of what followed it: files that could not be fetched, a machine that could not be terminated
};

class OneShot {
public:
    OneShot(Instances& instances, Leases& leases, Logins& logins, GuestShell& shell, Log& log)
        : instances_(instances), leases_(leases), logins_(logins), shell_(shell), log_(log) {}

    /// invalid_parameter_combination unless it is of one machine and has a command. With Afterwards::terminate the machine is gone on
    /// return, with whatever result, and on an interrupt, which is then thrown on; if this process is killed, Leases::reap ends it. An
    /// error is one that came before the command had a status, timed_out its timeout.
    [[nodiscard]] Result<OneShotOutcome> run(const AccountId& caller, const OneShotRequest& request, Progress& progress);

private:
    [[nodiscard]] Result<OneShotOutcome> use(const AccountId& caller, const OneShotRequest& request, const InstanceId& id);
    Instances& instances_;
    Leases& leases_;
    Logins& logins_;
    GuestShell& shell_;
    Log& log_;
};

}  // namespace amivirt
