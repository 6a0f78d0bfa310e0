#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"

namespace amivirt::cli {

namespace {

class ImagePermissions final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name", .least = 1, .most = 1, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        print_permissions(session, AMIVIRT_TRY(services.governance.permissions(services.account, names_.front())), Format::table);
        return 0;
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& image_permissions_command() {
    static const Command command{
        {"image permissions"}, "Who may launch your image", embedded::help_image_permissions, make_action<ImagePermissions>};
    return command;
}

}  // namespace amivirt::cli
