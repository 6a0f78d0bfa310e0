// The key of a store's encrypted layers, lent to libvirt.
#pragma once

#include <string>

#include "adapters/common/files.hpp"
#include "adapters/libvirt/connection.hpp"

namespace amivirt::libvirt {

/// The daemon has the key while this lives, in its memory only, where no client can read it back. QEMU gets it from there when a disk is
/// opened; after that nobody needs it. Of several that lend the same at the same time, in whatever processes, the last takes it back: each
/// holds a shared lock on the key file meanwhile. So a process that is killed leaves it to the next one.
class LentKey {
public:
    LentKey() = default;
    LentKey(const LentKey&) = delete;
    LentKey& operator=(const LentKey&) = delete;
    ~LentKey();

    /// Gives libvirt the content of `key_file` as the secret `uuid` (secret_uuid() of the store). The failure is libvirt's; the error that
    /// there is no key (store_corrupt) or that it cannot be read (io_error).
    [[nodiscard]] Result<std::optional<Failure>> lend(const Connection& connection, const std::string& uuid, const std::string& key_file);

private:
    std::optional<Connection> connection_;
    std::string uuid_;
    files::FileDescriptor lock_;
};

}  // namespace amivirt::libvirt
