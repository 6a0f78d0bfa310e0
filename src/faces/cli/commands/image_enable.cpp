#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"

namespace amivirt::cli {

namespace {

class ImageEnable final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        return change_images(session, services, names_,
                             [&](const std::string& name) { return services.governance.enable(services.account, name); });
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& image_enable_command() {
    static const Command command{
        {"image enable"}, "Launches again from an image that was disabled", embedded::help_image_enable, make_action<ImageEnable>};
    return command;
}

}  // namespace amivirt::cli
