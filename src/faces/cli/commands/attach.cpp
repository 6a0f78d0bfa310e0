#include <fmt/format.h>
#include <unistd.h>

#include <ostream>

#include "faces/cli/commands/commands.hpp"

namespace amivirt::cli {

namespace {

class Attach final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE", .help = "by id or name", .least = 1, .most = 1, .into = &names_});
        options.flag("--force", "detach whoever is attached", [this] { takeover_ = SerialConsole::Takeover::yes; });
    }

    Result<int> run(Session& session) override {
        if (session.format() != Format::table) {
            return usage_error("an attached console has no other form", "leave out -o");
        }
        Services& services = *AMIVIRT_TRY(session.open());
        const Instance instance = AMIVIRT_TRY(services.instances.resolve(services.account, names_.front()));
        if (instance.state == InstanceState::terminated || instance.state == InstanceState::stopped) {
            return Error(Code::incorrect_instance_state,
                         fmt::format("nobody can attach to instance \"{}\": it is {}", instance.id.str(), to_string(instance.state)));
        }
        session.around().out.flush();
        session.talk().note(fmt::format("attached to {}; Ctrl-] leaves it", instance.id.str()));
        const SerialConsole::End end = AMIVIRT_TRY(services.serial_console.attach(instance.id, STDIN_FILENO, STDOUT_FILENO, takeover_));
        switch (end) {
            case SerialConsole::End::escaped:
                session.talk().note(fmt::format("\nleft {}", instance.id.str()));
                break;
            case SerialConsole::End::closed:
                session.talk().note(fmt::format("\n{} is off", instance.id.str()));
                break;
            case SerialConsole::End::input_over:
                break;
        }
        return 0;
    }

private:
    std::vector<std::string> names_;
    SerialConsole::Takeover takeover_ = SerialConsole::Takeover::no;
};

}  // namespace

const Command& attach_command() {
    static const Command command{
        {"attach", "instance attach"}, "Talk to an instance on its serial console", embedded::help_attach, make_action<Attach>};
    return command;
}

}  // namespace amivirt::cli
