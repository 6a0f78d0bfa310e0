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
        return show_each<Snapshot>(
            session, names_, [&](const std::string& name) { return services.snapshots.resolve(services.account, name); }, snapshot_fields,
            snapshots_document);
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
