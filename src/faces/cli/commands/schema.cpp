#include "faces/cli/commands/commands.hpp"

namespace amivirt::cli {

namespace {

class Schema final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "FORMAT", .help = "image, lab or catalog", .least = 1, .most = 1, .into = &formats_});
    }

    Result<int> run(Session& session) override {
        session.print_raw(AMIVIRT_TRY(session.schema(formats_.front())));
        return 0;
    }

private:
    std::vector<std::string> formats_;
};

}  // namespace

const Command& schema_command() {
    static const Command command{{"schema"}, "The JSON Schema of a YAML format", embedded::help_schema, make_action<Schema>};
    return command;
}

}  // namespace amivirt::cli
