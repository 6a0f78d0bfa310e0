#include "faces/cli/commands/commands.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_disks.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class SnapshotCopy final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "SNAPSHOT", .help = "by id; of the current region by name as well", .least = 1, .most = 1, .into = &names_});
        options.parsed("--to", "REGION", "where the copy is to be; the current region if not said", to_, parse_region);
        options.parsed("--from", "REGION", "where the snapshot is; the current region if not said", request_.from_region, parse_region);
        options.text("--description", "TEXT", "at most 255 characters; where it came from if not said", request_.description,
                     MayBeEmpty::yes);
        options.flag("--encrypted", "encrypt the copy, if the snapshot is not", [this] { request_.encrypted = true; });
        options.text("--name", "NAME", "the Name tag", name_);
        options.parsed_each("--tag", "KEY=VALUE", "a tag", tags_, parse_tag);
    }

    Result<int> run(Session& session) override {
        AMIVIRT_TRY(check_description(request_.description));
        request_.tags = AMIVIRT_TRY(tags_of(tags_, name_));
        Services& services = *AMIVIRT_TRY(session.open());
        const Snapshot made = AMIVIRT_TRY(copy(session, services));
        Answer answer;
        answer.table = [&] { return snapshots_table({made}, services.clock.now()); };
        answer.document = [&] { return snapshot_document(made); };
        answer.ids = {made.id.str()};
        session.print(answer, Format::id);
        return 0;
    }

private:
    Result<Snapshot> copy(Session& session, Services& services) {
        ProgressBar progress(session.talk(), session.around().ticks);
        request_.snapshot = names_.front();
        if (request_.from_region.empty() || request_.from_region == services.region) {
            request_.from_region = services.region;
            // One that is shared with the caller has no name here.
            if (!SnapshotId::looks_like(request_.snapshot)) {
                request_.snapshot = AMIVIRT_TRY(services.snapshots.resolve(services.account, request_.snapshot)).id.str();
            }
        }
        // Asked of where it is to be, as in EC2.
        if (to_.empty() || to_ == services.region) {
            return services.carrying.copy_snapshot(services.account, request_, progress);
        }
        const Region destination = AMIVIRT_TRY(services.regions.open(to_));
        return destination.carrying.copy_snapshot(services.account, request_, progress);
    }

    std::vector<std::string> names_;
    std::vector<std::pair<std::string, std::string>> tags_;
    std::string to_;
    std::string name_;
    CopySnapshotRequest request_;
};

}  // namespace

const Command& snapshot_copy_command() {
    static const Command command{{"snapshot copy"},
                                 "Copy a snapshot to another region, or within one, and print the new id",
                                 embedded::help_snapshot_copy,
                                 make_action<SnapshotCopy>};
    return command;
}

}  // namespace amivirt::cli
