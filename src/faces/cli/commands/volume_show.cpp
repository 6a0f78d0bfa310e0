#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"

namespace amivirt::cli {

namespace {

class VolumeShow final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "VOLUME", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const auto found =
            find_each<Volume>(session, names_, [&](const std::string& name) { return services.volumes.resolve(services.account, name); });
        if (found.done.empty()) {
            return found.status;
        }
        Answer answer;
        answer.table = [&] { return fields_of(found.done, volume_fields); };
        answer.document = [&] { return volumes_document(found.done, services.region); };
        answer.ids = ids_of(found.done);
        session.print(answer);
        return found.status;
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& volume_show_command() {
    static const Command command{{"volume show"}, "All that is known of a volume", embedded::help_volume_show, make_action<VolumeShow>};
    return command;
}

}  // namespace amivirt::cli
