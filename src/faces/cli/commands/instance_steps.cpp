#include "faces/cli/commands/instance_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>

#include "amivirt/domain/instance_moves.hpp"
#include "amivirt/domain/login.hpp"
#include "faces/cli/side_by_side.hpp"
#include "faces/cli/wait_conditions.hpp"

namespace amivirt::cli {

namespace {

constexpr std::size_t k_parallel = 8;

/// What became of one name on the command line.
struct Outcome {
    std::optional<Instance> before;
    std::optional<Instance> after;
    std::optional<Error> error;
};

std::vector<Outcome> resolve_all(Services& services, const std::vector<std::string>& names, const Change& change) {
    std::vector<Outcome> outcomes;
    std::vector<InstanceId> seen;
    for (const std::string& name : names) {
        Outcome outcome;
        Result<Instance> found = services.instances.resolve(services.account, name);
        if (!found) {
            outcome.error = std::move(found.error());
        } else if (std::find(seen.begin(), seen.end(), found->id) != seen.end()) {
            continue;  // named twice, done once
        } else if (const Result<void> allowed = change.check ? change.check(*found) : Result<void>(); !allowed) {
            outcome.error = allowed.error();
        } else {
            seen.push_back(found->id);
            outcome.before = std::move(*found);
        }
        outcomes.push_back(std::move(outcome));
    }
    return outcomes;
}

std::vector<std::string> without_no_wait(const std::vector<std::string>& tokens) {
    std::vector<std::string> out;
    bool are_words = false;
    for (const std::string& token : tokens) {
        are_words = are_words || token == "--";
        if (are_words || token != "--no-wait") {
            out.push_back(token);
        }
    }
    return out;
}

}  // namespace

Result<Seen> look(Session& session, Services& services, const InstanceQuery& query) {
    InstanceListing listing = AMIVIRT_TRY(services.instances.describe(services.account, query));
    for (const std::string& sentence : listing.unreadable) {
        session.talk().warning(sentence);
    }
    Seen seen{.views = std::move(listing.views), .observed = Observed::yes, .status = 0};
    if (listing.hypervisor_error) {
        const Error& error = *listing.hypervisor_error;
        session.talk().warning(fmt::format("the states are as last known, libvirt could not be asked: {}", describe(error)));
        if (!error.hint.empty()) {
            session.talk().note("hint: " + error.hint);
        }
        seen.observed = Observed::no;
        seen.status = facts(error.code).exit_status;
    }
    return seen;
}

Result<void> not_in(const Instance& before, std::initializer_list<InstanceState> states, std::string_view action) {
    const bool is_in_one = std::find(states.begin(), states.end(), before.state) != states.end();
    return is_in_one ? Result<void>(wrong_state(before, action)) : Result<void>();
}

Result<Changed> change_instances(Session& session, Services& services, const std::vector<std::string>& names, const Change& change) {
    std::vector<Outcome> outcomes = resolve_all(services, names, change);
    const bool any = std::any_of(outcomes.begin(), outcomes.end(), [](const Outcome& outcome) { return outcome.before.has_value(); });
    if (change.no_wait == NoWait::yes) {
        if (any) {
            AMIVIRT_TRY(session.around().detach(without_no_wait(session.tokens())));
        }
        for (Outcome& outcome : outcomes) {
            if (outcome.before) {
                outcome.after = outcome.before;
                outcome.after->state = outcome.before->state == change.end ? change.end : change.transitional;
            }
        }
    } else {
        side_by_side(outcomes.size(), k_parallel, [&](std::size_t i) {
            Outcome& outcome = outcomes[i];
            if (outcome.before) {
                Result<Instance> after = change.act(services, *outcome.before);
                if (after) {
                    outcome.after = std::move(*after);
                } else {
                    outcome.error = std::move(after.error());
                }
            }
        });
    }

    Changed changed;
    std::vector<StateChange> changes;
    Answer answer;
    for (const Outcome& outcome : outcomes) {
        if (outcome.error) {
            session.talk().error(*outcome.error);
            changed.status = changed.status != 0 ? changed.status : facts(outcome.error->code).exit_status;
            continue;
        }
        changed.instances.push_back(*outcome.after);
        changes.push_back({outcome.after->id, outcome.before->state, outcome.after->state});
        answer.ids.push_back(outcome.after->id.str());
    }
    answer.document = [&] { return changes_document(change.document_word, changes); };
    answer.table = [&] {
        TextTable table({"ID", "NAME", "WAS", "IS"});
        for (std::size_t i = 0; i < changes.size(); ++i) {
            table.add({changes[i].id.str(), name_tag(changed.instances[i].tags), std::string(to_string(changes[i].previous)),
                       std::string(to_string(changes[i].current))});
        }
        return table.str();
    };
    session.print(answer, Format::id);
    return changed;
}

Result<std::string> default_key(Services& services, const std::function<Result<void>()>& dry_run) {
    if (!services.key_pairs.resolve(services.account, std::string(k_default_key_name))) {
        if (Result<void> tried = dry_run(); !tried && tried.error().code != Code::dry_run_operation) {
            return std::move(tried.error());
        }
    }
    return AMIVIRT_TRY(services.key_pairs.default_pair(services.account)).name;
}

int wait_for(Session& session, Services& services, const std::vector<Instance>& instances, const Wait& wait, TimePoint since) {
    if (instances.empty()) {
        return 0;
    }
    const WaitCondition& condition = condition_of(wait.what);
    Talk& talk = session.talk();
    std::atomic<std::size_t> ready = 0;
    std::vector<std::optional<Error>> errors(instances.size());
    const auto show = [&] { talk.status(fmt::format("waiting for {}: {} of {} ready", condition.shown, ready.load(), instances.size())); };
    show();
    // As many threads as instances: each only waits, and none must wait behind another's time-out.
    side_by_side(instances.size(), instances.size(), [&](std::size_t i) {
        // A launch with a client token may be another process's, and under way.
        const Ran ran = instances[i].state == InstanceState::pending ? Ran::perhaps : Ran::yes;
        Result<void> waited = condition.wait(services, instances[i].id, ran, wait.timeout);
        if (!waited) {
            errors[i] = std::move(waited.error());
            return;
        }
        ++ready;
        const double seconds = std::chrono::duration<double>(services.clock.now() - since).count();
        const std::string line = fmt::format("{} ready in {:.1f} s", instances[i].id.str(), seconds);
        if (talk.draws()) {
            talk.note(line);
        } else {
            talk.detail(line);
        }
        show();
    });
    talk.status({});
    int status = 0;
    for (const std::optional<Error>& error : errors) {
        if (error) {
            talk.error(*error);
            status = status != 0 ? status : facts(error->code).exit_status;
        }
    }
    return status;
}

}  // namespace amivirt::cli
