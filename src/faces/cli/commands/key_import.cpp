#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_keys.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class KeyImport final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "NAME FILE",
                       .help = "what --key will call it, and the file with its public key; - is standard input",
                       .least = 2,
                       .most = 2,
                       .into = &words_});
        options.parsed_each("--tag", "KEY=VALUE", "a tag", tags_, parse_tag);
    }

    Result<int> run(Session& session) override {
        const Tags tags = AMIVIRT_TRY(tags_of(tags_));
        const std::string text = AMIVIRT_TRY(read_small_file(words_[1], session.around().in, {"public key", 16384, ""}));
        Services& services = *AMIVIRT_TRY(session.open());
        const KeyPair pair =
            AMIVIRT_TRY_CONTEXT(services.key_pairs.import(services.account, words_[0], text, tags), "reading " + words_[1]);
        Answer answer;
        answer.ids = {pair.id.str()};
        answer.table = [&] { return key_pairs_table({pair}, services.clock.now()); };
        answer.document = [&] { return new_key_pair_document(pair, {}); };
        session.print(answer, Format::id);
        return 0;
    }

private:
    std::vector<std::string> words_;
    std::vector<std::pair<std::string, std::string>> tags_;
};

}  // namespace

const Command& key_import_command() {
    static const Command command{
        {"key import"}, "Make a key pair of a public key, and print its id", embedded::help_key_import, make_action<KeyImport>};
    return command;
}

}  // namespace amivirt::cli
