#include "adapters/sqlite/table.hpp"
#include "adapters/sqlite/tables.hpp"

namespace amivirt::sqlite {

namespace {

struct KeyPairKind {
    using Record = KeyPair;
    using Key = KeyPairId;
    static constexpr const char* k_noun = "key pair";
    static constexpr const char* k_table = "key_pair";
    static constexpr const char* k_columns = "id, owner, name, type, fingerprint, public_key, created";

    static const Key& key(const KeyPair& pair) { return pair.id; }
    static void bind(Binder& binder, const KeyPair& pair) {
        binder.put(pair.id, pair.owner, pair.name, pair.type, pair.fingerprint, pair.public_key, pair.created);
    }
    static KeyPair read(Row& row) {
        KeyPair pair;
        row.get_all(pair.id, pair.owner, pair.name);
        row.get(pair.type, parse_key_type);
        row.get_all(pair.fingerprint, pair.public_key, pair.created);
        return pair;
    }
    static void read_parts(Transaction& transaction, Loaded<KeyPair>& loaded) { TagParts<KeyPairKind>::read(transaction, loaded); }
    static void write_parts(Transaction& transaction, const KeyPair& pair) { TagParts<KeyPairKind>::write(transaction, pair); }
    static void erase_parts(Transaction& transaction, const Key& key) { TagParts<KeyPairKind>::erase(transaction, key); }
    static std::optional<Error> obstacle(Transaction& transaction, const KeyPair& pair) {
        auto query = transaction.query("SELECT 1 FROM key_pair WHERE owner = ? AND name = ? AND id <> ?");
        Binder(*query).put(pair.owner, pair.name, pair.id);
        if (!query->executeStep()) {
            return std::nullopt;
        }
        return Error(Code::invalid_key_pair_duplicate, fmt::format("The keypair '{}' already exists.", pair.name));
    }
};

}  // namespace

std::unique_ptr<KeyPairTable> make_key_pair_table(Transaction& transaction) {
    return std::make_unique<SqliteTable<KeyPairKind>>(transaction);
}

}  // namespace amivirt::sqlite
