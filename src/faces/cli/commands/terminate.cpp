#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/instance_steps.hpp"

namespace amivirt::cli {

namespace {

class Terminate final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
        options.flag("--no-wait", "return at once", [this] { no_wait_ = NoWait::yes; });
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const Change change{
            .document_word = "TerminatingInstances",
            .transitional = InstanceState::shutting_down,
            .no_wait = no_wait_,
            .check = [](const Instance& before) -> Result<void> {
                if (before.termination_protected) {
                    return Error(Code::operation_not_permitted,
                                 fmt::format("The instance \"{}\" is protected from termination", before.id.str()));
                }
                return {};
            },
            .act = [](Services& all, const Instance& before) { return all.instances.terminate(all.account, before.id.str()); }};
        return AMIVIRT_TRY(change_instances(session, services, names_, change)).status;
    }

private:
    std::vector<std::string> names_;
    NoWait no_wait_ = NoWait::no;
};

}  // namespace

const Command& terminate_command() {
    static const Command command{
        {"terminate", "instance terminate"}, "Delete instances and their disks", embedded::help_terminate, make_action<Terminate>};
    return command;
}

}  // namespace amivirt::cli
