#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_keys.hpp"

namespace amivirt::cli {

namespace {

class KeyDelete final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "KEY", .help = "by name or id", .least = 1, .most = SIZE_MAX, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const auto deleted = act_on_each<KeyPair, KeyPair>(
            session, names_, 1, [&](const std::string& name) { return services.key_pairs.resolve(services.account, name); },
            [&](const KeyPair& pair) { return services.key_pairs.remove(services.account, pair.id.str()); });
        if (deleted.done.empty()) {
            return deleted.status;
        }
        Answer answer;
        answer.ids = ids_of(deleted.done);
        answer.table = [&] { return key_pairs_table(deleted.done, services.clock.now()); };
        answer.document = [&] { return deleted_key_pairs_document(deleted.done); };
        session.print(answer, Format::id);
        return deleted.status;
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& key_delete_command() {
    static const Command command{
        {"key delete"}, "Delete key pairs; instances that have them keep them", embedded::help_key_delete, make_action<KeyDelete>};
    return command;
}

}  // namespace amivirt::cli
