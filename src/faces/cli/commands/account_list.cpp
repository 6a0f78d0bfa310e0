#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_accounts.hpp"

namespace amivirt::cli {

namespace {

class AccountList final : public Action {
public:
    void declare(OptionSet& /*options*/) override {}

    Result<int> run(Session& session) override {
        const std::vector<Account> accounts = AMIVIRT_TRY(session.accounts().list());
        const std::vector<AccessKey> keys = AMIVIRT_TRY(session.accounts().keys());
        Answer answer;
        answer.table = [&] { return accounts_table(accounts, keys); };
        answer.document = [&] { return accounts_document(accounts, keys); };
        for (const Account& account : accounts) {
            answer.ids.push_back(account.id.str());
        }
        session.print(answer);
        return 0;
    }
};

}  // namespace

const Command& account_list_command() {
    static const Command command{{"account list"}, "The accounts there are", embedded::help_account_list, make_action<AccountList>};
    return command;
}

}  // namespace amivirt::cli
