#include <fmt/format.h>

#include "amivirt/domain/lease.hpp"
#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/instance_steps.hpp"

namespace amivirt::cli {

namespace {

class Terminate final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE", .help = "by id or name", .least = 0, .most = SIZE_MAX, .into = &names_});
        options.add("--session", "SESSION", "all that were launched in this session", [this](const std::string& text) {
            session_ = text;
            return check_session_name(text);
        });
        options.flag("--no-wait", "return at once", [this] { no_wait_ = NoWait::yes; });
    }

    Result<int> run(Session& session) override {
        if (names_.empty() == session_.empty()) {
            return usage_error(names_.empty() ? "\"amivirt terminate\" needs INSTANCE or --session SESSION"
                                              : "--session says which; INSTANCE says so, too",
                               "see \"amivirt terminate --help\"");
        }
        Services& services = *AMIVIRT_TRY(session.open());
        if (!session_.empty()) {
            InstanceQuery query;
            query.session = session_;
            const Seen seen = AMIVIRT_TRY(look(session, services, query));
            for (const InstanceView& view : seen.views) {
                names_.push_back(view.instance.id.str());
            }
            if (names_.empty()) {
                session.talk().note(fmt::format("nothing of session \"{}\" is there any more", session_));
                return seen.status;
            }
        }
        const Change change{
            .document_word = "TerminatingInstances",
            .transitional = InstanceState::shutting_down,
            .end = InstanceState::terminated,
            .no_wait = no_wait_,
            .check = [](const Instance& before) -> Result<void> {
                if (before.termination_protected) {
                    return Error(Code::operation_not_permitted,
                                 fmt::format("The instance \"{}\" is protected from termination", before.id.str()),
                                 fmt::format("amivirt instance modify {} --termination-protection off", before.id.str()));
                }
                return {};
            },
            .act = [](Services& all, const Instance& before) { return all.instances.terminate(all.account, before.id.str()); }};
        return AMIVIRT_TRY(change_instances(session, services, names_, change)).status;
    }

private:
    std::vector<std::string> names_;
    std::string session_;
    NoWait no_wait_ = NoWait::no;
};

}  // namespace

const Command& terminate_command() {
    static const Command command{{"terminate", "instance terminate"},
                                 "End instances; disks go, but those that shall stay",
                                 embedded::help_terminate,
                                 make_action<Terminate>};
    return command;
}

}  // namespace amivirt::cli
