#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_labs.hpp"

namespace amivirt::cli {

namespace {

class Status final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "LAB", .help = "the lab's file", .least = 1, .most = 1, .into = &files_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const Lab lab = AMIVIRT_TRY(services.lab_reader.read(files_.front()));
        const LabReport report = AMIVIRT_TRY(services.labs.examine(services.account, lab));
        for (const std::string& fault : report.plan.faults) {
            session.talk().warning(fault);
        }
        if (report.hypervisor_error) {
            session.talk().warning(
                fmt::format("the states are as last known, libvirt could not be asked: {}", describe(*report.hypervisor_error)));
        }
        Answer answer;
        answer.table = [&] { return lab_table(report, ToDo::shown); };
        answer.document = [&] { return lab_document(report, services.region); };
        answer.ids = lab_ids(report);
        session.print(answer);
        if (report.hypervisor_error) {
            return facts(report.hypervisor_error->code).exit_status;
        }
        if (!report.plan.faults.empty()) {
            return static_cast<int>(ExitStatus::usage);
        }
        return report.plan.changes() ? k_differs : 0;
    }

private:
    std::vector<std::string> files_;
};

}  // namespace

const Command& status_command() {
    static const Command command{{"status"}, "Compare a lab with its file", embedded::help_status, make_action<Status>};
    return command;
}

}  // namespace amivirt::cli
