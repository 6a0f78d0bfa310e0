#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"

namespace amivirt::cli {

namespace {

class SnapshotRestoreFromBin final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "BINNED-SNAPSHOT",
                       .help = "by id or name, of those in the recycle bin",
                       .least = 1,
                       .most = SIZE_MAX,
                       .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const auto restored = find_each<Snapshot>(
            session, distinct(names_), [&](const std::string& name) { return services.bin.restore_snapshot(services.account, name); });
        if (restored.done.empty()) {
            return restored.status;
        }
        Answer answer;
        answer.ids = ids_of(restored.done);
        answer.table = [&] { return snapshots_table(restored.done, services.clock.now()); };
        answer.document = [&] { return deleted_document("SnapshotIds", answer.ids); };
        session.print(answer, Format::id);
        return restored.status;
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& snapshot_restore_from_bin_command() {
    static const Command command{{"snapshot restore-from-bin"},
                                 "Have a deleted snapshot back",
                                 embedded::help_snapshot_restore_from_bin,
                                 make_action<SnapshotRestoreFromBin>};
    return command;
}

}  // namespace amivirt::cli
