#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/instance_steps.hpp"

namespace amivirt::cli {

namespace {

class Reboot final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
        options.flag("--force", "reset at once, without asking the guest", [this] { force_ = Force::yes; });
        options.flag("--no-wait", "return at once", [this] { no_wait_ = NoWait::yes; });
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const Change change{
            .document_word = "RebootingInstances",
            .transitional = InstanceState::running,
            .end = InstanceState::running,
            .no_wait = no_wait_,
            .check =
                [](const Instance& before) {
                    return not_in(
                        before, {InstanceState::stopping, InstanceState::stopped, InstanceState::shutting_down, InstanceState::terminated},
                        "rebooted");
                },
            .act = [this](Services& all, const Instance& before) { return all.instances.reboot(all.account, before.id.str(), force_); }};
        return AMIVIRT_TRY(change_instances(session, services, names_, change)).status;
    }

private:
    std::vector<std::string> names_;
    Force force_ = Force::no;
    NoWait no_wait_ = NoWait::no;
};

}  // namespace

const Command& reboot_command() {
    static const Command command{{"reboot", "instance reboot"}, "Restart running instances", embedded::help_reboot, make_action<Reboot>};
    return command;
}

}  // namespace amivirt::cli
