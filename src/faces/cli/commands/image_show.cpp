#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_json.hpp"
#include "faces/cli/render_table.hpp"

namespace amivirt::cli {

namespace {

class ImageShow final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const AllowedBy allowed = AMIVIRT_TRY(allowed_by(services));
        return show_each<Image>(
            session, names_, [&](const std::string& name) { return services.images.resolve(services.account, name); }, image_fields,
            [&](const std::vector<Image>& images) {
                return images_document(images, allowed, session.accounts().aliases().value_or(std::map<AccountId, std::string>()));
            });
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& image_show_command() {
    static const Command command{{"image show"}, "All that is known of an image", embedded::help_image_show, make_action<ImageShow>};
    return command;
}

}  // namespace amivirt::cli
