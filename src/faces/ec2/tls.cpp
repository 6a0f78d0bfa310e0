#include "faces/ec2/tls.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

namespace ssl = boost::asio::ssl;

Result<std::unique_ptr<ssl::context>> make_tls(const TlsFiles& files) {
    auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    // Idle connections need no buffers; and nobody may make us renegotiate, or fill a cache of sessions.
    SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context->native_handle(), SSL_SESS_CACHE_OFF);
    boost::system::error_code error;
    const auto refused = [&](const std::string& what, const std::string& file) {
        return Error(Code::invalid_parameter_value, fmt::format("cannot use the {} \"{}\": {}", what, printable(file), error.message()));
    };
    context->use_certificate_chain_file(files.certificate, error);
    if (error) {
        return refused("certificate", files.certificate);
    }
    context->use_private_key_file(files.key, ssl::context::pem, error);
    if (error) {
        return refused("private key", files.key);
    }
    return context;
}

}  // namespace amivirt::ec2
