#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/login_steps.hpp"

namespace amivirt::cli {

namespace {

class Exec final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE COMMAND",
                       .help = "the machine, by id or name, and the command with its words (after --)",
                       .least = 2,
                       .most = SIZE_MAX,
                       .into = &words_});
        login_.declare(options);
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const LoginTarget target = AMIVIRT_TRY(login_to(session, services, words_.front(), login_));
        ShellCommand command;
        command.words.assign(words_.begin() + 1, words_.end());
        return services.shell.run(target, command);
    }

private:
    std::vector<std::string> words_;
    LoginOptions login_;
};

}  // namespace

const Command& exec_command() {
    static const Command command{{"exec"}, "Run a command in an instance, without a terminal", embedded::help_exec, make_action<Exec>};
    return command;
}

}  // namespace amivirt::cli
