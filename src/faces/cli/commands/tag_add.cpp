#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/tagged.hpp"

namespace amivirt::cli {

namespace {

class TagAdd final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "RESOURCE... KEY=VALUE...",
                       .help = "images, instances, volumes, snapshots, by id or name; words with a \"=\" are the tags",
                       .least = 2,
                       .most = SIZE_MAX,
                       .into = &words_});
    }

    Result<int> run(Session& session) override { return add_tags(session, "tag add", "RESOURCE", words_, find_tagged); }

private:
    std::vector<std::string> words_;
};

}  // namespace

const Command& tag_add_command() {
    static const Command command{{"tag add"}, "Put tags on resources", embedded::help_tag_add, make_action<TagAdd>};
    return command;
}

}  // namespace amivirt::cli
