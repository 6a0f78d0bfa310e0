// What ssh, exec and cp share.
#pragma once

#include <string>

#include "faces/cli/command.hpp"

namespace amivirt::cli {

/// Their options.
struct LoginOptions {
    LoginRequest request;
    Duration patience = std::chrono::minutes(10);  ///< for a machine that is just booting
    void declare(OptionSet& options);
};
/// Waits for SSH, and says so, if it does not answer at once; then where to log in.
[[nodiscard]] Result<LoginTarget> login_to(Session& session, Services& services, const std::string& instance, const LoginOptions& options);

}  // namespace amivirt::cli
