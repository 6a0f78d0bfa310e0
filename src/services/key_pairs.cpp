#include "amivirt/services/key_pairs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "amivirt/base/fault.hpp"
#include "amivirt/domain/login.hpp"
#include "key_lookup.hpp"

namespace amivirt {

namespace {
/// Documents of EC2's fingerprints, by the pair's id.
const std::string k_fingerprint = "key-fingerprint";
}  // namespace

Result<KeyPair> find_key_pair(CatalogSession& session, const AccountId& caller, const std::string& name_or_id) {
    std::vector<std::string> names;
    for (auto& pair : AMIVIRT_TRY(session.key_pairs().list()).records) {
        if (pair.owner != caller) {
            continue;
        }
        if (pair.name == name_or_id || pair.id.str() == name_or_id) {
            return std::move(pair);
        }
        names.push_back(pair.name);
    }
    const auto close = nearest(name_or_id, names);
    return Error(Code::invalid_key_pair_not_found, fmt::format("key pair \"{}\" not found", name_or_id),
                 close.empty() ? "`amivirt key list` shows those there are" : fmt::format("did you mean \"{}\"?", close));
}

KeyPair KeyPairs::make(const AccountId& caller, const std::string& name, const SshPublicKey& key, const Tags& tags) const {
    return {make_id<KeyPairId>(ports_.ids), caller, name, key.type, key.fingerprint, key.line, ports_.clock.now(), tags};
}

Result<void> KeyPairs::insert(const KeyPair& pair, const std::string& ec2_fingerprint) {
    return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.key_pairs().insert(pair));
        const auto plain = ports_.keys.read_public(pair.public_key);
        if (plain && plain->ec2_fingerprint == ec2_fingerprint) {
            return {};
        }
        return session.documents().insert({document_key(k_fingerprint, pair.id.str()), k_fingerprint, pair.owner.str(),
                                           nlohmann::json{{"fingerprint", ec2_fingerprint}}.dump(), pair.created});
    });
}

Result<std::string> KeyPairs::ec2_fingerprint(CatalogSession& session, const KeyPair& pair) {
    if (const auto kept = AMIVIRT_TRY(session.documents().find(document_key(k_fingerprint, pair.id.str())))) {
        const auto body = nlohmann::json::parse(kept->body, nullptr, false);
        if (body.is_object() && body.contains("fingerprint") && body["fingerprint"].is_string()) {
            return body["fingerprint"].get<std::string>();
        }
    }
    return AMIVIRT_TRY(ports_.keys.read_public(pair.public_key)).ec2_fingerprint;
}

Result<KeyPairs::Created> KeyPairs::create(const AccountId& caller, const std::string& name, KeyType type, const Tags& tags,
                                           const std::string& file) {
    AMIVIRT_TRY(check_key_name(name));
    AMIVIRT_TRY(check_tags(tags));
    // Asked before the file is made; the insert asks again.
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (const auto& other : AMIVIRT_TRY(session.key_pairs().list()).records) {
            if (other.owner == caller && other.name == name) {
                return Error(Code::invalid_key_pair_duplicate, fmt::format("key pair \"{}\" is there already", name),
                             fmt::format("`amivirt key delete {}` first, or another name", name));
            }
        }
        return {};
    }));
    auto key = AMIVIRT_TRY(ports_.keys.generate(type, name));
    const KeyPair pair = make(caller, name, key.public_key, tags);
    if (file.empty()) {
        AMIVIRT_TRY(insert(pair, key.public_key.ec2_fingerprint));
        return Created{pair, std::move(key.private_key), std::move(key.public_key.ec2_fingerprint)};
    }
    // The file first: the other way round, a kill would leave a pair that nobody can use.
    AMIVIRT_TRY(ports_.files.write_new(file, key.private_key));
    fault_point("key.file");
    if (auto inserted = insert(pair, key.public_key.ec2_fingerprint); !inserted) {
        if (const auto removed = ports_.files.remove(file); !removed) {
            return std::move(inserted.error()).with_context(fmt::format("\"{}\" stays: {}", file, removed.error().message));
        }
        return std::move(inserted.error());
    }
    fault_point("key.inserted");
    return Created{pair, std::move(key.private_key), std::move(key.public_key.ec2_fingerprint)};
}

