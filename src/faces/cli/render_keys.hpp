// Key pairs: trees in the shape of `aws ec2 describe-key-pairs` and the like, and tables. Pure.
#pragma once

#include <string>
#include <vector>

#include "amivirt/domain/key_pair.hpp"
#include "faces/cli/output.hpp"

namespace amivirt::cli {

/// {"KeyPairs": [{"KeyPairId", "KeyFingerprint", "KeyName", "KeyType", "Tags", "PublicKey", "CreateTime"}]}
[[nodiscard]] Document key_pairs_document(const std::vector<KeyPair>& pairs);
[[nodiscard]] std::string key_pairs_table(const std::vector<KeyPair>& pairs, TimePoint now);
/// {"KeyFingerprint", "KeyMaterial", "KeyName", "KeyPairId", "Tags"}: without KeyMaterial, as ImportKeyPair answers, where it is empty.
[[nodiscard]] Document new_key_pair_document(const KeyPair& pair, const std::string& private_key);
/// {"Return": true, "KeyPairId"}, or {"KeyPairs": [...]} of several.
[[nodiscard]] Document deleted_key_pairs_document(const std::vector<KeyPair>& pairs);

}  // namespace amivirt::cli
