// A key pair: the public half that is put into instances at launch (source: EC2 key pairs).
#pragma once

#include <string>
#include <string_view>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/ids.hpp"
#include "amivirt/domain/tag.hpp"

namespace amivirt {

enum class KeyType { ed25519, rsa };
[[nodiscard]] std::string_view to_string(KeyType value) noexcept;
[[nodiscard]] Result<KeyType> parse_key_type(std::string_view text);

struct KeyPair {
    KeyPairId id;
    AccountId owner;
    std::string name;  ///< unique among its owner's
    KeyType type = KeyType::ed25519;
    std::string fingerprint;  ///< "SHA256:..." of the public key's blob in base64 without padding, as ssh-keygen -l prints it
    std::string public_key;   ///< one line of authorized_keys: type, base64, and a comment if it has one
    TimePoint created{};
    Tags tags;
};

/// EC2's rule: 1..255 printable ASCII characters, no space at either end. invalid_parameter_value.
[[nodiscard]] Result<void> check_key_name(std::string_view name);

}  // namespace amivirt
