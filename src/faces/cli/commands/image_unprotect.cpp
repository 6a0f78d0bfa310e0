#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"

namespace amivirt::cli {

namespace {

class ImageUnprotect final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        return change_images(session, services, names_, [&](const std::string& name) {
            return services.governance.protect(services.account, name, DeregistrationProtection::disabled);
        });
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& image_unprotect_command() {
    static const Command command{
        {"image unprotect"}, "Let an image be deregistered again", embedded::help_image_unprotect, make_action<ImageUnprotect>};
    return command;
}

}  // namespace amivirt::cli
