#include <algorithm>

#include "faces/ec2/actions/actions.hpp"

namespace amivirt::ec2 {

namespace {

Error no_key_pair(const std::string& name) {
    return {Code::invalid_key_pair_not_found, fmt::format("The key pair '{}' does not exist", printable(name))};
}

Error no_key_pair_id(const std::string& id) {
    return {Code::invalid_key_pair_not_found, fmt::format("The key pair ID '{}' does not exist", printable(id))};
}

/// In EC2's words where it has some.
Error key_pair_words(Error error, const std::string& name) {
    if (error.code == Code::invalid_key_pair_duplicate) {
        return {error.code, fmt::format("The keypair '{}' already exists.", printable(name))};
    }
    return error;
}

void key_pair(Xml& out, const KeyPair& pair) {
    out.text("keyPairId", pair.id.str());
    out.text("keyFingerprint", pair.fingerprint);
    out.text("keyName", pair.name);
    out.text("keyType", to_string(pair.type));
    out.tags(pair.tags);
}

Result<std::vector<KeyPair>> all_pairs(Call& call, const std::vector<Filter>& filters) {
    auto listing = AMIVIRT_TRY(call.services.key_pairs.describe(call.account, {}, filters, KeyPairs::Fingerprints::ec2));
    return std::move(listing.records);
}

}  // namespace

Result<void> create_key_pair(Call& call) {
    const auto name = call.in.required("KeyName");
    KeyType type = KeyType::rsa;  // source: EC2's default
    if (const auto word = call.in.text("KeyType")) {
        if (const auto parsed = parse_key_type(*word)) {
            type = *parsed;
        } else {
            call.in.fault({Code::invalid_parameter_value,
                           fmt::format("Value ({}) for parameter KeyType is invalid: rsa, ed25519", printable(*word))});
        }
    }
    if (const auto word = call.in.text("KeyFormat"); word && *word != "pem") {
        call.in.fault(*word == "ppk" ? Error(Code::unsupported_operation, "The parameter KeyFormat is not supported: keys are made as pem")
                                     : Error(Code::invalid_parameter_value,
                                             fmt::format("Value ({}) for parameter KeyFormat is invalid: pem", printable(*word))));
    }
    auto tags = call.tag_specifications({"key-pair"});
    AMIVIRT_TRY(call.ready());
    const auto made = call.services.key_pairs.create(call.account, name, type, tags["key-pair"]);
    if (!made) {
        return key_pair_words(made.error(), name);
    }
    call.out.text("keyName", made->pair.name);
    call.out.text("keyFingerprint", made->ec2_fingerprint);
    call.out.text("keyMaterial", made->private_key);
    call.out.text("keyPairId", made->pair.id.str());
    call.out.tags(made->pair.tags);
    return {};
}

Result<void> import_key_pair(Call& call) {
    const auto name = call.in.required("KeyName");
    const auto material = call.in.required("PublicKeyMaterial").empty() ? std::nullopt : call.in.blob("PublicKeyMaterial");
    auto tags = call.tag_specifications({"key-pair"});
    AMIVIRT_TRY(call.ready());
    const auto made = call.services.key_pairs.import(call.account, name, material.value_or(""), tags["key-pair"]);
    if (!made) {
        return key_pair_words(made.error(), name);
    }
    const auto ids = AMIVIRT_TRY(all_pairs(call, {{"key-pair-id", {made->id.str()}}}));
    call.out.text("keyName", made->name);
    call.out.some("keyFingerprint", ids.empty() ? "" : ids.front().fingerprint);
    call.out.text("keyPairId", made->id.str());
    call.out.tags(made->tags);
    return {};
}

Result<void> describe_key_pairs(Call& call) {
    const auto names = call.in.texts("KeyName");
    const auto ids = call.in.texts("KeyPairId");
    const auto filters = call.filters();
    const bool whole = call.in.flag("IncludePublicKey");
    AMIVIRT_TRY(call.ready());
    auto pairs = AMIVIRT_TRY(all_pairs(call, {}));
    const auto called = [](const std::string& name) { return [&](const KeyPair& pair) { return pair.name == name; }; };
    const auto identified = [](const std::string& id) { return [&](const KeyPair& pair) { return pair.id.str() == id; }; };
    for (const std::string& name : names) {
        if (std::none_of(pairs.begin(), pairs.end(), called(name))) {
            return no_key_pair(name);
        }
    }
    for (const std::string& id : ids) {
        if (std::none_of(pairs.begin(), pairs.end(), identified(id))) {
            return no_key_pair_id(id);
        }
    }
    if (!filters.empty()) {
        pairs = AMIVIRT_TRY(all_pairs(call, filters));
    }
    if (!names.empty() || !ids.empty()) {
        std::erase_if(pairs, [&](const KeyPair& pair) {
            return std::find(names.begin(), names.end(), pair.name) == names.end() &&
                   std::find(ids.begin(), ids.end(), pair.id.str()) == ids.end();
        });
    }
    call.out.list("keySet", pairs, [&](const KeyPair& pair) {
        key_pair(call.out, pair);
        if (whole) {
            call.out.text("publicKey", pair.public_key);
        }
        call.out.time("createTime", pair.created);
    });
    return {};
}

Result<void> delete_key_pair(Call& call) {
    const auto name = call.in.text("KeyName");
    const auto id = call.in.text("KeyPairId");
    if (!name && !id) {
        call.in.fault({Code::missing_parameter, "The request must contain the parameter KeyName or KeyPairId"});
    }
    AMIVIRT_TRY(call.ready());
    // What is not there is done (source: EC2); a name that is another's id is no name.
    for (const KeyPair& pair : AMIVIRT_TRY(all_pairs(call, {}))) {
        if (name ? pair.name == *name : pair.id.str() == *id) {
            if (auto removed = call.services.key_pairs.remove(call.account, pair.id.str());
                !removed && removed.error().code != Code::invalid_key_pair_not_found) {
                return std::move(removed.error());
            }
            call.yes();
            call.out.text("keyPairId", pair.id.str());
            return {};
        }
    }
    call.yes();
    return {};
}

}  // namespace amivirt::ec2
