#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"

namespace amivirt::cli {

namespace {

class ImageRestoreFromBin final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words(
            {.name = "BINNED-IMAGE", .help = "by id or name, of those in the recycle bin", .least = 1, .most = SIZE_MAX, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        return change_images(session, services, names_,
                             [&](const std::string& name) { return services.bin.restore_image(services.account, name); });
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& image_restore_from_bin_command() {
    static const Command command{{"image restore-from-bin"},
                                 "Have a deregistered image back",
                                 embedded::help_image_restore_from_bin,
                                 make_action<ImageRestoreFromBin>};
    return command;
}

}  // namespace amivirt::cli
