#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_carried.hpp"

namespace amivirt::cli {

namespace {

class SignerTrust final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "PUBLIC-KEY.pem", .help = "an Ed25519 public key", .least = 1, .most = 1, .into = &files_});
        options.text("--name", "NAME", "who that is", name_).required();
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const TrustedSigner signer = AMIVIRT_TRY(services.signers.trust(files_.front(), name_));
        session.print(signers_answer({signer}), Format::id);
        return 0;
    }

private:
    std::vector<std::string> files_;
    std::string name_;
};

}  // namespace

const Command& signer_trust_command() {
    static const Command command{
        {"signer trust"}, "Believe somebody's signatures on bundles", embedded::help_signer_trust, make_action<SignerTrust>};
    return command;
}

}  // namespace amivirt::cli
