#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_governance.hpp"

namespace amivirt::cli {

namespace {

class RegionShow final : public Action {
public:
    void declare(OptionSet& /*options*/) override {}

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const RegionPolicy policy = AMIVIRT_TRY(services.settings.policy());
        Answer answer;
        answer.table = [&] { return policy_fields(policy, services.region); };
        answer.document = [&] { return policy_document(policy, services.region); };
        answer.ids = {services.region};
        session.print(answer);
        return 0;
    }
};

}  // namespace

const Command& region_show_command() {
    static const Command command{{"region show"}, "What the region allows its images", embedded::help_region_show, make_action<RegionShow>};
    return command;
}

}  // namespace amivirt::cli
