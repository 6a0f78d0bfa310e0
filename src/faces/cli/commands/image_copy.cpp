#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/made_images.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class ImageCopy final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name", .least = 1, .most = 1, .into = &names_});
        options.parsed("--to", "REGION", "where the copy is to be; the current region if not said", to_, parse_region);
        options.parsed("--from", "REGION", "where the image is; the current region if not said", request_.from_region, parse_region);
        options.text("--name", "NAME", "the copy's name; the image's if not said", request_.name);
        options.add("--description", "TEXT", "at most 255 characters; the image's if not said",
                    [this](const std::string& text) -> Result<void> {
                        AMIVIRT_TRY(check_description(text));
                        request_.description = text;
                        return {};
                    });
        options.flag("--copy-tags", "the image's tags too", [this] { request_.copy_tags = true; });
        options.parsed_each("--tag", "KEY=VALUE", "a tag of the copy, beside or instead of a copied one of that key", tags_, parse_tag);
        options.flag("--encrypted", "encrypt the copy's volumes, if the image's are not", [this] { encrypted_ = true; });
        options.flag("--no-encrypted", "refuse to copy an image that is encrypted", [this] { plain_ = true; });
        options.text("--client-token", "TOKEN", "the same token again gives the same copy", request_.client_token);
    }

    Result<int> run(Session& session) override {
        if (encrypted_ && plain_) {
            return usage_error("--encrypted and --no-encrypted exclude one another");
        }
        if (encrypted_ || plain_) {
            request_.encrypted = encrypted_;
        }
        request_.tags = AMIVIRT_TRY(tags_of(tags_));
        request_.image = names_.front();
        if (!request_.name.empty()) {
            AMIVIRT_TRY(check_image_name(request_.name));
        }
        Services& services = *AMIVIRT_TRY(session.open());
        const Image image = AMIVIRT_TRY(copy(session, services));
        show_made(session, services, {image});
        return 0;
    }

private:
    Result<Image> copy(Session& session, Services& services) {
        ProgressBar progress(session.talk(), session.around().ticks);
        if (request_.from_region.empty()) {
            request_.from_region = services.region;
        }
        // Asked of where it is to be, as in EC2.
        if (to_.empty() || to_ == services.region) {
            return services.carrying.copy(services.account, request_, progress);
        }
        const Region destination = AMIVIRT_TRY(services.regions.open(to_));
        return destination.carrying.copy(services.account, request_, progress);
    }

    std::vector<std::string> names_;
    std::string to_;
    bool encrypted_ = false;
    bool plain_ = false;
    std::vector<std::pair<std::string, std::string>> tags_;
    CopyRequest request_;
};

}  // namespace

const Command& image_copy_command() {
    static const Command command{{"image copy"},
                                 "Copy an image to another region, or within one, and print the new id",
                                 embedded::help_image_copy,
                                 make_action<ImageCopy>};
    return command;
}

}  // namespace amivirt::cli
