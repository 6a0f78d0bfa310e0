#include "amivirt/services/one_shot.hpp"

#include <fmt/format.h>

#include <chrono>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "revert_log.hpp"

namespace amivirt {

Result<OneShotOutcome> OneShot::run(const AccountId& caller, const OneShotRequest& request, Progress& progress) {
    if (request.launch.count != 1) {
        return Error(Code::invalid_parameter_combination, fmt::format("a command is run on one machine, not on {}", request.launch.count));
    }
    if (request.command.words.empty()) {
        return Error(Code::invalid_parameter_combination, "there is no command to run");
    }
    const bool ends = request.afterwards == Afterwards::terminate;
    if (!request.identity_file.empty()) {
        AMIVIRT_TRY(logins_.check_identity(request.identity_file));
    }
    RunRequest launch = request.launch;
    Lifeline lifeline;
    if (ends) {
        lifeline = AMIVIRT_TRY(leases_.hold());
        launch.lifeline = lifeline.name;
    }
    const auto running = AMIVIRT_TRY(instances_.run(caller, launch, progress));
    const InstanceId id = running.front().id;
    Revert ending(logged(log_, "one-shot"));
    if (ends) {
        ending.push(fmt::format("terminate {}", id.str()), [&]() -> Result<void> {
            clear_interrupt();
            const InterruptShield shield;
            return instances_.terminate_anyway(id);
        });
    }
    fault_point("oneshot.running");
    if (request.on_running) {
        request.on_running(running.front());
    }
    // What goes with the machine is told now.
    auto booted = instances_.wait_ssh(id, request.boot_timeout, ends ? Instances::Report::full : Instances::Report::brief);
    auto outcome = booted ? use(caller, request, id) : Result<OneShotOutcome>(booted.error());
    if (!ends) {
        return outcome;
    }
    if (!outcome) {  // its hint speaks of a machine that is about to go
        outcome.error().hint = booted ? "" : "the machine is gone, and its console with it; without --rm it stays to be looked at";
    }
    fault_point("oneshot.used");
    auto ended = [&] {
        const InterruptShield shield;
        return instances_.terminate_anyway(id);
    }();
    ending.commit();
    if (!ended) {
        auto& error = ended.error();
        error.hint = "`amivirt reap` terminates it later";
        if (!outcome) {
            log_.write(LogLevel::error, "one-shot", describe(error));
        } else {
            outcome->faults.push_back(std::move(error));
        }
    }
    return outcome;
}

Result<OneShotOutcome> OneShot::use(const AccountId& caller, const OneShotRequest& request, const InstanceId& id) {
    LoginRequest login;
    login.instance = id.str();
    login.user = request.user;
    login.identity_file = request.identity_file;
    const auto target = AMIVIRT_TRY(logins_.target(caller, login));
    for (const auto& copy : request.copies_in) {
        AMIVIRT_TRY_CONTEXT(shell_.copy_in(target, {copy.from}, copy.to), fmt::format("copying \"{}\" into {}", copy.from, id.str()));
    }
    fault_point("oneshot.ready");
    auto status = shell_.run(target, request.command);
    if (!status && status.error().code != Code::timed_out) {
        return std::move(status.error());
    }
    OneShotOutcome outcome;
    for (const auto& copy : request.copies_out) {
        if (auto copied = shell_.copy_out(target, {copy.from}, copy.to); !copied) {
            outcome.faults.push_back(std::move(copied.error()).with_context(fmt::format("copying \"{}\" out of {}", copy.from, id.str())));
        }
    }
    if (!status) {
        for (const auto& fault : outcome.faults) {  // of two errors, the first is why
            log_.write(LogLevel::error, "one-shot", describe(fault));
        }
        return Error(Code::timed_out, fmt::format("\"{}\" did not end within {} s", request.command.words.front(),
                                                  std::chrono::duration<double>(request.command.timeout).count()));
    }
    outcome.status = *status;
    return outcome;
}

}  // namespace amivirt
