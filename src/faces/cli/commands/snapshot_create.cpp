#include <map>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class SnapshotCreate final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "VOLUME", .help = "by id or name", .least = 0, .most = SIZE_MAX, .into = &names_});
        options.text("--instance", "INSTANCE", "all volumes of this instance, at one point in time", instance_);
        options.text("--description", "TEXT", "at most 255 characters", request_.description, MayBeEmpty::yes);
        options.parsed("--quiesce", "HOW", "freeze the guest's file systems: auto (where its agent answers, the default), yes or no",
                       request_.quiesce, parse_quiesce);
        options.text("--name", "NAME", "the Name tag", name_);
        options.parsed_each("--tag", "KEY=VALUE", "a tag", tags_, parse_tag);
    }

    Result<int> run(Session& session) override {
        if (names_.empty() == instance_.empty()) {
            return usage_error(names_.empty() ? "a snapshot needs a VOLUME or --instance" : "VOLUME and --instance exclude one another",
                               "as in \"amivirt snapshot create data\"");
        }
        AMIVIRT_TRY(check_description(request_.description));
        request_.tags = AMIVIRT_TRY(tags_of(tags_, name_));
        Services& services = *AMIVIRT_TRY(session.open());
        int status = 0;
        std::vector<Snapshot> taken;
        for (const std::vector<VolumeId>& volumes : AMIVIRT_TRY(groups(session, services, status))) {
            request_.volumes = volumes;
            Result<std::vector<Snapshot>> some = services.snapshots.create(services.account, request_);
            if (some) {
                taken.insert(taken.end(), some->begin(), some->end());
                continue;
            }
            session.talk().error(some.error());
            status = status != 0 ? status : facts(some.error().code).exit_status;
        }
        if (taken.empty()) {
            return status;
        }
        Answer answer;
        answer.table = [&] { return snapshots_table(taken, services.clock.now()); };
        answer.document = [&] { return names_.size() == 1 ? snapshot_document(taken.front()) : snapshots_document(taken); };
        answer.ids = ids_of(taken);
        session.print(answer, Format::id);
        return status;
    }

private:
    /// What is taken at one point in time: the volumes of one instance together, each of the others by itself.
    Result<std::vector<std::vector<VolumeId>>> groups(Session& session, Services& services, int& status) const {
        std::vector<std::vector<VolumeId>> groups;
        if (!instance_.empty()) {
            const Instance instance = AMIVIRT_TRY(services.instances.resolve(services.account, instance_));
            groups.push_back(AMIVIRT_TRY(services.snapshots.volumes_of_instance(services.account, instance)));
            return groups;
        }
        const auto found =
            find_each<Volume>(session, names_, [&](const std::string& name) { return services.volumes.resolve(services.account, name); });
        status = found.status;
        std::map<InstanceId, std::size_t> places;
        for (const Volume& volume : found.done) {
            if (volume.attachment) {
                const auto [place, is_new] = places.emplace(volume.attachment->instance, groups.size());
                if (!is_new) {
                    groups[place->second].push_back(volume.id);
                    continue;
                }
            }
            groups.push_back({volume.id});
        }
        return groups;
    }

    std::vector<std::string> names_;
    std::string instance_;
    std::string name_;
    std::vector<std::pair<std::string, std::string>> tags_;
    CreateSnapshotsRequest request_;
};

}  // namespace

const Command& snapshot_create_command() {
    static const Command command{
        {"snapshot create"}, "Keep what is on a volume now, and print the id", embedded::help_snapshot_create, make_action<SnapshotCreate>};
    return command;
}

}  // namespace amivirt::cli
