#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"

namespace amivirt::cli {

namespace {

class SnapshotShow final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "SNAPSHOT", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const auto found = find_each<Snapshot>(session, names_,
                                               [&](const std::string& name) { return services.snapshots.resolve(services.account, name); });
        if (found.done.empty()) {
            return found.status;
        }
        Answer answer;
        answer.table = [&] { return fields_of(found.done, snapshot_fields); };
        answer.document = [&] { return snapshots_document(found.done); };
        answer.ids = ids_of(found.done);
        session.print(answer);
        return found.status;
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& snapshot_show_command() {
    static const Command command{
        {"snapshot show"}, "All that is known of a snapshot", embedded::help_snapshot_show, make_action<SnapshotShow>};
    return command;
}

}  // namespace amivirt::cli
