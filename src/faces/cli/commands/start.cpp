#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/instance_steps.hpp"
#include "faces/cli/progress_bar.hpp"

namespace amivirt::cli {

namespace {

class Start final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
        options.parsed("--wait", "WHAT", "running (the default), ssh or cloud-init, also with =TIMEOUT", wait_, parse_wait);
        options.flag("--no-wait", "return at once", [this] { no_wait_ = NoWait::yes; });
    }

    Result<int> run(Session& session) override {
        if (wait_ && no_wait_ == NoWait::yes) {
            return usage_error("--wait and --no-wait exclude one another");
        }
        Services& services = *AMIVIRT_TRY(session.open_to_launch());
        const TimePoint begun = services.clock.now();
        ProgressBar progress(session.talk(), session.around().ticks);
        const Changed changed = AMIVIRT_TRY(
            change_instances(session, services, names_,
                             {.document_word = "StartingInstances",
                              .transitional = InstanceState::pending,
                              .end = InstanceState::running,
                              .no_wait = no_wait_,
                              .check =
                                  [](const Instance& before) {
                                      return not_in(before, {InstanceState::shutting_down, InstanceState::terminated}, "started");
                                  },
                              .act =
                                  [&](Services& all, const Instance& before) {
                                      return all.instances.start(all.account, before.id.str(), session.global().accelerator, progress);
                                  }}));
        const int waited = wait_ ? wait_for(session, services, changed.instances, *wait_, begun) : 0;
        return changed.status != 0 ? changed.status : waited;
    }

private:
    std::vector<std::string> names_;
    std::optional<Wait> wait_;
    NoWait no_wait_ = NoWait::no;
};

}  // namespace

const Command& start_command() {
    static const Command command{{"start", "instance start"}, "Boot stopped instances", embedded::help_start, make_action<Start>};
    return command;
}

}  // namespace amivirt::cli
