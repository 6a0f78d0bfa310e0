#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/made_images.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/talk.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class ImageRegister final : public Action {
public:
    void declare(OptionSet& options) override {
        options.texts("-f,--file", "FILE", "the manifest", files_).required();
        options.parsed_each("--tag", "KEY=VALUE", "a tag, beside or instead of the manifest's of that key", tags_, parse_tag);
        options.parsed("--image-id", "ID", "the id it is to have, instead of the manifest's", id_, ImageId::parse);
        options.flag("--no-inspect", "do not look into the disk", [this] { inspect_ = Inspect::no; });
    }

    Result<int> run(Session& session) override {
        const Tags tags = AMIVIRT_TRY(tags_of(tags_));
        if (id_ && files_.size() > 1) {
            return usage_error("--image-id is of one image, and there are several manifests", "say imageId in each manifest");
        }
        Services& services = *AMIVIRT_TRY(session.open());
        std::vector<Image> images;
        int status = 0;
        for (const std::string& file : files_) {
            Result<Image> image = register_one(session, services, file, tags);
            if (image) {
                images.push_back(std::move(*image));
                continue;
            }
            session.talk().error(image.error());
            status = status != 0 ? status : facts(image.error().code).exit_status;
        }
        show_made(session, services, images);
        return status;
    }

private:
    Result<Image> register_one(Session& session, Services& services, const std::string& file, const Tags& tags) const {
        ImageManifest manifest = AMIVIRT_TRY(services.manifests.read(file));
        for (const auto& [key, value] : tags) {
            manifest.tags.insert_or_assign(key, value);
        }
        manifest.id = id_ ? id_ : manifest.id;
        ProgressBar progress(session.talk(), session.around().ticks);
        return services.images.register_manifest(services.account, manifest, inspect_, progress);
    }

    std::vector<std::string> files_;
    std::vector<std::pair<std::string, std::string>> tags_;
    std::optional<ImageId> id_;
    Inspect inspect_ = Inspect::yes;
};

}  // namespace

const Command& image_register_command() {
    static const Command command{
        {"image register"}, "Make an image from a manifest, and print its id", embedded::help_image_register, make_action<ImageRegister>};
    return command;
}

}  // namespace amivirt::cli
