#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_carried.hpp"

namespace amivirt::cli {

namespace {

class SignerDistrust final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "SIGNER", .help = "by name or fingerprint", .least = 1, .most = 1, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const TrustedSigner signer = AMIVIRT_TRY(services.signers.distrust(names_.front()));
        session.print(signers_answer({signer}), Format::id);
        return 0;
    }

private:
    std::vector<std::string> names_;
};

}  // namespace

const Command& signer_distrust_command() {
    static const Command command{
        {"signer distrust"}, "Believe somebody's signatures no longer", embedded::help_signer_distrust, make_action<SignerDistrust>};
    return command;
}

}  // namespace amivirt::cli