Result<KeyPair> KeyPairs::import(const AccountId& caller, const std::string& name, const std::string& text, const Tags& tags) {
    AMIVIRT_TRY(check_key_name(name));
    AMIVIRT_TRY(check_tags(tags));
    const SshPublicKey key = AMIVIRT_TRY(ports_.keys.read_public(text));
    const KeyPair pair = make(caller, name, key, tags);
    AMIVIRT_TRY(insert(pair, key.ec2_fingerprint));
    return pair;
}

Result<Listing<KeyPair>> KeyPairs::describe(const AccountId& caller, const std::vector<std::string>& names_or_ids,
                                            const std::vector<Filter>& filters, Fingerprints told) {
    AMIVIRT_TRY(check_key_pair_filters(filters));
    Listing<KeyPair> listing;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        std::vector<KeyPairId> wanted;
        for (const auto& word : names_or_ids) {
            wanted.push_back(AMIVIRT_TRY(find_key_pair(session, caller, word)).id);
        }
        auto all = AMIVIRT_TRY(session.key_pairs().list());
        listing.unreadable = std::move(all.unreadable);
        for (auto& pair : all.records) {
            const bool named = wanted.empty() || std::find(wanted.begin(), wanted.end(), pair.id) != wanted.end();
            if (pair.owner != caller || !named) {
                continue;
            }
            if (told == Fingerprints::ec2) {
                pair.fingerprint = AMIVIRT_TRY(ec2_fingerprint(session, pair));
            }
            if (matches(pair, filters)) {
                listing.records.push_back(std::move(pair));
            }
        }
        return {};
    }));
    return listing;
}

Result<KeyPair> KeyPairs::resolve(const AccountId& caller, const std::string& name_or_id) {
    std::optional<KeyPair> pair;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        pair = AMIVIRT_TRY(find_key_pair(session, caller, name_or_id));
        return {};
    }));
    return std::move(*pair);
}

Result<KeyPair> KeyPairs::remove(const AccountId& caller, const std::string& name_or_id) {
    std::optional<KeyPair> pair;
    AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        pair = AMIVIRT_TRY(find_key_pair(session, caller, name_or_id));
        AMIVIRT_TRY(session.documents().erase(document_key(k_fingerprint, pair->id.str())));
        return session.key_pairs().erase(pair->id);
    }));
    return std::move(*pair);
}

Result<KeyPair> KeyPairs::default_pair(const AccountId& caller) {
    const std::string name(k_default_key_name);
    const auto secret = AMIVIRT_TRY(ports_.files.ensure(
        name, [&]() -> Result<std::string> { return AMIVIRT_TRY(ports_.keys.generate(KeyType::ed25519, name)).private_key; }));
    fault_point("key.default_file");
    auto key = AMIVIRT_TRY_CONTEXT(ports_.keys.public_half(secret), fmt::format("reading \"{}\"", ports_.files.path(name)));
    key.line += " " + name;
    KeyPair pair = make(caller, name, key, {});
    AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        for (auto& other : AMIVIRT_TRY(session.key_pairs().list()).records) {
            if (other.owner == caller && other.name == name) {
                if (without_comment(other.public_key) != without_comment(pair.public_key)) {
                    return Error(
                        Code::invalid_key_pair_duplicate,
                        fmt::format("key pair \"{}\" is not the one whose private half is in \"{}\"", name, ports_.files.path(name)),
                        fmt::format("`amivirt key delete {}` lets a launch put in that one, --key NAME names another", name));
                }
                pair = std::move(other);
                return {};
            }
        }
        return session.key_pairs().insert(pair);
    }));
    return pair;
}

}  // namespace amivirt
