#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "faces/cli/commands/commands.hpp"

namespace amivirt::cli {

namespace {

/// As regions are named: lower-case letters, digits and dashes; each is a folder.
Result<void> check_region(const std::string& name) {
    constexpr std::size_t k_longest = 63;
    const bool well_formed = !name.empty() && name.size() <= k_longest && name.front() != '-' &&
                             name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
    return well_formed ? Result<void>()
                       : Result<void>(Error(Code::invalid_parameter_value,
                                            fmt::format("\"{}\" is no name of a region: lower-case letters, digits and dashes", name)));
}

ServeOptions generous() {
    constexpr double k_rate = 1000;
    ServeOptions options;
    options.rate = k_rate;
    return options;
}

class Serve final : public Action {
public:
    void declare(OptionSet& options) override {
        options.text("--listen", "ADDRESS:PORT", "127.0.0.1:8773 if not said; port 0 takes a free one", how_.listen);
        options.add("--regions", "A,B", "serve these, each a store of its own", [this](const std::string& text) -> Result<void> {
            for (std::size_t at = 0; at <= text.size();) {
                const std::size_t comma = std::min(text.find(',', at), text.size());
                how_.regions.push_back(text.substr(at, comma - at));
                AMIVIRT_TRY(check_region(how_.regions.back()));
                at = comma + 1;
            }
            return {};
        });
        options.text("--catalog", "FILE", "images that are to be there, with ids of their own; see `amivirt schema catalog`", how_.catalog);
        options.flag("--no-auth", "believe requests without a signature", [this] { how_.authenticate = false; });
        options.flag("--tls", "HTTPS, with a certificate made and kept in the home folder", [this] { how_.tls = true; });
        options.text("--tls-cert", "FILE", "HTTPS, with this certificate and its chain, PEM", how_.certificate);
        options.text("--tls-key", "FILE", "the private key of --tls-cert, PEM", how_.key);
        options.add(
            "--rate", "N", "requests a second of an account; 1000 if not said, 0 for any number",
            [this](const std::string& text) -> Result<void> {
                constexpr double k_most = 1e6;
                char* end = nullptr;
                how_.rate = std::strtod(text.c_str(), &end);
                const bool plain = !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos;
                return plain && *end == '\0' && how_.rate <= k_most
                           ? Result<void>()
                           : Result<void>(Error(Code::invalid_parameter_value, fmt::format("\"{}\" is no rate: 0 to 1000000", text)));
            });
        options.text("--access-log", "FILE", "a line for each request; \"-\" is standard error", how_.access_log);
        options.flag("--allow-reset", "POST /_amivirt/reset empties a region's store", [this] { how_.allow_reset = true; });
    }

    Result<int> run(Session& session) override {
        if (how_.listen.empty()) {
            how_.listen = "127.0.0.1:8773";
        }
        if (how_.certificate.empty() != how_.key.empty()) {
            return usage_error("--tls-cert and --tls-key belong together");
        }
        if (how_.tls && !how_.certificate.empty()) {
            return usage_error("--tls makes a certificate, --tls-cert brings one");
        }
        how_.tls = how_.tls || !how_.certificate.empty();
        if (!how_.authenticate) {
            session.talk().warning("--no-auth: whoever reaches this port may do all that you may");
        } else if (AMIVIRT_TRY(session.accounts().keys()).empty()) {
            session.talk().warning("no account has an access key: nobody can sign a request");
            session.talk().note("hint: amivirt account create");
        }
        how_.is_ready = [&](const std::string& url, const std::string& certificate) {
            session.print_raw(url + "\n");
            if (!certificate.empty()) {
                session.talk().note(fmt::format("clients trust it with AWS_CA_BUNDLE={}", certificate));
            }
        };
        AMIVIRT_TRY(session.serve(how_));
        return 0;
    }

private:
    ServeOptions how_ = generous();
};

}  // namespace

const Command& serve_command() {
    static const Command command{{"serve"}, "Answer the API of EC2 over HTTP", embedded::help_serve, make_action<Serve>};
    return command;
}

}  // namespace amivirt::cli
