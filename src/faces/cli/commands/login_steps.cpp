#include "faces/cli/commands/login_steps.hpp"

#include "faces/cli/progress_bar.hpp"

namespace amivirt::cli {

void LoginOptions::declare(OptionSet& options) {
    options.text("-u,--user", "USER", "as whom; the image's own user if not said", request.user);
    options.text("-i,--identity", "FILE", "with which private key", request.identity_file);
    options.flag("--accept-new-host-key", "believe the SSH host key that it shows now, and only that one from then on",
                 [this] { request.accept_new_host_key = AcceptNewHostKey::yes; });
    options.parsed("--timeout", "TIME", "how long to wait until SSH answers: 90s, 5m; 10m if not said", patience, parse_duration);
}

Result<LoginTarget> login_to(Session& session, Services& services, const std::string& instance, const LoginOptions& options) {
    LoginRequest request = options.request;
    request.instance = instance;
    {
        ProgressBar progress(session.talk(), session.around().ticks);
        AMIVIRT_TRY(services.logins.wait(services.account, instance, options.patience, progress));
    }
    return services.logins.target(services.account, request);
}

}  // namespace amivirt::cli
