#include "faces/cli/commands/tagged.hpp"

#include <fmt/format.h>

#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_accounts.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

TaggingWords split_tagging_words(const std::vector<std::string>& words) {
    TaggingWords split;
    for (const std::string& word : words) {
        (word.find('=') == std::string::npos ? split.resources : split.tags).push_back(word);
    }
    return split;
}

Result<TaggedResource> find_tagged(Services& services, const std::string& word) { return services.tagging.resolve(services.account, word); }

Result<int> change_tags(Session& session, const std::vector<std::string>& resources, const FindTagged& find,
                        const std::function<Result<std::vector<TaggedResource>>(Services& services, const std::string& id)>& change) {
    Services& services = *AMIVIRT_TRY(session.open());
    const auto changed = act_on_each<TaggedResource, TaggedResource>(
        session, resources, 1, [&](const std::string& word) { return find(services, word); },
        [&](const TaggedResource& resource) -> Result<TaggedResource> {
            return std::move(AMIVIRT_TRY(change(services, resource.id)).front());
        });
    std::vector<TagDescription> tags;
    Answer answer;
    for (const TaggedResource& resource : changed.done) {
        answer.ids.push_back(resource.id);
        for (const auto& [key, value] : resource.tags) {
            tags.push_back({resource.type, resource.id, key, value});
        }
    }
    answer.table = [&] { return tags_table(tags); };
    answer.document = [&] { return tags_document(tags); };
    session.print(answer, Format::id);
    return changed.status;
}

Result<int> add_tags(Session& session, std::string_view verb, std::string_view noun, const std::vector<std::string>& words,
                     const FindTagged& find) {
    const TaggingWords split = split_tagging_words(words);
    if (split.resources.empty() || split.tags.empty()) {
        return usage_error(fmt::format("\"amivirt {}\" needs {}", verb, split.tags.empty() ? "a KEY=VALUE" : fmt::format("a {}", noun)),
                           fmt::format("as in \"amivirt {} web stage=prod\"", verb));
    }
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const std::string& word : split.tags) {
        pairs.push_back(AMIVIRT_TRY(parse_tag(word)));
    }
    const Tags tags = AMIVIRT_TRY(tags_of(pairs));
    return change_tags(session, split.resources, find,
                       [&](Services& services, const std::string& id) { return services.tagging.add(services.account, {id}, tags); });
}

}  // namespace amivirt::cli
