#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_json.hpp"

namespace amivirt::cli {

namespace {

class Reap final : public Action {
public:
    void declare(OptionSet& /*options*/) override {}

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const Reaped reaped = AMIVIRT_TRY(services.leases.reap());
        int status = 0;
        for (const Error& error : reaped.left) {
            session.talk().error(error);
            status = status != 0 ? status : facts(error.code).exit_status;
        }
        std::vector<StateChange> changes;
        Answer answer;
        for (const Reaped::One& one : reaped.terminated) {
            changes.push_back({one.id, one.previous, InstanceState::terminated});
            answer.ids.push_back(one.id.str());
        }
        answer.document = [&] { return changes_document("TerminatingInstances", changes); };
        answer.table = [&] {
            TextTable table({"ID", "WAS", "IS"});
            for (const StateChange& change : changes) {
                table.add({change.id.str(), std::string(to_string(change.previous)), std::string(to_string(change.current))});
            }
            return table.str();
        };
        session.print(answer, Format::id);
        return status;
    }
};

}  // namespace

const Command& reap_command() {
    static const Command command{{"reap"}, "Terminate what is over its time", embedded::help_reap, make_action<Reap>};
    return command;
}

}  // namespace amivirt::cli
