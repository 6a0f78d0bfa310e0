#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/tagged.hpp"

namespace amivirt::cli {

namespace {

class TagRemove final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "RESOURCE... [KEY=VALUE]...",
                       .help = "images, instances, volumes, snapshots, by id or name; words with a \"=\" are the tags",
                       .least = 1,
                       .most = SIZE_MAX,
                       .into = &words_});
        options.texts("--key", "TAG", "the tag of this key, whatever its value", keys_);
        options.flag("--all", "all tags", [this] { all_ = true; });
    }

    Result<int> run(Session& session) override {
        const TaggingWords words = split_tagging_words(words_);
        const bool some = !words.tags.empty() || !keys_.empty();
        if (words.resources.empty() || all_ == some) {
            return usage_error(words.resources.empty() ? "\"amivirt tag remove\" needs a RESOURCE"
                               : some                  ? "--all and single tags exclude one another"
                                                       : "\"amivirt tag remove\" needs a KEY=VALUE, --key or --all",
                               "as in \"amivirt tag remove web --key stage\"");
        }
        std::optional<TagsToRemove> which;
        if (some) {
            which.emplace();
            for (const std::string& word : words.tags) {
                auto tag = AMIVIRT_TRY(parse_tag(word));
                which->emplace_back(std::move(tag.first), std::move(tag.second));
            }
            for (const std::string& key : keys_) {
                which->emplace_back(key, std::nullopt);
            }
        }
        return change_tags(session, words.resources, find_tagged, [&](Services& services, const std::string& id) {
            return services.tagging.remove(services.account, {id}, which);
        });
    }

private:
    std::vector<std::string> words_;
    std::vector<std::string> keys_;
    bool all_ = false;
};

}  // namespace

const Command& tag_remove_command() {
    static const Command command{{"tag remove"}, "Take tags off resources", embedded::help_tag_remove, make_action<TagRemove>};
    return command;
}

}  // namespace amivirt::cli
