#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"

namespace amivirt::cli {

namespace {

class SnapshotList final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words(
            {.name = "SNAPSHOT", .help = "only these, by id or name", .least = 0, .most = SIZE_MAX, .into = &query_.ids_or_names});
        options.parsed_each("--filter", "FILTER", "Name=NAME,Values=VALUE,...", query_.filters, parse_filter);
    }

    Result<int> run(Session& session) override {
        AMIVIRT_TRY(check_snapshot_filters(query_.filters));
        Services& services = *AMIVIRT_TRY(session.open());
        const Listing<Snapshot> listing = AMIVIRT_TRY(services.snapshots.describe(services.account, query_));
        for (const std::string& sentence : listing.unreadable) {
            session.talk().warning(sentence);
        }
        Answer answer;
        answer.table = [&] { return snapshots_table(listing.records, services.clock.now()); };
        answer.document = [&] { return snapshots_document(listing.records); };
        answer.ids = ids_of(listing.records);
        session.print(answer);
        return 0;
    }

private:
    SnapshotQuery query_;
};

}  // namespace

const Command& snapshot_list_command() {
    static const Command command{{"snapshot list"}, "Your snapshots", embedded::help_snapshot_list, make_action<SnapshotList>};
    return command;
}

}  // namespace amivirt::cli
