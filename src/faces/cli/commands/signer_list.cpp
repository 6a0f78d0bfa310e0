#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_carried.hpp"

namespace amivirt::cli {

namespace {

class SignerList final : public Action {
public:
    void declare(OptionSet& /*options*/) override {}

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const RegionPolicy policy = AMIVIRT_TRY(services.settings.policy());
        if (policy.demand_signature) {
            session.talk().note("this region demands a trusted signature on what is restored");
        }
        session.print(signers_answer(policy.signers));
        return 0;
    }
};

}  // namespace

const Command& signer_list_command() {
    static const Command command{
        {"signer list"}, "Whose signatures on bundles are believed", embedded::help_signer_list, make_action<SignerList>};
    return command;
}

}  // namespace amivirt::cli
