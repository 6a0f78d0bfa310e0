#include "faces/cli/commands/tagged.hpp"

#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_accounts.hpp"

namespace amivirt::cli {

TaggingWords split_tagging_words(const std::vector<std::string>& words) {
    TaggingWords split;
    for (const std::string& word : words) {
        (word.find('=') == std::string::npos ? split.resources : split.tags).push_back(word);
    }
    return split;
}

Result<int> change_tags(Session& session, const std::vector<std::string>& resources,
                        const std::function<Result<std::vector<TaggedResource>>(Services& services, const std::string& id)>& change) {
    Services& services = *AMIVIRT_TRY(session.open());
    const auto changed = act_on_each<TaggedResource, TaggedResource>(
        session, resources, 1, [&](const std::string& word) { return services.tagging.resolve(services.account, word); },
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

}  // namespace amivirt::cli
