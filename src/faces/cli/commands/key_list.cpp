#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_keys.hpp"

namespace amivirt::cli {

namespace {

class KeyList final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "KEY", .help = "only these, by name or id", .least = 0, .most = SIZE_MAX, .into = &names_});
        options.parsed_each("--filter", "FILTER", "Name=NAME,Values=VALUE,...", filters_, parse_filter);
    }

    Result<int> run(Session& session) override {
        AMIVIRT_TRY(check_key_pair_filters(filters_));
        Services& services = *AMIVIRT_TRY(session.open());
        const Listing<KeyPair> listing = AMIVIRT_TRY(services.key_pairs.describe(services.account, names_, filters_));
        for (const std::string& sentence : listing.unreadable) {
            session.talk().warning(sentence);
        }
        Answer answer;
        answer.table = [&] { return key_pairs_table(listing.records, services.clock.now()); };
        answer.document = [&] { return key_pairs_document(listing.records); };
        for (const KeyPair& pair : listing.records) {
            answer.ids.push_back(pair.id.str());
        }
        session.print(answer);
        return 0;
    }

private:
    std::vector<std::string> names_;
    std::vector<Filter> filters_;
};

}  // namespace

const Command& key_list_command() {
    static const Command command{{"key list"}, "Your key pairs", embedded::help_key_list, make_action<KeyList>};
    return command;
}

}  // namespace amivirt::cli
