#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_disks.hpp"
#include "faces/cli/text.hpp"

namespace amivirt::cli {

namespace {

class Gc final : public Action {
public:
    void declare(OptionSet& options) override {
        options.flag("--explain", "remove nothing; tell what keeps each layer", [this] { explain_ = true; });
        options.flag("--flatten", "first copy deep chains of volumes at rest together", [this] { flatten_ = true; });
    }

    Result<int> run(Session& session) override {
        if (explain_ && flatten_) {
            return usage_error("--explain changes nothing, and --flatten does", "leave one of them out");
        }
        Services& services = *AMIVIRT_TRY(session.open());
        if (explain_) {
            return explain(session, services);
        }
        int status = 0;
        Answer answer;
        AMIVIRT_TRY(services.images.expire_downloads());
        if (flatten_) {
            status = AMIVIRT_TRY(flatten(session, services, answer.ids));
        }
        const Result<std::size_t> collected = services.garbage.collect();
        if (!collected) {  // what was flattened is told all the same
            session.talk().error(collected.error());
            status = status != 0 ? status : facts(collected.error().code).exit_status;
            if (answer.ids.empty()) {
                return status;
            }
        }
        const std::size_t removed = collected.value_or(0);
        answer.document = [&] { return garbage_document(removed, answer.ids); };
        answer.table = [&] {
            TextTable table({"FLATTENED"});
            for (const std::string& id : answer.ids) {
                table.add({id});
            }
            return answer.ids.empty() ? std::string() : table.str();
        };
        session.print(answer, Format::id);
        session.talk().note(flatten_
                                ? fmt::format("{} flattened, {} removed", count_of(answer.ids.size(), "volume"), count_of(removed, "layer"))
                                : fmt::format("{} removed", count_of(removed, "layer")));
        return status;
    }

private:
    static Result<int> explain(Session& session, Services& services) {
        const std::vector<LayerReason> reasons = AMIVIRT_TRY(services.accounting.explain());
        Answer answer;
        answer.table = [&] { return reasons_table(reasons); };
        answer.document = [&] { return reasons_document(reasons); };
        for (const LayerReason& reason : reasons) {
            answer.ids.push_back(reason.layer.str());
        }
        session.print(answer);
        return 0;
    }

    /// The status of the first fault; a volume that cannot be flattened now does not keep the others from it.
    static Result<int> flatten(Session& session, Services& services, std::vector<std::string>& flattened) {
        int status = 0;
        for (const VolumeId& volume : AMIVIRT_TRY(services.snapshots.too_deep())) {
            const Result<bool> done = [&] {
                ProgressBar progress(session.talk(), session.around().ticks);
                return services.snapshots.flatten(volume, progress);
            }();
            if (!done) {
                session.talk().error(done.error());
                status = status != 0 ? status : facts(done.error().code).exit_status;
            } else if (*done) {
                flattened.push_back(volume.str());
            } else {
                session.talk().note(fmt::format("{} came into use meanwhile and was left as it was", volume.str()));
            }
        }
        return status;
    }

    bool explain_ = false;
    bool flatten_ = false;
};

}  // namespace

const Command& gc_command() {
    static const Command command{{"gc"}, "Remove what nothing needs any more", embedded::help_gc, make_action<Gc>};
    return command;
}

}  // namespace amivirt::cli
