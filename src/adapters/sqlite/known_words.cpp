#include "adapters/sqlite/known_words.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "adapters/sqlite/connection.hpp"
#include "adapters/sqlite/row.hpp"
#include "adapters/sqlite/transaction.hpp"

namespace amivirt {

namespace {

using sqlite::Access;
using sqlite::Binder;
using sqlite::Connection;
using sqlite::Row;
using sqlite::Transaction;

/// Of a kind: the table's id, name ("" none) and condition. ?1 is the account.
struct Source {
    std::string_view id;
    std::string_view name;
    std::string_view from;
};

constexpr std::string_view k_no_name = "''";
constexpr std::string_view k_name_tag = "coalesce((SELECT t.value FROM tag t WHERE t.resource_id = o.id AND t.key = 'Name'), '')";

Source source_of(WordKind kind) {
    switch (kind) {
        case WordKind::image:
            return {"o.id", "o.name",
                    "image o WHERE o.state NOT IN ('deregistered', 'failed') AND (o.owner = ?1 OR EXISTS "
                    "(SELECT 1 FROM image_launch_permission p WHERE p.image = o.id AND p.grantee IN (?1, 'all')))"};
        case WordKind::instance:
            return {"o.id", k_name_tag, "instance o WHERE o.owner = ?1 AND o.state <> 'terminated'"};
        case WordKind::volume:
            return {"o.id", k_name_tag, "volume o WHERE o.owner = ?1"};
        case WordKind::snapshot:
            return {"o.id", k_name_tag, "snapshot o WHERE o.owner = ?1 AND o.bin_expires IS NULL"};
        case WordKind::key_pair:
            return {"o.name", k_no_name, "key_pair o WHERE o.owner = ?1"};
        case WordKind::retention_rule:
            return {"o.id", k_no_name, "retention_rule o WHERE ?1 IS NOT NULL"};
        case WordKind::session:
            return {"o.session", k_no_name,
                    "(SELECT DISTINCT session FROM instance WHERE owner = ?1 AND state <> 'terminated' AND session <> '') o WHERE TRUE"};
        case WordKind::binned_image:
            return {"o.id", "o.name", "image o WHERE o.owner = ?1 AND o.bin_expires IS NOT NULL"};
        case WordKind::binned_snapshot:
            return {"o.id", k_name_tag, "snapshot o WHERE o.owner = ?1 AND o.bin_expires IS NOT NULL"};
    }
    return {};
}

class SqliteKnownWords final : public KnownWords {
public:
    explicit SqliteKnownWords(std::string file) : file_(std::move(file)) {}

    [[nodiscard]] Result<std::vector<KnownWord>> words(WordKind kind, const AccountId& account, const std::string& prefix,
                                                       std::size_t most) override {
        std::error_code ignored;
        if (!std::filesystem::exists(file_, ignored)) {
            return std::vector<KnownWord>();
        }
        try {
            Connection connection(file_, Access::read);
            Transaction transaction(connection, Access::read);
            AMIVIRT_TRY(transaction.begin());
            return transaction.run([&] { return find(transaction, kind, account, prefix, most); });
        } catch (const SQLite::Exception& exception) {
            return sqlite::to_error(exception, file_, errno);
        }
    }

private:
    static Result<std::vector<KnownWord>> find(Transaction& transaction, WordKind kind, const AccountId& account, const std::string& prefix,
                                               std::size_t most) {
        constexpr std::string_view k_last_character = "\xf4\x8f\xbf\xbf";  // what begins with a prefix comes before the prefix and this
        const Source source = source_of(kind);
        std::string sql =
            fmt::format("SELECT {0} AS word, {1} AS note FROM {2} AND {0} >= ?2 AND {0} < ?3", source.id, source.name, source.from);
        if (source.name != k_no_name) {
            sql += fmt::format(" UNION ALL SELECT {0}, {1} FROM {2} AND {0} >= ?2 AND {0} < ?3 AND {0} <> ''", source.name, source.id,
                               source.from);
        }
        auto query = transaction.query_once(sql + " ORDER BY word, note LIMIT ?4");
        Binder(query).put(account, prefix, prefix + std::string(k_last_character), most);
        std::vector<KnownWord> found;
        while (query.executeStep()) {
            Row row(query);
            KnownWord& word = found.emplace_back();
            row.get(word.word);
            row.get(word.note);
        }
        return found;
    }

    std::string file_;
};

}  // namespace

std::unique_ptr<KnownWords> make_sqlite_known_words(std::string file) { return std::make_unique<SqliteKnownWords>(std::move(file)); }

}  // namespace amivirt
