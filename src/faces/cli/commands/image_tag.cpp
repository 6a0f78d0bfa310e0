#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/tagged.hpp"

namespace amivirt::cli {

namespace {

class ImageTag final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE... KEY=VALUE...",
                       .help = "images, by id or name; words with a \"=\" are the tags",
                       .least = 2,
                       .most = SIZE_MAX,
                       .into = &words_});
    }

    Result<int> run(Session& session) override {
        return add_tags(session, "image tag", "IMAGE", words_, [](Services& services, const std::string& word) -> Result<TaggedResource> {
            // What else has that name does not matter here.
            const Image image = AMIVIRT_TRY(services.images.resolve(services.account, word));
            return services.tagging.resolve(services.account, image.id.str());
        });
    }

private:
    std::vector<std::string> words_;
};

}  // namespace

const Command& image_tag_command() {
    static const Command command{{"image tag"}, "Put tags on images", embedded::help_image_tag, make_action<ImageTag>};
    return command;
}

}  // namespace amivirt::cli
