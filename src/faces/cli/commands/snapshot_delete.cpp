#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"

namespace amivirt::cli {

namespace {

class SnapshotDelete final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "SNAPSHOT", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const auto deleted = act_on_each<Snapshot, Snapshot>(
            session, names_, 1, [&](const std::string& name) { return services.snapshots.resolve(services.account, name); },
            [&](const Snapshot& snapshot) { return services.snapshots.remove(services.account, snapshot.id.str()); });
        if (deleted.done.empty()) {
            return deleted.status;
        }
        for (const Snapshot& snapshot : deleted.done) {
            tell_stay(session, "snapshot", snapshot.id.str(), snapshot.bin);
        }
        Answer answer;
        answer.ids = ids_of(deleted.done);
        answer.table = [&] { return snapshots_table(deleted.done, services.clock.now()); };
        answer.document = [&] { return deleted_document("SnapshotIds", answer.ids); };
        session.print(answer, Format::id);
        return deleted.status;
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& snapshot_delete_command() {
    static const Command command{{"snapshot delete"},
                                 "Delete snapshots; what others need of them stays",
                                 embedded::help_snapshot_delete,
                                 make_action<SnapshotDelete>};
    return command;
}

}  // namespace amivirt::cli
