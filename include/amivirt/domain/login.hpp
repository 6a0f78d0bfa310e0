// Who logs in to a machine, and how it is told from another. Pure.
#pragma once

#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"
#include "amivirt/domain/image.hpp"

namespace amivirt {

/// The key pair that a launch makes and uses where none is named; its private half is kept in the home.
inline constexpr std::string_view k_default_key_name = "amivirt";

/// What the image says, else whom the cloud images of its distribution let in (source: cloud-init's system_info, and the distributions' own
/// pages), else "root".
[[nodiscard]] std::string login_user_of(const Image& image);
/// The public host key that a console showed between cloud-init's last "BEGIN SSH HOST KEY KEYS" and its END: "ssh-ed25519 AAAA...", of
/// several the strongest. "": none was shown. The text is the guest's: what is ill-formed is passed over.
[[nodiscard]] std::string host_key_on_console(std::string_view console);
/// What a system may call a user, and what no command line takes for something else. invalid_parameter_value.
[[nodiscard]] Result<void> check_user_name(std::string_view name);
/// "ssh-ed25519 AAAA... comment" without the comment.
[[nodiscard]] std::string without_comment(std::string_view public_key);

}  // namespace amivirt
