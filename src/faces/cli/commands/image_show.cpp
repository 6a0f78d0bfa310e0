#include "faces/cli/commands/commands.hpp"
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
        std::vector<Image> images;
        int status = 0;
        for (const std::string& name : names_) {
            Result<Image> image = services.images.resolve(services.account, name);
            if (image) {
                images.push_back(std::move(*image));
                continue;
            }
            session.talk().error(image.error());
            status = status != 0 ? status : facts(image.error().code).exit_status;
        }
        if (images.empty()) {
            return status;
        }
        Answer answer;
        answer.table = [&] {
            std::string out;
            for (const Image& image : images) {
                out += (out.empty() ? "" : "\n") + image_fields(image);
            }
            return out;
        };
        answer.document = [&] { return images_document(images); };
        for (const Image& image : images) {
            answer.ids.push_back(image.id.str());
        }
        session.print(answer);
        return status;
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
