// SSH keys: made, read, and kept in files that only their owner may read.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"
#include "amivirt/domain/key_pair.hpp"

namespace amivirt {

struct SshPublicKey {
    KeyType type = KeyType::ed25519;
    std::string line;         ///< type, base64, and the comment if there is one; no line break
    std::string fingerprint;  ///< as KeyPair::fingerprint
    /// As EC2 shows it (source: EC2, "Verify the fingerprint of your key pair"): ed25519's SHA-256 in padded base64; of an RSA key that
    /// generate() made, the SHA-1 of its private half, of another the MD5 of its public one, both in hex with colons.
    std::string ec2_fingerprint{};
};

struct NewSshKey {
    SshPublicKey public_key;
    std::string private_key;  ///< without a passphrase, in a form that ssh and sshd read; ends in a line break
};

class SshKeys {
public:
    virtual ~SshKeys() = default;
    /// A fresh one; RSA keys have 2048 bits (source: EC2 CreateKeyPair).
    [[nodiscard]] virtual Result<NewSshKey> generate(KeyType type, const std::string& comment) = 0;
    /// What a .pub file holds: one key in OpenSSH's form, blank lines and lines of # are passed over; or one in RFC 4716's.
    /// invalid_key_format if it is anything else (a private key, a key of another type, RSA of less than 1024 or more than 16384 bits).
    [[nodiscard]] virtual Result<SshPublicKey> read_public(std::string_view text) = 0;
    /// The public half (without its comment) of a private key that generate() made. invalid_key_format.
    [[nodiscard]] virtual Result<SshPublicKey> public_half(std::string_view private_key) = 0;
};

/// Private keys in files. Their folder is 0700 and they are 0600; a file appears whole, and what a process that was killed meanwhile leaves
/// goes with the next call of ensure(), or of write_new() for that file.
class PrivateKeyFiles {
public:
    virtual ~PrivateKeyFiles() = default;
    /// Where the key called `name` lies in the home's folder of keys, whether it is there or not.
    [[nodiscard]] virtual std::string path(const std::string& name) const = 0;
    /// The text of the key called `name`; made of `fresh` if it is not there. Of two at once, both get the one that was first.
    [[nodiscard]] virtual Result<std::string> ensure(const std::string& name, const std::function<Result<std::string>()>& fresh) = 0;
    /// A new file anywhere. invalid_parameter_value if it is there already, io_error.
    [[nodiscard]] virtual Result<void> write_new(const std::string& file, const std::string& text) = 0;
    [[nodiscard]] virtual Result<void> remove(const std::string& file) = 0;
    /// Is it a private key file that ssh would take? invalid_parameter_value, naming the file: it is not there, is no file, cannot be read,
    /// or others than its owner may read it (its mode is named, and the command that mends it).
    [[nodiscard]] virtual Result<void> check(const std::string& file) = 0;
};

}  // namespace amivirt
