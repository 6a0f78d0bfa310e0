// Detached Ed25519 signatures of files, by their SHA-256.
#pragma once

#include <optional>
#include <string>

#include "amivirt/base/result.hpp"
#include "amivirt/domain/governance.hpp"

namespace amivirt {

struct DetachedSignature {
    std::string fingerprint;  ///< of the key that is said to have made it
    std::string sha256;       ///< of the signed file
    std::string bytes;        ///< raw
};

class Signatures {
public:
    virtual ~Signatures() = default;
    /// A PEM file with an Ed25519 public key; its name is left empty. invalid_parameter_value, fetch_failed.
    [[nodiscard]] virtual Result<TrustedSigner> read_public_key(const std::string& file) = 0;
    /// What the signature's file says, with a PEM file's private key, for a file of that SHA-256. invalid_parameter_value, fetch_failed.
    [[nodiscard]] virtual Result<std::string> sign(const std::string& key_file, const std::string& sha256) = 0;
    /// nullopt: there is no such file. invalid_parameter_value if it is no signature.
    [[nodiscard]] virtual Result<std::optional<DetachedSignature>> read(const std::string& file) = 0;
    /// checksum_mismatch unless `signer` made it.
    [[nodiscard]] virtual Result<void> verify(const DetachedSignature& signature, const TrustedSigner& signer) = 0;
};

}  // namespace amivirt
