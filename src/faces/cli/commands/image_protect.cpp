#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"

namespace amivirt::cli {

namespace {

class ImageProtect final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
        options.flag("--cooldown", "goes on for 24 hours once it is switched off",
                     [this] { protection_ = DeregistrationProtection::enabled_with_cooldown; });
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        return change_images(session, services, names_,
                             [&](const std::string& name) { return services.governance.protect(services.account, name, protection_); });
    }

private:
    std::vector<std::string> names_;
    DeregistrationProtection protection_ = DeregistrationProtection::enabled;
};

}  // namespace

const Command& image_protect_command() {
    static const Command command{
        {"image protect"}, "Refuse to deregister an image", embedded::help_image_protect, make_action<ImageProtect>};
    return command;
}

}  // namespace amivirt::cli
