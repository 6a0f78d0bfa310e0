// Retention rules and the region's policy.
#include "adapters/sqlite/table.hpp"
#include "adapters/sqlite/tables.hpp"

namespace amivirt::sqlite {

namespace {

struct RetentionRuleKind {
    using Record = RetentionRule;
    using Key = RetentionRuleId;
    static constexpr const char* k_noun = "retention rule";
    static constexpr const char* k_table = "retention_rule";
    static constexpr const char* k_columns = "id, kind, days, description, created";

    static const Key& key(const RetentionRule& rule) { return rule.id; }
    static void bind(Binder& binder, const RetentionRule& rule) {
        binder.put(rule.id, rule.kind, rule.days, rule.description, rule.created);
    }
    static RetentionRule read(Row& row) {
        RetentionRule rule;
        row.get(rule.id);
        row.get(rule.kind, parse_retained_kind);
        row.get_all(rule.days, rule.description, rule.created);
        return rule;
    }
    static void read_parts(Transaction& transaction, Loaded<RetentionRule>& loaded) {
        loaded.join(transaction, "SELECT rule, key, value FROM retention_rule_tag", "rule", "", "ORDER BY rule, position",
                    [](Row& row, RetentionRule& rule) {
                        auto& [key, value] = rule.tags.emplace_back();
                        row.get_all(key, value);
                    });
    }
    static void write_parts(Transaction& transaction, const RetentionRule& rule) {
        int position = 0;
        for (const auto& [key, value] : rule.tags) {
            auto query = transaction.query("INSERT INTO retention_rule_tag (rule, position, key, value) VALUES (?, ?, ?, ?)");
            Binder(*query).put(rule.id, position++, key, value);
            query->exec();
        }
    }
    static void erase_parts(Transaction& transaction, const Key& key) {
        auto query = transaction.query("DELETE FROM retention_rule_tag WHERE rule = ?");
        Binder(*query).put(key);
        query->exec();
    }
    static std::optional<Error> obstacle(Transaction& /*transaction*/, const RetentionRule& /*rule*/) { return std::nullopt; }
};

/// The keys of a table with a recycle bin; one that is no id is a record that cannot be read, which its own table tells.
template <class Key>
void read_bin_keys(Transaction& transaction, const char* sql, TimePoint deadline, std::vector<Key>& keys) {
    auto query = transaction.query(sql);
    Binder(*query).put(deadline);
    while (query->executeStep()) {
        if (auto key = Key::parse(query->getColumn(0).getString())) {
            keys.push_back(std::move(*key));
        }
    }
}

void put_words(Transaction& transaction, int criterion, std::string_view kind, const std::vector<std::string>& words) {
    int position = 0;
    for (const auto& word : words) {
        auto query = transaction.query("INSERT INTO allowed_image_word (criterion, kind, position, word) VALUES (?, ?, ?, ?)");
        Binder(*query).put(criterion, kind, position++, word);
        query->exec();
    }
}

}  // namespace

std::unique_ptr<RetentionRuleTable> make_retention_rule_table(Transaction& transaction) {
    return std::make_unique<SqliteTable<RetentionRuleKind>>(transaction);
}

Result<RegionPolicy> read_policy(Transaction& transaction) {
    return transaction.run([&]() -> Result<RegionPolicy> {
        RegionPolicy policy;
        std::string fault;
        {
            auto query = transaction.query("SELECT block_public_access, allowed_images, demand_signature FROM region_policy");
            if (query->executeStep()) {
                Row row(*query);
                row.get(policy.block_public_access);
                row.get(policy.allowed_images, parse_allowed_images);
                row.get(policy.demand_signature);
                fault = row.fault();
            }
        }
        {
            auto query = transaction.query(
                "SELECT max_days_since_created, max_days_since_deprecated FROM allowed_image_criterion ORDER BY position");
            while (query->executeStep()) {
                Row row(*query);
                auto& criterion = policy.criteria.emplace_back();
                row.get_all(criterion.max_days_since_created, criterion.max_days_since_deprecated);
                fault = fault.empty() ? row.fault() : fault;
            }
        }
        {
            auto query = transaction.query("SELECT criterion, kind, word FROM allowed_image_word ORDER BY criterion, kind, position");
            while (query->executeStep()) {
                Row row(*query);
                unsigned criterion = 0;
                row.get(criterion);
                const std::string kind = row.text();
                if (criterion >= policy.criteria.size() || (kind != "provider" && kind != "name")) {
                    row.complain(kind);
                } else {
                    auto& of = policy.criteria[criterion];
                    (kind == "name" ? of.names : of.providers).push_back(row.text());
                }
                fault = fault.empty() ? row.fault() : fault;
            }
        }
        {
            auto query = transaction.query("SELECT fingerprint, name, public_key FROM trusted_signer ORDER BY fingerprint");
            while (query->executeStep()) {
                Row row(*query);
                auto& signer = policy.signers.emplace_back();
                row.get_all(signer.fingerprint, signer.name, signer.public_key);
            }
        }
        if (!fault.empty()) {
            return Error(Code::store_corrupt, fmt::format("The region's policy in the catalog cannot be read: {}.", fault));
        }
        return policy;
    });
}

Result<void> write_policy(Transaction& transaction, const RegionPolicy& policy) {
    const auto step = [&]() -> Result<void> {
        for (const auto* sql : {"DELETE FROM region_policy", "DELETE FROM allowed_image_word", "DELETE FROM allowed_image_criterion",
                                "DELETE FROM trusted_signer"}) {
            transaction.query(sql)->exec();
        }
        {
            auto query = transaction.query(
                "INSERT INTO region_policy (only, block_public_access, allowed_images, demand_signature) VALUES (1, ?, ?, ?)");
            Binder(*query).put(policy.block_public_access, policy.allowed_images, policy.demand_signature);
            query->exec();
        }
        int position = 0;
        for (const auto& criterion : policy.criteria) {
            auto query = transaction.query(
                "INSERT INTO allowed_image_criterion (position, max_days_since_created, max_days_since_deprecated) VALUES (?, ?, ?)");
            Binder(*query).put(position, criterion.max_days_since_created, criterion.max_days_since_deprecated);
            query->exec();
            put_words(transaction, position, "provider", criterion.providers);
            put_words(transaction, position, "name", criterion.names);
            ++position;
        }
        for (const auto& signer : policy.signers) {
            auto query = transaction.query("INSERT INTO trusted_signer (fingerprint, name, public_key) VALUES (?, ?, ?)");
            Binder(*query).put(signer.fingerprint, signer.name, signer.public_key);
            query->exec();
        }
        return {};
    };
    return transaction.change(
        step, [&]() -> std::optional<Error> { return Error(Code::internal_error, "The region's policy names a signer twice."); });
}

Result<BinContents> read_leaving_bin(Transaction& transaction, TimePoint deadline) {
    return transaction.run([&]() -> Result<BinContents> {
        BinContents contents;
        // The plus keeps SQLite from walking the whole table for the sake of its order.
        read_bin_keys(transaction, "SELECT id FROM image WHERE bin_expires <= ? ORDER BY +sequence", deadline, contents.images);
        read_bin_keys(transaction, "SELECT id FROM snapshot WHERE bin_expires <= ? ORDER BY +sequence", deadline, contents.snapshots);
        return contents;
    });
}

}  // namespace amivirt::sqlite
