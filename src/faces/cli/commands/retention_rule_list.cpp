#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_governance.hpp"

namespace amivirt::cli {

namespace {

class RetentionRuleList final : public Action {
public:
    void declare(OptionSet& /*options*/) override {}

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const std::vector<RetentionRule> rules = AMIVIRT_TRY(services.bin.rules());
        Answer answer;
        answer.table = [&] { return rules_table(rules); };
        answer.document = [&] { return rules_document(rules); };
        answer.ids = ids_of(rules);
        session.print(answer);
        return 0;
    }
};

}  // namespace

const Command& retention_rule_list_command() {
    static const Command command{{"retention-rule list"},
                                 "What the recycle bin keeps, and how long",
                                 embedded::help_retention_rule_list,
                                 make_action<RetentionRuleList>};
    return command;
}

}  // namespace amivirt::cli
