#include "faces/cli/render_keys.hpp"

#include "faces/cli/json_fields.hpp"
#include "faces/cli/text.hpp"

namespace amivirt::cli {

Document key_pairs_document(const std::vector<KeyPair>& pairs) {
    Json list = Json::array();
    for (const KeyPair& pair : pairs) {
        Json entry;
        entry["KeyPairId"] = pair.id.str();
        entry["KeyFingerprint"] = pair.fingerprint;
        entry["KeyName"] = pair.name;
        entry["KeyType"] = to_string(pair.type);
        put_tags(entry, pair.tags);
        entry["PublicKey"] = pair.public_key;
        entry["CreateTime"] = to_iso8601(pair.created);
        list.push_back(std::move(entry));
    }
    return document({{"KeyPairs", std::move(list)}});
}

std::string key_pairs_table(const std::vector<KeyPair>& pairs, TimePoint now) {
    TextTable table({"NAME", "ID", "TYPE", "FINGERPRINT", "AGE"});
    for (const KeyPair& pair : pairs) {
        table.add({pair.name, pair.id.str(), std::string(to_string(pair.type)), pair.fingerprint, age(pair.created, now)});
    }
    return table.str();
}

Document new_key_pair_document(const KeyPair& pair, const std::string& private_key) {
    Json out;
    out["KeyFingerprint"] = pair.fingerprint;
    put(out, "KeyMaterial", private_key);
    out["KeyName"] = pair.name;
    out["KeyPairId"] = pair.id.str();
    put_tags(out, pair.tags);
    return document(std::move(out));
}

Document deleted_key_pairs_document(const std::vector<KeyPair>& pairs) {
    if (pairs.size() == 1) {
        return document({{"Return", true}, {"KeyPairId", pairs.front().id.str()}});
    }
    Json list = Json::array();
    for (const KeyPair& pair : pairs) {
        list.push_back({{"Return", true}, {"KeyPairId", pair.id.str()}});
    }
    return document({{"KeyPairs", std::move(list)}});
}

}  // namespace amivirt::cli
