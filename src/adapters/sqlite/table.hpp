// A table of the catalog, from a description of its records.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapters/sqlite/row.hpp"
#include "adapters/sqlite/transaction.hpp"
#include "amivirt/ports/catalog.hpp"

namespace amivirt::sqlite {

/// Records on their way out of the database, while the rows of the tables that belong to them are added.
template <class Record>
class Loaded {
public:
    struct Entry {
        std::string key;
        Record record;
        std::string fault;  ///< why it cannot be read; "" if it can
    };

    /// Which of the records: a condition that follows the key's column, with one parameter.
    struct Restriction {
        std::string condition;
        std::string value;
    };

    explicit Loaded(std::optional<Restriction> only) : only_(std::move(only)) {}

    void add(std::string key, Record record, std::string fault) {
        positions_.emplace(key, entries_.size());
        entries_.push_back({std::move(key), std::move(record), std::move(fault)});
    }
    [[nodiscard]] std::vector<Entry>& entries() noexcept { return entries_; }

    /// Reads a table of parts: `sql` selects the owner's key, which is in the column `owner`, and then what `each(Row&, Record&)` reads;
    /// `all` restricts it to owners of this kind, where all of them are asked for. One query, however many records there are.
    template <class Each>
    void join(Transaction& transaction, std::string_view sql, std::string_view owner, std::string_view all, std::string_view order,
              Each each) {
        auto query = transaction.query(only_ ? fmt::format("{} WHERE {} {} {}", sql, owner, only_->condition, order)
                                             : fmt::format("{} {} {}", sql, all, order));
        if (only_) {
            query->bind(1, only_->value);
        }
        while (query->executeStep()) {
            Row row(*query);
            const auto found = positions_.find(row.text());
            if (found == positions_.end()) {
                continue;
            }
            Entry& entry = entries_[found->second];
            each(row, entry.record);
            if (entry.fault.empty()) {
                entry.fault = row.fault();
            }
        }
    }

private:
    std::optional<Restriction> only_;
    std::vector<Entry> entries_;
    std::unordered_map<std::string, std::size_t> positions_;
};

/// `Kind` describes one kind of record:
///   Record, Key; k_noun ("image"); k_table; k_columns (the key's first);
///   key(record); bind(Binder&, record) and read(Row&), over k_columns;
///   read_parts(Transaction&, Loaded<Record>&), write_parts(Transaction&, record), erase_parts(Transaction&, key): rows of other tables;
///   obstacle(Transaction&, record): the Error that words which rule stands against it, if one does.
template <class Kind>
class SqliteTable final : public Table<typename Kind::Record, typename Kind::Key> {
public:
    using Record = typename Kind::Record;
    using Key = typename Kind::Key;

    explicit SqliteTable(Transaction& transaction) : transaction_(transaction) {}

    [[nodiscard]] Result<std::optional<Record>> find(const Key& key) override {
        return transaction_.run([&]() -> Result<std::optional<Record>> {
            static const std::string sql = fmt::format("SELECT {} FROM {} WHERE {} = ?", Kind::k_columns, Kind::k_table, key_column());
            Loaded<Record> loaded(typename Loaded<Record>::Restriction{"= ?", text(key)});
            {
                auto query = transaction_.query(sql);
                Binder(*query).put(key);
                load(*query, loaded);
            }
            if (loaded.entries().empty()) {
                return std::optional<Record>();
            }
            Kind::read_parts(transaction_, loaded);
            auto& entry = loaded.entries().front();
            if (!entry.fault.empty()) {
                return Error(Code::store_corrupt, sentence(entry.key, entry.fault), "The record was left as it is.");
            }
            return std::optional<Record>(std::move(entry.record));
        });
    }

    [[nodiscard]] Result<Listing<Record>> list() override {
        return transaction_.run([&]() -> Result<Listing<Record>> {
            static const std::string sql = fmt::format("SELECT {} FROM {} ORDER BY sequence", Kind::k_columns, Kind::k_table);
            Loaded<Record> loaded(std::nullopt);
            {
                auto query = transaction_.query(sql);
                load(*query, loaded);
            }
            return listing_of(loaded);
        });
    }

    /// Those of these sequence numbers, in their order.
    [[nodiscard]] Result<Listing<Record>> list(std::span<const std::int64_t> sequences) {
        return transaction_.run([&]() -> Result<Listing<Record>> {
            static const std::string sql = fmt::format(
                "SELECT {} FROM (SELECT key AS place, value AS number FROM json_each(?)) JOIN {} ON sequence = number ORDER BY place",
                Kind::k_columns, Kind::k_table);
            static const std::string chosen =
                fmt::format("IN (SELECT {} FROM {} WHERE sequence IN (SELECT value FROM json_each(?)))", key_column(), Kind::k_table);
            const std::string numbers = fmt::format("[{}]", fmt::join(sequences, ","));
            Loaded<Record> loaded(typename Loaded<Record>::Restriction{chosen, numbers});
            {
                auto query = transaction_.query(sql);
                Binder(*query).put(numbers);
                load(*query, loaded);
            }
            return listing_of(loaded);
        });
    }

    [[nodiscard]] Result<void> insert(const Record& record) override {
        const auto step = [&]() -> Result<void> {
            static const std::string sql = fmt::format("INSERT INTO {} ({}) VALUES ({})", Kind::k_table, Kind::k_columns, marks());
            {
                auto query = transaction_.query(sql);
                Binder binder(*query);
                Kind::bind(binder, record);
                query->exec();
            }
            Kind::write_parts(transaction_, record);
            return {};
        };
        return transaction_.change(step, [&]() -> std::optional<Error> {
            static const std::string sql = fmt::format("SELECT 1 FROM {} WHERE {} = ?", Kind::k_table, key_column());
            auto query = transaction_.query(sql);
            Binder(*query).put(Kind::key(record));
            if (query->executeStep()) {
                return Error(Code::internal_error,
                             fmt::format("The {} \"{}\" is already in the catalog.", Kind::k_noun, text(Kind::key(record))));
            }
            return Kind::obstacle(transaction_, record);
        });
    }

