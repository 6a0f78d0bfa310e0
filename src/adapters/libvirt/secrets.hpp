// The key of a store's encrypted layers, lent to libvirt.
#pragma once

#include <string>

#include "adapters/libvirt/connection.hpp"

namespace amivirt::libvirt {

/// Gives libvirt the content of `key_file` as the secret `uuid` (secret_uuid() of the store), which lives in the daemon's memory only and
/// which no client can read back. The failure is libvirt's; the error that the key cannot be read (io_error).
[[nodiscard]] Result<std::optional<Failure>> lend_key(const Connection& connection, const std::string& uuid, const std::string& key_file);

}  // namespace amivirt::libvirt
