#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_governance.hpp"

namespace amivirt::cli {

namespace {

class ImageUsageOf final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name; your own deregistered ones by id", .least = 1, .most = 1, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const ImageUsage usage = AMIVIRT_TRY(services.governance.usage(services.account, names_.front()));
        Answer answer;
        answer.table = [&] { return image_usage_table(usage); };
        answer.document = [&] { return image_usage_document(usage); };
        for (const ImageReference& reference : usage.references) {
            answer.ids.push_back(reference.id);
        }
        session.print(answer);
        session.talk().note(usage.image.last_launched ? fmt::format("last launched at {}", to_iso8601(*usage.image.last_launched))
                                                      : std::string("never launched"));
        return 0;
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& image_usage_command() {
    static const Command command{
        {"image usage"}, "What refers to an image, and when it was last launched", embedded::help_image_usage, make_action<ImageUsageOf>};
    return command;
}

}  // namespace amivirt::cli