    [[nodiscard]] Result<void> update(const Record& record) override {
        const auto step = [&]() -> Result<void> {
            static const std::string sql = fmt::format("UPDATE {} SET ({}) = ({}) WHERE {} = ?1", Kind::k_table,
                                                       after_comma(Kind::k_columns), after_comma(marks()), key_column());
            {
                auto query = transaction_.query(sql);
                Binder binder(*query);
                Kind::bind(binder, record);
                query->exec();
                if (transaction_.changes() == 0) {
                    return Error(Code::internal_error,
                                 fmt::format("The {} \"{}\" is not in the catalog.", Kind::k_noun, text(Kind::key(record))));
                }
            }
            Kind::erase_parts(transaction_, Kind::key(record));
            Kind::write_parts(transaction_, record);
            return {};
        };
        return transaction_.change(step, [&]() { return Kind::obstacle(transaction_, record); });
    }

    [[nodiscard]] Result<void> erase(const Key& key) override {
        const auto step = [&]() -> Result<void> {
            static const std::string sql = fmt::format("DELETE FROM {} WHERE {} = ?", Kind::k_table, key_column());
            Kind::erase_parts(transaction_, key);
            auto query = transaction_.query(sql);
            Binder(*query).put(key);
            query->exec();
            return {};
        };
        return transaction_.change(step, [&]() -> std::optional<Error> {
            return Error(Code::internal_error, fmt::format("The {} \"{}\" is in use.", Kind::k_noun, text(key)));
        });
    }

private:
    static const std::string& text(const std::string& key) { return key; }
    template <class IdKind>
    static const std::string& text(const Id<IdKind>& key) {
        return key.str();
    }
    static std::string_view key_column() {
        return std::string_view(Kind::k_columns).substr(0, std::string_view(Kind::k_columns).find(','));
    }
    static std::string after_comma(const std::string& list) { return list.substr(list.find(',') + 1); }
    /// "?1, ?2, ..." for k_columns.
    static std::string marks() {
        std::string list = "?1";
        const auto columns = std::string_view(Kind::k_columns);
        for (int i = 2; i <= std::ranges::count(columns, ',') + 1; ++i) {
            list += fmt::format(", ?{}", i);
        }
        return list;
    }
    static std::string sentence(const std::string& key, const std::string& fault) {
        return fmt::format("The {} \"{}\" in the catalog cannot be read: {}, which this amivirt does not understand.", Kind::k_noun, key,
                           fault);
    }
    Listing<Record> listing_of(Loaded<Record>& loaded) {
        Listing<Record> listing;
        if (loaded.entries().empty()) {
            return listing;
        }
        Kind::read_parts(transaction_, loaded);
        listing.records.reserve(loaded.entries().size());
        for (auto& entry : loaded.entries()) {
            if (entry.fault.empty()) {
                listing.records.push_back(std::move(entry.record));
            } else {
                listing.unreadable.push_back(sentence(entry.key, entry.fault));
            }
        }
        return listing;
    }
    static void load(SQLite::Statement& statement, Loaded<Record>& loaded) {
        while (statement.executeStep()) {
            Row row(statement);
            std::string key = statement.getColumn(0).getString();
            Record record = Kind::read(row);
            loaded.add(std::move(key), std::move(record), row.fault());
        }
    }

    Transaction& transaction_;
};

/// The two columns of a stay in the recycle bin: both or none.
inline void put_bin_stay(Binder& binder, const std::optional<BinStay>& stay) {
    if (stay) {
        binder.put(stay->entered, stay->expires);
    } else {
        binder.put(std::nullopt, std::nullopt);
    }
}
inline void get_bin_stay(Row& row, std::optional<BinStay>& stay) {
    if (row.null_here()) {
        row.skip(2);
        return;
    }
    stay.emplace();
    row.get_all(stay->entered, stay->expires);
}

/// The `tag` rows of a record, for the kinds that have tags.
template <class Kind>
struct TagParts {
    template <class Record>
    static void read(Transaction& transaction, Loaded<Record>& loaded) {
        // All ids of a kind lie between "i-" and "i."
        static const std::string prefix{Kind::Key::prefix()};
        static const std::string all =
            fmt::format("WHERE resource_id >= '{}' AND resource_id < '{}.'", prefix, std::string_view(prefix).substr(0, prefix.size() - 1));
        loaded.join(transaction, "SELECT resource_id, key, value FROM tag", "resource_id", all, "", [](Row& row, Record& record) {
            std::string key = row.text();
            record.tags.insert_or_assign(std::move(key), row.text());
        });
    }
    template <class Record>
    static void write(Transaction& transaction, const Record& record) {
        for (const auto& [key, value] : record.tags) {
            auto query = transaction.query("INSERT INTO tag (resource_id, key, value) VALUES (?, ?, ?)");
            Binder(*query).put(record.id, key, value);
            query->exec();
        }
    }
    template <class Key>
    static void erase(Transaction& transaction, const Key& key) {
        auto query = transaction.query("DELETE FROM tag WHERE resource_id = ?");
        Binder(*query).put(key);
        query->exec();
    }
};

}  // namespace amivirt::sqlite
