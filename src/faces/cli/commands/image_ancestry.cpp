#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_governance.hpp"

namespace amivirt::cli {

namespace {

class ImageAncestry final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name; your own deregistered ones by id", .least = 1, .most = 1, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const std::vector<ImageAncestor> chain = AMIVIRT_TRY(services.governance.ancestry(services.account, names_.front()));
        Answer answer;
        answer.table = [&] { return ancestry_table(chain); };
        answer.document = [&] { return ancestry_document(chain, services.region); };
        for (const ImageAncestor& link : chain) {
            answer.ids.push_back(link.id.str());
        }
        session.print(answer);
        return 0;
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& image_ancestry_command() {
    static const Command command{
        {"image ancestry"}, "What an image was made from, back to the first", embedded::help_image_ancestry, make_action<ImageAncestry>};
    return command;
}

}  // namespace amivirt::cli
