// TLS as the server speaks it.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "amivirt/base/result.hpp"
#include "faces/ec2/server.hpp"

namespace amivirt::ec2 {

/// TLS 1.2 and newer, with this certificate. invalid_parameter_value for files that cannot be read or do not belong together.
[[nodiscard]] Result<std::unique_ptr<boost::asio::ssl::context>> make_tls(const TlsFiles& files);

}  // namespace amivirt::ec2
