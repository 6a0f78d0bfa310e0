#include <fmt/format.h>

#include <algorithm>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_disks.hpp"

namespace amivirt::cli {

namespace {

class Fsck final : public Action {
public:
    void declare(OptionSet& options) override {
        options.flag("--deep", "read every sealed layer whole and compare its checksum", [this] { deep_ = Deep::yes; });
        options.flag("--repair", "mend what has a repair", [this] { repair_ = Repair::yes; });
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const CheckReport report = AMIVIRT_TRY(check(session, services));
        Answer answer;
        answer.table = [&] { return check_text(report); };
        answer.document = [&] { return check_document(report); };
        for (const Fault& fault : report.faults) {
            answer.ids.push_back(fault.object);
        }
        session.print(answer);
        session.talk().note(check_summary(report));
        const bool mendable = std::any_of(report.faults.begin(), report.faults.end(),
                                          [](const Fault& fault) { return !fault.repaired && !fault.repair.empty(); });
        if (mendable && repair_ == Repair::no) {
            session.talk().note("hint: \"amivirt fsck --repair\" does what stands after the arrows");
        }
        return sound(report) ? static_cast<int>(ExitStatus::done) : static_cast<int>(ExitStatus::failed);
    }

private:
    Result<CheckReport> check(Session& session, Services& services) const {
        ProgressBar progress(session.talk(), session.around().ticks);
        return services.checker.check(deep_, repair_, progress);
    }

    Deep deep_ = Deep::no;
    Repair repair_ = Repair::no;
};

}  // namespace

const Command& fsck_command() {
    static const Command command{{"fsck"}, "Compare records, disks and libvirt", embedded::help_fsck, make_action<Fsck>};
    return command;
}

}  // namespace amivirt::cli
