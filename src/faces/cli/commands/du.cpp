#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_disks.hpp"

namespace amivirt::cli {

namespace {

class Du final : public Action {
public:
    void declare(OptionSet& /*options*/) override {}

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const UsageReport report = AMIVIRT_TRY(services.accounting.usage(services.account));
        for (const std::string& sentence : report.unreadable) {
            session.talk().warning(sentence);
        }
        Answer answer;
        answer.table = [&] { return usage_table(report); };
        answer.document = [&] { return usage_document(report); };
        for (const Usage& usage : report.rows) {
            answer.ids.push_back(usage.id);
        }
        session.print(answer);
        return 0;
    }
};

}  // namespace

const Command& du_command() {
    static const Command command{{"du"}, "Whose bytes are on the disk", embedded::help_du, make_action<Du>};
    return command;
}

}  // namespace amivirt::cli
