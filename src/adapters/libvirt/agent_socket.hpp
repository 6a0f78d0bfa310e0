// Where the socket of a guest agent's channel is.
#pragma once

#include <string>

#include "amivirt/base/ids.hpp"

namespace amivirt::libvirt {

/// Short enough for a socket's path (107 characters) whatever the user's home is called: in $XDG_RUNTIME_DIR or, where that is too long,
/// not set or not there, in /tmp/amivirt-UID, which is made. "" if there is no folder that is this user's alone.
[[nodiscard]] std::string own_agent_socket(const InstanceId& instance);

}  // namespace amivirt::libvirt
