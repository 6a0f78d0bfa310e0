#include <fmt/format.h>

#include "amivirt/services/reset.hpp"
#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_reset.hpp"
#include "faces/cli/text.hpp"

namespace amivirt::cli {

namespace {

class ResetStore final : public Action {
public:
    void declare(OptionSet& options) override {
        options.flag("--yes", "yes, delete everything", [this] { sure_ = true; });
        options.flag("--keep-images", "but images, their snapshots and the region's settings", [this] { keep_ = KeepImages::yes; });
    }

    Result<int> run(Session& session) override {
        if (!sure_) {
            return usage_error("this terminates every instance and deletes everything, whatever protects it",
                               "\"amivirt reset --yes\" does so");
        }
        Services& services = *AMIVIRT_TRY(session.open());
        const ResetReport report = AMIVIRT_TRY(services.reset.run(keep_));
        Answer answer;
        for (const InstanceId& id : report.terminated) {
            answer.ids.push_back(id.str());
        }
        answer.document = [&] { return reset_document(report); };
        answer.table = [] { return std::string(); };
        session.print(answer, Format::table);
        session.talk().note(fmt::format("{} terminated; {}, {}, {} and {} deleted", count_of(report.terminated.size(), "instance"),
                                        count_of(report.images, "image"), count_of(report.snapshots, "snapshot"),
                                        count_of(report.volumes, "volume"), count_of(report.key_pairs, "key pair")));
        return 0;
    }

private:
    bool sure_ = false;
    KeepImages keep_ = KeepImages::no;
};

}  // namespace

const Command& reset_command() {
    static const Command command{{"reset"}, "Terminate and delete everything", embedded::help_reset, make_action<ResetStore>};
    return command;
}

}  // namespace amivirt::cli
