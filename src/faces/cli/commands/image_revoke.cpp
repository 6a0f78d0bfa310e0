#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"
#include "faces/cli/policy_values.hpp"

namespace amivirt::cli {

namespace {

class ImageRevoke final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE [ACCOUNT]",
                       .help = "the image by id or name; account ids or aliases, or all",
                       .least = 1,
                       .most = SIZE_MAX,
                       .into = &words_});
        options.flag("--reset", "take every permission away", [this] { reset_ = true; });
        options.flag("--self", "give up the permission that another account's image lists for you", [this] { self_ = true; });
    }

    Result<int> run(Session& session) override {
        const std::vector<std::string> accounts(words_.begin() + 1, words_.end());
        if (int{reset_} + int{self_} + int{!accounts.empty()} > 1) {
            return usage_error("accounts, --reset and --self exclude one another");
        }
        const LaunchPermissions removed = reset_ || self_ ? LaunchPermissions{} : AMIVIRT_TRY(parse_grantees(accounts, session.accounts()));
        Services& services = *AMIVIRT_TRY(session.open());
        ImageGovernance& governance = services.governance;
        const std::string& image = words_.front();
        print_permissions(session,
                          AMIVIRT_TRY(self_    ? governance.cancel_permission(services.account, image)
                                      : reset_ ? governance.reset_permissions(services.account, image)
                                               : governance.revoke(services.account, image, removed)),
                          Format::id);
        return 0;
    }

private:
    std::vector<std::string> words_;
    bool reset_ = false;
    bool self_ = false;
};

}  // namespace

const Command& image_revoke_command() {
    static const Command command{
        {"image revoke"}, "Take launch permissions back, or give up your own", embedded::help_image_revoke, make_action<ImageRevoke>};
    return command;
}

}  // namespace amivirt::cli
