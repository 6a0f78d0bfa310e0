#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_accounts.hpp"

namespace amivirt::cli {

namespace {

class TagList final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "RESOURCE", .help = "only of these, by id or name", .least = 0, .most = SIZE_MAX, .into = &names_});
        options.parsed_each("--filter", "FILTER", "Name=NAME,Values=VALUE,...", filters_, parse_filter);
    }

    Result<int> run(Session& session) override {
        AMIVIRT_TRY(check_tag_filters(filters_));
        Services& services = *AMIVIRT_TRY(session.open());
        if (!names_.empty()) {
            Filter only{"resource-id", {}};
            for (const std::string& name : names_) {
                // Not AMIVIRT_TRY: g++ 12 then warns of a deallocation that is not there (-Wfree-nonheap-object).
                const Result<TaggedResource> resource = services.tagging.resolve(services.account, name);
                if (!resource) {
                    return resource.error();
                }
                only.values.push_back(resource->id);
            }
            filters_.push_back(std::move(only));
        }
        const Listing<TagDescription> listing = AMIVIRT_TRY(services.tagging.describe(services.account, filters_));
        for (const std::string& sentence : listing.unreadable) {
            session.talk().warning(sentence);
        }
        Answer answer;
        answer.table = [&] { return tags_table(listing.records); };
        answer.document = [&] { return tags_document(listing.records); };
        for (const TagDescription& tag : listing.records) {
            if (answer.ids.empty() || answer.ids.back() != tag.resource) {
                answer.ids.push_back(tag.resource);
            }
        }
        session.print(answer);
        return 0;
    }

private:
    std::vector<std::string> names_;
    std::vector<Filter> filters_;
};

}  // namespace

const Command& tag_list_command() {
    static const Command command{{"tag list"}, "The tags of your resources", embedded::help_tag_list, make_action<TagList>};
    return command;
}

}  // namespace amivirt::cli
