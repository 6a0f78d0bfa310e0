// Key pairs (source: EC2 key pairs): whose public half launches put into instances.
#pragma once

#include <string>
#include <vector>

#include "amivirt/domain/key_pair_filter.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/id_source.hpp"
#include "amivirt/ports/ssh_keys.hpp"

namespace amivirt {

class KeyPairs {
public:
    struct Ports {
        Catalog& catalog;
        SshKeys& keys;
        PrivateKeyFiles& files;
        IdSource& ids;
        const Clock& clock;
    };
    explicit KeyPairs(Ports ports) : ports_(ports) {}

    struct Created {
        KeyPair pair;
        std::string private_key;  ///< told this once, and kept nowhere but in `file`
        std::string ec2_fingerprint;
    };
    /// With `file` not empty, the private half is also written there, 0600, never over another file. Killed anywhere, there is no pair
    /// whose private half is not in its file (but maybe a file without a pair). invalid_key_pair_duplicate.
    [[nodiscard]] Result<Created> create(const AccountId& caller, const std::string& name, KeyType type, const Tags& tags,
                                         const std::string& file = {});
    /// `text` is what a .pub file holds. invalid_key_pair_duplicate, invalid_key_format.
    [[nodiscard]] Result<KeyPair> import(const AccountId& caller, const std::string& name, const std::string& text, const Tags& tags);
    /// How KeyPair::fingerprint is told: as ssh-keygen prints it, or as EC2 does (SshPublicKey::ec2_fingerprint).
    enum class Fingerprints { openssh, ec2 };
    /// All of the caller's, or these by name or id, in order of creation. invalid_key_pair_not_found.
    [[nodiscard]] Result<Listing<KeyPair>> describe(const AccountId& caller, const std::vector<std::string>& names_or_ids,
                                                    const std::vector<Filter>& filters, Fingerprints told = Fingerprints::openssh);
    /// By name or id. invalid_key_pair_not_found, with the nearest name.
    [[nodiscard]] Result<KeyPair> resolve(const AccountId& caller, const std::string& name_or_id);
    /// Instances that have it keep it. The file of the default pair stays: the next default pair is of the same key.
    [[nodiscard]] Result<KeyPair> remove(const AccountId& caller, const std::string& name_or_id);
    /// The caller's pair k_default_key_name, made (ed25519) if it is not there, of the private key that the home has under that name, which
    /// is made likewise. Two at once get the same. invalid_key_pair_duplicate: a pair of that name is of another key.
    [[nodiscard]] Result<KeyPair> default_pair(const AccountId& caller);

private:
    [[nodiscard]] KeyPair make(const AccountId& caller, const std::string& name, const SshPublicKey& key, const Tags& tags) const;
    /// With EC2's fingerprint, where the public half alone does not tell it.
    [[nodiscard]] Result<void> insert(const KeyPair& pair, const std::string& ec2_fingerprint);
    [[nodiscard]] Result<std::string> ec2_fingerprint(CatalogSession& session, const KeyPair& pair);
    Ports ports_;
};

}  // namespace amivirt
