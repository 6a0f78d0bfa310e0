// What several instance commands share.
#pragma once

#include <functional>
#include <string>
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
    InstanceState transitional;  ///< what --no-wait answers
    NoWait no_wait = NoWait::no;
    /// What can be refused before anything begins.
    std::function<Result<void>(const Instance& before)> check;
    std::function<Result<Instance>(Services& services, const Instance& before)> act;
};

/// Each instance on its own, several at a time; ids and faults are told in the order of `names`. With NoWait::yes the
/// names are checked and this program is started again in the background.
struct Changed {
    std::vector<Instance> instances;  ///< those that went well
    int status = 0;                   ///< of the first fault
};
[[nodiscard]] Result<Changed> change_instances(Session& session, Services& services, const std::vector<std::string>& names,
                                               const Change& change);

/// Waits for all of them at once, telling each; returns the status of the first fault.
[[nodiscard]] int wait_for(Session& session, Services& services, const std::vector<Instance>& instances, const Wait& wait, TimePoint since);

}  // namespace amivirt::cli
