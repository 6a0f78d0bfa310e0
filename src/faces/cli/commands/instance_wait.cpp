#include <fmt/format.h>

#include <atomic>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/instance_steps.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_table.hpp"
#include "faces/cli/wait_conditions.hpp"

namespace amivirt::cli {

namespace {

class InstanceWait final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
        options.parsed("--for", "WHAT", "running, ssh, cloud-init, stopped or terminated", what_, parse_wait_for).required();
        options.parsed("--timeout", "TIME", "as in 90s or 5m; ten minutes if not said", timeout_, parse_duration);
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const WaitCondition& condition = condition_of(what_);
        Talk& talk = session.talk();
        std::atomic<std::size_t> ready = 0;
        const auto show = [&] { talk.status(fmt::format("waiting for {}: {} of {} ready", condition.shown, ready.load(), names_.size())); };
        show();
        const Several<Instance> waited = act_on_each<Instance, Instance>(
            session, names_, names_.size(), [&](const std::string& name) { return services.instances.resolve(services.account, name); },
            [&](const Instance& instance) -> Result<Instance> {
                AMIVIRT_TRY(condition.wait(services, instance.id, Ran::perhaps, timeout_));
                ++ready;
                show();
                return instance;
            });
        talk.status({});
        if (!waited.done.empty()) {
            AMIVIRT_TRY(print(session, services, ids_of(waited.done)));
        }
        return waited.status;
    }

private:
    static Result<void> print(Session& session, Services& services, std::vector<std::string> ids) {
        Answer answer;
        answer.ids = ids;
        Seen seen;
        if (session.format(Format::id) != Format::id) {
            InstanceQuery query;
            query.ids_or_names = std::move(ids);
            query.include_terminated = true;
            seen = AMIVIRT_TRY(look(session, services, query));
        }
        answer.table = [&] { return instances_table(seen.views, services.clock.now(), seen.observed); };
        answer.document = [&] { return reservations_document(seen.views, services.region, seen.observed); };
        session.print(answer, Format::id);
        return {};
    }

    std::vector<std::string> names_;
    WaitFor what_ = WaitFor::running;
    Duration timeout_ = k_default_wait;
};

}  // namespace

const Command& instance_wait_command() {
    static const Command command{
        {"instance wait"}, "Wait until instances are what you need them to be", embedded::help_instance_wait, make_action<InstanceWait>};
    return command;
}

}  // namespace amivirt::cli
