#include "faces/cli/commands/commands.hpp"
#include "faces/cli/policy_values.hpp"
#include "faces/cli/render_governance.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class RetentionRuleCreate final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "image|snapshot", .help = "what is to be kept", .least = 1, .most = 1, .into = &words_});
        options
            .parsed("--days", "DAYS", "how long, 1 to 365", rule_.days,
                    [](std::string_view text) { return parse_count(text, 0, UINT32_MAX); })
            .required();
        options.parsed_each("--tag", "KEY[=VALUE]", "only what has one of these tags", rule_.tags, parse_rule_tag);
        options.text("--description", "TEXT", "at most 255 characters", rule_.description, MayBeEmpty::yes);
    }

    Result<int> run(Session& session) override {
        rule_.kind = AMIVIRT_TRY(parse_rule_kind(words_.front()));
        AMIVIRT_TRY(check_retention_rule(rule_));
        Services& services = *AMIVIRT_TRY(session.open());
        const RetentionRule made = AMIVIRT_TRY(services.bin.create_rule(rule_));
        Answer answer;
        answer.table = [&] { return rules_table({made}); };
        answer.document = [&] { return rule_document(made); };
        answer.ids = {made.id.str()};
        session.print(answer, Format::id);
        return 0;
    }

private:
    std::vector<std::string> words_;
    RetentionRule rule_;
};

}  // namespace

const Command& retention_rule_create_command() {
    static const Command command{{"retention-rule create"},
                                 "Keep what is deleted in the recycle bin",
                                 embedded::help_retention_rule_create,
                                 make_action<RetentionRuleCreate>};
    return command;
}

}  // namespace amivirt::cli
