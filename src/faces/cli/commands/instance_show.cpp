#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/instance_steps.hpp"
#include "faces/cli/render_table.hpp"

namespace amivirt::cli {

namespace {

class InstanceShow final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        InstanceQuery query;
        query.include_terminated = true;
        int status = 0;
        for (const std::string& name : names_) {
            const Result<Instance> instance = services.instances.resolve(services.account, name);
            if (instance) {
                query.ids_or_names.push_back(instance->id.str());
                continue;
            }
            session.talk().error(instance.error());
            status = status != 0 ? status : facts(instance.error().code).exit_status;
        }
        if (query.ids_or_names.empty()) {
            return status;
        }
        const Seen seen = AMIVIRT_TRY(look(session, services, query));
        Answer answer;
        answer.ids = query.ids_or_names;
        answer.document = [&] { return reservations_document(seen.views, services.region, seen.observed); };
        answer.table = [&] {
            std::string out;
            for (const InstanceView& view : seen.views) {
                out += (out.empty() ? "" : "\n") + instance_fields(view, services.files.paths(view.instance.id).console, seen.observed);
            }
            return out;
        };
        session.print(answer);
        return status != 0 ? status : seen.status;
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& instance_show_command() {
    static const Command command{
        {"instance show"}, "All that is known of an instance", embedded::help_instance_show, make_action<InstanceShow>};
    return command;
}

}  // namespace amivirt::cli
