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
        return show_each<Volume>(
            session, names_, [&](const std::string& name) { return services.volumes.resolve(services.account, name); }, volume_fields,
            [&](const std::vector<Volume>& volumes) { return volumes_document(volumes, services.region); });
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
