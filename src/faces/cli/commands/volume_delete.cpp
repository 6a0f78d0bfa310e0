#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"

namespace amivirt::cli {

namespace {

class VolumeDelete final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "VOLUME", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const auto deleted = act_on_each<Volume, Volume>(
            session, names_, 1, [&](const std::string& name) { return services.volumes.resolve(services.account, name); },
            [&](const Volume& volume) { return services.volumes.remove(services.account, volume.id.str()); });
        if (deleted.done.empty()) {
            return deleted.status;
        }
        Answer answer;
        answer.ids = ids_of(deleted.done);
        answer.table = [&] { return volumes_table(deleted.done, services.clock.now()); };
        answer.document = [&] { return deleted_document("VolumeIds", answer.ids); };
        session.print(answer, Format::id);
        return deleted.status;
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& volume_delete_command() {
    static const Command command{
        {"volume delete"}, "Delete volumes; their snapshots stay", embedded::help_volume_delete, make_action<VolumeDelete>};
    return command;
}

}  // namespace amivirt::cli
