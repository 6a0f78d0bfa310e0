// A certificate that this machine makes for itself, for a server that nobody else vouches for.
#pragma once

#include <string>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/result.hpp"

namespace amivirt {

struct OwnCertificate {
    std::string certificate;  ///< PEM, for clients to trust (0644)
    std::string key;          ///< PEM, with the certificate (0600)
};

/// The one in `folder`; made (anew) if there is none, if it ends within a month of `now`, cannot be read, or is not for `address`. It is
/// for localhost, 127.0.0.1, ::1, `address` (an IP address) and, in a new one, what the old one was for. An ECDSA key on P-256. One process
/// at a time makes it; killed anywhere, the next one does. io_error.
[[nodiscard]] Result<OwnCertificate> own_certificate(const std::string& folder, const std::string& address, TimePoint now);

}  // namespace amivirt
