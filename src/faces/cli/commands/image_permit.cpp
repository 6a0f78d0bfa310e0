#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"
#include "faces/cli/policy_values.hpp"

namespace amivirt::cli {

namespace {

class ImagePermit final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE ACCOUNT",
                       .help = "the image by id or name; account ids or aliases, or all",
                       .least = 2,
                       .most = SIZE_MAX,
                       .into = &words_});
    }

    Result<int> run(Session& session) override {
        const LaunchPermissions added = AMIVIRT_TRY(parse_grantees({words_.begin() + 1, words_.end()}, session.accounts()));
        Services& services = *AMIVIRT_TRY(session.open());
        print_permissions(session, AMIVIRT_TRY(services.governance.permit(services.account, words_.front(), added)), Format::id);
        return 0;
    }

private:
    std::vector<std::string> words_;
};

}  // namespace

const Command& image_permit_command() {
    static const Command command{
        {"image permit"}, "Let other accounts, or all, launch your image", embedded::help_image_permit, make_action<ImagePermit>};
    return command;
}

}  // namespace amivirt::cli
