#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"
#include "faces/cli/render_governance.hpp"

namespace amivirt::cli {

namespace {

class RetentionRuleDelete final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "RULE", .help = "by id", .least = 1, .most = SIZE_MAX, .into = &ids_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const auto deleted =
            find_each<RetentionRule>(session, distinct(ids_), [&](const std::string& id) { return services.bin.delete_rule(id); });
        if (deleted.done.empty()) {
            return deleted.status;
        }
        Answer answer;
        answer.ids = ids_of(deleted.done);
        answer.table = [&] { return rules_table(deleted.done); };
        answer.document = [&] { return deleted_document("Identifiers", answer.ids); };
        session.print(answer, Format::id);
        return deleted.status;
    }

private:
    std::vector<std::string> ids_;
};

}  // namespace

const Command& retention_rule_delete_command() {
    static const Command command{{"retention-rule delete"},
                                 "What is deleted from now on is gone at once",
                                 embedded::help_retention_rule_delete,
                                 make_action<RetentionRuleDelete>};
    return command;
}

}  // namespace amivirt::cli
