#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"

namespace amivirt::cli {

namespace {

class ImageDisable final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        return change_images(session, services, names_,
                             [&](const std::string& name) { return services.governance.disable(services.account, name); });
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& image_disable_command() {
    static const Command command{
        {"image disable"}, "No launches until it is enabled; permissions go", embedded::help_image_disable, make_action<ImageDisable>};
    return command;
}

}  // namespace amivirt::cli
