#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/instance_steps.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_labs.hpp"
#include "faces/cli/user_data.hpp"

namespace amivirt::cli {

namespace {

class Up final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "LAB", .help = "the lab's file", .least = 1, .most = 1, .into = &files_});
        options.flag("--plan", "only say what would be done", [this] { plan_only_ = true; });
        options.parsed("--wait", "WHAT", "what each machine is waited for: running (the default), ssh or cloud-init", lab_.until,
                       parse_readiness);
        options.parsed("--timeout", "TIME", "how long a machine may take to be ready: 10m if not said", lab_.patience, parse_duration);
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(plan_only_ ? session.open() : session.open_to_launch());
        const Lab lab = AMIVIRT_TRY(services.lab_reader.read(files_.front()));
        lab_.accelerator = session.global().accelerator;
        lab_.session = session.around().environment("AMIVIRT_SESSION").value_or("");
        const LabReport report = AMIVIRT_TRY(plan_only_ ? plan(session, services, lab) : up(session, services, lab));
        Answer answer;
        answer.table = [&] { return plan_only_ ? plan_table(report.plan) : lab_table(report, ToDo::done); };
        answer.document = [&] { return lab_document(report, services.region); };
        answer.ids = lab_ids(report);
        session.print(answer);
        return plan_only_ && report.plan.changes() ? k_differs : 0;
    }

private:
    static void tell(Session& session, const LabPlan& plan) {
        if (!plan.changes()) {
            session.talk().note(fmt::format("nothing to do: lab {} is as its file says", plan.lab));
        }
    }

    /// About the user data of machines that are to be made.
    static void doubt(Session& session, const Lab& lab, const LabPlan& plan) {
        std::set<std::size_t> told;
        for (const LabMachine& machine : machines_of(lab)) {
            const LabInstance& section = lab.instances[machine.section];
            const bool is_made = std::any_of(plan.steps.begin(), plan.steps.end(), [&](const LabStep& step) {
                return step.kind == "instance" && step.name == machine.name &&
                       (step.action == LabAction::create || step.action == LabAction::replace);
            });
            if (!is_made || !told.insert(machine.section).second) {
                continue;
            }
            if (const std::string warning = user_data_warning(section.user_data); !warning.empty()) {
                session.talk().warning(fmt::format("{}:{}: instances.{}: {}", lab.file, section.line, section.name, warning));
            }
        }
    }

    Result<LabReport> plan(Session& session, Services& services, const Lab& lab) const {
        LabReport report = AMIVIRT_TRY(services.labs.plan(services.account, lab, lab_));
        if (report.hypervisor_error) {
            session.talk().warning(
                fmt::format("the states are as last known, libvirt could not be asked: {}", describe(*report.hypervisor_error)));
        }
        tell(session, report.plan);
        doubt(session, lab, report.plan);
        return report;
    }

    Result<LabReport> up(Session& session, Services& services, const Lab& lab) {
        ProgressBar progress(session.talk(), session.around().ticks);
        lab_.on_plan = [&](const LabPlan& plan) {
            tell(session, plan);
            doubt(session, lab, plan);
            for (const std::string& line : plan_lines(plan)) {
                session.talk().note("will " + line);
            }
        };
        if (std::any_of(lab.instances.begin(), lab.instances.end(), [](const LabInstance& instance) { return instance.key.empty(); })) {
            lab_.default_key = AMIVIRT_TRY(default_key(services, [&]() -> Result<void> {
                (void)AMIVIRT_TRY(services.labs.plan(services.account, lab, lab_));
                return {};
            }));
        }
        return services.labs.up(services.account, lab, lab_, progress);
    }

    std::vector<std::string> files_;
    bool plan_only_ = false;
    LabOptions lab_;
};

}  // namespace

const Command& up_command() {
    static const Command command{{"up"}, "Bring a lab to what its file says", embedded::help_up, make_action<Up>};
    return command;
}

}  // namespace amivirt::cli
