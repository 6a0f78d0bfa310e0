#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_accounts.hpp"

namespace amivirt::cli {

namespace {

class AccountCreate final : public Action {
public:
    void declare(OptionSet& options) override {
        options.add("--alias", "NAME", "what --account and --owner may call it: lower-case letters, digits and dashes",
                    [this](const std::string& text) -> Result<void> {
                        AMIVIRT_TRY(check_account_alias(text));
                        alias_ = text;
                        return {};
                    });
        options.parsed("--id", "ID", "12 digits; a fresh one if not said", id_, AccountId::parse);
    }

    Result<int> run(Session& session) override {
        const Accounts::Created created = AMIVIRT_TRY(session.accounts().create(alias_, id_));
        Answer answer;
        answer.table = [&] { return created_account_fields(created.account, created.key); };
        answer.document = [&] { return created_account_document(created.account, created.key); };
        answer.ids = {created.account.id.str()};
        session.print(answer, Format::id);
        if (session.format(Format::id) == Format::id) {
            session.talk().note(fmt::format("access key {} with the secret {}; it is not shown again", created.key.id, created.key.secret));
        }
        return 0;
    }

private:
    std::string alias_;
    std::optional<AccountId> id_;
};

}  // namespace

const Command& account_create_command() {
    static const Command command{{"account create"},
                                 "Make an account with an access key, and print its id",
                                 embedded::help_account_create,
                                 make_action<AccountCreate>};
    return command;
}

}  // namespace amivirt::cli
