#include "faces/cli/commands/commands.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_json.hpp"
#include "faces/cli/render_table.hpp"

namespace amivirt::cli {

namespace {

class ImageRegister final : public Action {
public:
    void declare(OptionSet& options) override {
        options.texts("-f,--file", "FILE", "the manifest", files_).required();
        options.flag("--no-inspect", "do not look into the disk", [this] { inspect_ = Inspect::no; });
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        std::vector<Image> images;
        int status = 0;
        for (const std::string& file : files_) {
            Result<Image> image = register_one(session, services, file);
            if (image) {
                images.push_back(std::move(*image));
                continue;
            }
            session.talk().error(image.error());
            status = status != 0 ? status : facts(image.error().code).exit_status;
        }
        Answer answer;
        for (const Image& image : images) {
            answer.ids.push_back(image.id.str());
        }
        answer.document = [&answer] { return image_ids_document(answer.ids); };
        answer.table = [&] { return images_table(images, services.clock.now()); };
        session.print(answer, Format::id);
        return status;
    }

private:
    Result<Image> register_one(Session& session, Services& services, const std::string& file) const {
        const ImageManifest manifest = AMIVIRT_TRY(services.manifests.read(file));
        ProgressBar progress(session.talk(), session.around().ticks);
        return services.images.register_manifest(services.account, manifest, inspect_, progress);
    }

    std::vector<std::string> files_;
    Inspect inspect_ = Inspect::yes;
};

}  // namespace

const Command& image_register_command() {
    static const Command command{
        {"image register"}, "Make an image from a manifest, and print its id", embedded::help_image_register, make_action<ImageRegister>};
    return command;
}

}  // namespace amivirt::cli
