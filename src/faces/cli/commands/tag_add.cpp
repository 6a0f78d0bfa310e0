#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/tagged.hpp"
#include "faces/cli/values.hpp"

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

    Result<int> run(Session& session) override {
        const TaggingWords words = split_tagging_words(words_);
        if (words.resources.empty() || words.tags.empty()) {
            return usage_error(words.tags.empty() ? "\"amivirt tag add\" needs a KEY=VALUE" : "\"amivirt tag add\" needs a RESOURCE",
                               "as in \"amivirt tag add web stage=prod\"");
        }
        std::vector<std::pair<std::string, std::string>> pairs;
        for (const std::string& word : words.tags) {
            pairs.push_back(AMIVIRT_TRY(parse_tag(word)));
        }
        const Tags tags = AMIVIRT_TRY(tags_of(pairs));
        return change_tags(session, words.resources,
                           [&](Services& services, const std::string& id) { return services.tagging.add(services.account, {id}, tags); });
    }

private:
    std::vector<std::string> words_;
};

}  // namespace

const Command& tag_add_command() {
    static const Command command{{"tag add"}, "Put tags on resources", embedded::help_tag_add, make_action<TagAdd>};
    return command;
}

}  // namespace amivirt::cli
