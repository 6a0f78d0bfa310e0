#include "faces/cli/completion.hpp"

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_json.hpp"

namespace amivirt::cli {

namespace {

class PrintCompletion final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "bash|zsh|fish", .help = "the shell that reads it", .least = 1, .most = 1, .into = &shells_});
    }

    Result<int> run(Session& session) override {
        const Shell shell = AMIVIRT_TRY(parse_shell(shells_.front()));
        const std::string script(completion_script(shell));
        Answer answer;
        answer.ids = {std::string(to_string(shell))};
        answer.table = [&] { return script; };
        answer.document = [&] { return completion_document(std::string(to_string(shell)), script); };
        session.print(answer);
        return 0;
    }

private:
    std::vector<std::string> shells_;
};

}  // namespace

const Command& completion_command() {
    static const Command command{
        {"completion"}, "Print what makes a shell complete amivirt's words", embedded::help_completion, make_action<PrintCompletion>};
    return command;
}

}  // namespace amivirt::cli
