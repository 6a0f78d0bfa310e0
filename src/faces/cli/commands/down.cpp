#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_labs.hpp"

namespace amivirt::cli {

namespace {

class Down final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "LAB", .help = "the lab's file", .least = 0, .most = 1, .into = &files_});
        options.text("--name", "NAME", "the lab's name instead, if its file is gone", name_);
        options.flag("--keep-volumes", "the lab's volumes stay, for the next \"up\"", [this] { keep_ = KeepVolumes::yes; });
    }

    Result<int> run(Session& session) override {
        if (files_.empty() == name_.empty()) {
            return usage_error("\"amivirt down\" needs either a lab's file or --name");
        }
        Services& services = *AMIVIRT_TRY(session.open());
        std::optional<Lab> lab;
        if (!files_.empty()) {
            lab = AMIVIRT_TRY(services.lab_reader.read(files_.front()));
        }
        const LabReport report = AMIVIRT_TRY(down(session, services, lab));
        Answer answer;
        answer.table = [&] { return plan_table(report.plan); };
        answer.document = [&] { return lab_document(report, services.region); };
        for (const LabStep& step : report.plan.steps) {
            if (step.action == LabAction::remove && step.kind != "disk") {
                answer.ids.push_back(step.resource);
            }
        }
        session.print(answer);
        return 0;
    }

private:
    Result<LabReport> down(Session& session, Services& services, const std::optional<Lab>& lab) {
        ProgressBar progress(session.talk(), session.around().ticks);
        LabOptions options;
        options.on_plan = [&](const LabPlan& plan) {
            if (!plan.changes()) {
                session.talk().note(fmt::format("nothing to do: there is nothing of lab {}{}", plan.lab,
                                                plan.steps.empty() ? "" : " but volumes that are kept"));
            }
        };
        return services.labs.down(services.account, lab ? lab->name : name_, lab ? &*lab : nullptr, keep_, options, progress);
    }

    std::vector<std::string> files_;
    std::string name_;
    KeepVolumes keep_ = KeepVolumes::no;
};

}  // namespace

const Command& down_command() {
    static const Command command{{"down"}, "Remove what a lab's \"up\" made", embedded::help_down, make_action<Down>};
    return command;
}

}  // namespace amivirt::cli
