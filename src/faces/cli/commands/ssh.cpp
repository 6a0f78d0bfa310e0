#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/login_steps.hpp"

namespace amivirt::cli {

namespace {

class Ssh final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE [COMMAND]",
                       .help = "the machine, by id or name, and a command with its words (after --) instead of a login shell",
                       .least = 1,
                       .most = SIZE_MAX,
                       .into = &words_});
        login_.declare(options);
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const LoginTarget target = AMIVIRT_TRY(login_to(session, services, words_.front(), login_));
        ShellCommand command;
        command.words.assign(words_.begin() + 1, words_.end());
        command.terminal = session.around().in_is_terminal && session.around().out_is_terminal;
        return services.shell.run(target, command);
    }

private:
    std::vector<std::string> words_;
    LoginOptions login_;
};

}  // namespace

const Command& ssh_command() {
    static const Command command{{"ssh"}, "Log in to an instance, or run a command there", embedded::help_ssh, make_action<Ssh>};
    return command;
}

}  // namespace amivirt::cli
