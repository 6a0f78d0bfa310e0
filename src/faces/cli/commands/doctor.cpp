#include <algorithm>
#include <array>

#include "amivirt/services/doctor.hpp"
#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_json.hpp"
#include "faces/cli/render_table.hpp"

namespace amivirt::cli {

namespace {

/// Faults of these are not the hypervisor's or a tool's.
bool is_of_this_machine(const Finding& finding) {
    constexpr std::array<std::string_view, 11> k_subjects{"catalog", "configuration", "disk",       "free space", "home", "instances",
                                                          "memory",  "operations",    "processors", "space",      "store"};
    return std::any_of(k_subjects.begin(), k_subjects.end(),
                       [&finding](std::string_view subject) { return std::string_view(finding.subject).starts_with(subject); });
}

class Doctor final : public Action {
public:
    void declare(OptionSet& /*options*/) override {}

    Result<int> run(Session& session) override {
        const std::vector<Finding> findings = session.examine();
        const bool is_coloured = session.around().out_is_terminal && !session.around().environment("NO_COLOR");
        Answer answer;
        answer.table = [&] { return findings_text(findings, is_coloured ? Colour::yes : Colour::no); };
        answer.document = [&] { return findings_document(findings); };
        for (const Finding& finding : findings) {
            if (finding.health == Health::fault) {
                answer.ids.push_back(finding.subject);
            }
        }
        session.print(answer);
        if (healthy(findings)) {
            return 0;
        }
        const bool is_tool = std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
            return finding.health == Health::fault && !is_of_this_machine(finding);
        });
        return static_cast<int>(is_tool ? ExitStatus::hypervisor : ExitStatus::failed);
    }
};

}  // namespace

const Command& doctor_command() {
    static const Command command{
        {"doctor"}, "What this host can do, what is missing, and the command that mends it", embedded::help_doctor, make_action<Doctor>};
    return command;
}

}  // namespace amivirt::cli
