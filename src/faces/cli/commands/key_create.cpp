#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_keys.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class KeyCreate final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "NAME", .help = "what --key will call it", .least = 1, .most = 1, .into = &names_});
        options.parsed("--type", "TYPE", "ed25519 (the default) or rsa", type_, parse_key_type);
        options.text("--out", "FILE", "where the private key goes instead of stdout: a new file with mode 0600", file_);
        options.parsed_each("--tag", "KEY=VALUE", "a tag", tags_, parse_tag);
    }

    Result<int> run(Session& session) override {
        const Tags tags = AMIVIRT_TRY(tags_of(tags_));
        Services& services = *AMIVIRT_TRY(session.open());
        const KeyPairs::Created created = AMIVIRT_TRY(services.key_pairs.create(services.account, names_.front(), type_, tags, file_));
        // Plain stdout is the private key, to be sent into a file; with --out, the id.
        if (file_.empty() && session.format(Format::table) == Format::table) {
            session.print_raw(created.private_key);
            session.talk().note(fmt::format("{} {}; its private key is not shown again", created.pair.id.str(), created.pair.fingerprint));
            return 0;
        }
        Answer answer;
        answer.ids = {created.pair.id.str()};
        answer.table = [&] { return key_pairs_table({created.pair}, services.clock.now()); };
        answer.document = [&] { return new_key_pair_document(created.pair, file_.empty() ? created.private_key : ""); };
        session.print(answer, Format::id);
        if (file_.empty() && session.format(Format::id) == Format::id) {
            session.talk().warning("with -o id and without --out the private key was neither shown nor kept");
        }
        return 0;
    }

private:
    std::vector<std::string> names_;
    KeyType type_ = KeyType::ed25519;
    std::string file_;
    std::vector<std::pair<std::string, std::string>> tags_;
};

}  // namespace

const Command& key_create_command() {
    static const Command command{
        {"key create"}, "Make a key pair, and print its private key this once", embedded::help_key_create, make_action<KeyCreate>};
    return command;
}

}  // namespace amivirt::cli
