// What several instance commands share.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "faces/cli/command.hpp"
#include "faces/cli/render_json.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

/// A description and how far it can be relied on.
struct Seen {
    std::vector<InstanceView> views;
    Observed observed = Observed::yes;
    int status = 0;  ///< 7 if libvirt could not be asked
};
/// Describes; what could not be read or asked is told as warnings.
[[nodiscard]] Result<Seen> look(Session& session, Services& services, const InstanceQuery& query);

enum class NoWait { yes, no };

/// One verb on several instances.
struct Change {
    std::string document_word;   ///< "StoppingInstances"
    InstanceState transitional;  ///< what --no-wait answers,
    InstanceState end;           ///< but for what is there already
    NoWait no_wait = NoWait::no;
    /// What can be refused before anything begins.
    std::function<Result<void>(const Instance& before)> check;
    std::function<Result<Instance>(Services& services, const Instance& before)> act;
};

/// For Change::check: it is in none of these states, from which no way leads to what is asked for. `action`: "started".
[[nodiscard]] Result<void> not_in(const Instance& before, std::initializer_list<InstanceState> states, std::string_view action);

/// Each instance on its own, several at a time; ids and faults are told in the order of `names`. With NoWait::yes the
/// names are checked and this program is started again in the background.
struct Changed {
    std::vector<Instance> instances;  ///< those that went well
    int status = 0;                   ///< of the first fault
};
[[nodiscard]] Result<Changed> change_instances(Session& session, Services& services, const std::vector<std::string>& names,
                                               const Change& change);

/// The account's default key pair. Where it is still to be made, `dry_run` must find nothing wrong first (DryRunOperation is nothing
/// wrong): what is refused leaves no key.
[[nodiscard]] Result<std::string> default_key(Services& services, const std::function<Result<void>()>& dry_run);

/// Waits for all of them at once, telling each; returns the status of the first fault.
[[nodiscard]] int wait_for(Session& session, Services& services, const std::vector<Instance>& instances, const Wait& wait, TimePoint since);

}  // namespace amivirt::cli
