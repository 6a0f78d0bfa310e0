#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_carried.hpp"
#include "faces/cli/suggest.hpp"

namespace amivirt::cli {

namespace {

Result<Demand> parse_demand(std::string_view text) {
    if (text != "yes" && text != "no") {
        return none_of("choice", text, {"yes", "no"});
    }
    return text == "yes" ? Demand::yes : Demand::no;
}

class SignerDemand final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "yes|no", .help = "whether a signature is demanded", .least = 1, .most = 1, .into = &words_});
    }

    Result<int> run(Session& session) override {
        const Demand demand = AMIVIRT_TRY(parse_demand(words_.front()));
        Services& services = *AMIVIRT_TRY(session.open());
        AMIVIRT_TRY(services.signers.demand(demand));
        session.print(demand_answer(demand, services.region), Format::id);
        return 0;
    }

private:
    std::vector<std::string> words_;
};

}  // namespace

const Command& signer_demand_command() {
    static const Command command{{"signer demand"},
                                 "Take bundles only with a trusted signature, or take any",
                                 embedded::help_signer_demand,
                                 make_action<SignerDemand>};
    return command;
}

}  // namespace amivirt::cli
