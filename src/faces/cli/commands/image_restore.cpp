#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/made_images.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class ImageRestore final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "FILE", .help = "a bundle that \"image store\" made", .least = 1, .most = 1, .into = &files_});
        options.text("--name", "NAME", "the image's name; as it was if not said", request_.name);
        options.parsed_each("--tag", "KEY=VALUE", "a tag, beside or instead of the bundle's of that key", tags_, parse_tag);
        options.flag("--require-signature", "refuse a bundle that nobody signed", [this] { request_.require_signature = true; });
    }

    Result<int> run(Session& session) override {
        request_.tags = AMIVIRT_TRY(tags_of(tags_));
        request_.file = files_.front();
        if (!request_.name.empty()) {
            AMIVIRT_TRY(check_image_name(request_.name));
        }
        Services& services = *AMIVIRT_TRY(session.open());
        const Image image = AMIVIRT_TRY(restore(session, services));
        show_made(session, services, {image});
        return 0;
    }

private:
    Result<Image> restore(Session& session, Services& services) {
        ProgressBar progress(session.talk(), session.around().ticks);
        return services.carrying.restore(services.account, request_, progress);
    }

    std::vector<std::string> files_;
    std::vector<std::pair<std::string, std::string>> tags_;
    RestoreRequest request_;
};

}  // namespace

const Command& image_restore_command() {
    static const Command command{{"image restore"},
                                 "Make an image from a bundle of \"image store\", and print its id",
                                 embedded::help_image_restore,
                                 make_action<ImageRestore>};
    return command;
}

}  // namespace amivirt::cli
