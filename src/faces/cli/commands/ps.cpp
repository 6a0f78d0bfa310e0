#include "amivirt/domain/lease.hpp"
#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/instance_steps.hpp"
#include "faces/cli/render_table.hpp"

namespace amivirt::cli {

namespace {

class Ps final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words(
            {.name = "INSTANCE", .help = "only these, by id or name", .least = 0, .most = SIZE_MAX, .into = &query_.ids_or_names});
        options.flag("-a,--all", "terminated ones too (they stay visible for an hour)", [this] { query_.include_terminated = true; });
        options.add("--session", "SESSION", "only those launched in this session", [this](const std::string& text) {
            query_.session = text;
            return check_session_name(text);
        });
        options.parsed_each("--filter", "FILTER", "Name=NAME,Values=VALUE,...", query_.filters, parse_filter);
    }

    Result<int> run(Session& session) override {
        AMIVIRT_TRY(check_instance_filters(query_.filters));
        Services& services = *AMIVIRT_TRY(session.open());
        const Seen seen = AMIVIRT_TRY(look(session, services, query_));
        Answer answer;
        answer.table = [&] { return instances_table(seen.views, services.clock.now(), seen.observed); };
        answer.document = [&] { return reservations_document(seen.views, services.region, seen.observed); };
        for (const InstanceView& view : seen.views) {
            answer.ids.push_back(view.instance.id.str());
        }
        session.print(answer);
        return seen.status;
    }

private:
    InstanceQuery query_;
};

}  // namespace

const Command& ps_command() {
    static const Command command{{"ps", "instance list"}, "Your instances", embedded::help_ps, make_action<Ps>};
    return command;
}

}  // namespace amivirt::cli
