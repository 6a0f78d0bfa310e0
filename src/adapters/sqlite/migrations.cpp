#include "adapters/sqlite/migrations.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <chrono>
#include <string>
#include <thread>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt::embedded {
extern const std::string_view k_schema_sql;
extern const std::string_view k_migration_2_sql;
extern const std::string_view k_migration_3_sql;
extern const std::string_view k_migration_4_sql;
extern const std::string_view k_migration_5_sql;
extern const std::string_view k_migration_6_sql;
extern const std::string_view k_migration_7_sql;
extern const std::string_view k_migration_8_sql;
}  // namespace amivirt::embedded

namespace amivirt::sqlite {

namespace {

using namespace std::chrono_literals;

/// "AMIV": tells our file from another program's (source: PRAGMA application_id).
constexpr int k_application_id = 0x414d4956;

struct Marks {
    int application_id = 0;
    int schema_version = 0;
    int objects = 0;  ///< tables, indexes, ...
};

Marks read_marks(Connection& connection) {
    auto query = connection.query(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),"
        " (SELECT count(*) FROM sqlite_schema)");
    query->executeStep();
    return {query->getColumn(0).getInt(), query->getColumn(1).getInt(), query->getColumn(2).getInt()};
}

bool is_empty(const Marks& marks) { return marks.application_id == 0 && marks.schema_version == 0 && marks.objects == 0; }

Error too_new(const std::string& file, int found, int known) {
    return Error(
        Code::store_too_new,
        fmt::format("The catalog \"{}\" was written by a newer amivirt: its schema is {}, and this amivirt knows {}.", file, found, known),
        "Use the newer amivirt, or another AMIVIRT_HOME.");
}

Result<void> check_ours(const Marks& marks, const std::string& file, int known) {
    if (is_empty(marks)) {
        return {};
    }
    if (marks.application_id != k_application_id) {
        return Error(Code::store_corrupt, fmt::format("\"{}\" is a database of another program, not a catalog.", file));
    }
    if (marks.schema_version > known) {
        return too_new(file, marks.schema_version, known);
    }
    return {};
}

/// The journal mode is kept in the file, so this is done once. SQLite may say "busy" here without having waited.
void use_write_ahead_log(Connection& connection) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    for (;;) {
        try {
            connection.execute("PRAGMA journal_mode = WAL");
            return;
        } catch (const SQLite::Exception& exception) {
            if ((exception.getErrorCode() & 0xff) != SQLITE_BUSY || std::chrono::steady_clock::now() >= deadline) {
                throw;
            }
        }
        check_interrupt();
        std::this_thread::sleep_for(2ms);
    }
}

/// Rolls back unless it was committed.
class Exclusive {
public:
    explicit Exclusive(Connection& connection) : connection_(connection) { connection_.execute("BEGIN IMMEDIATE"); }
    Exclusive(const Exclusive&) = delete;
    Exclusive& operator=(const Exclusive&) = delete;
    ~Exclusive() {
        if (connection_.in_transaction()) {
            try {
                connection_.execute("ROLLBACK");
            } catch (const SQLite::Exception&) {
                // closing the connection, which follows a failed migration, rolls back
            }
        }
    }
    void commit() { connection_.execute("COMMIT"); }

private:
    Connection& connection_;
};

}  // namespace

const std::vector<Migration>& migrations() {
    static const std::vector<Migration> steps{
        {1, embedded::k_schema_sql},      {2, embedded::k_migration_2_sql}, {3, embedded::k_migration_3_sql},
        {4, embedded::k_migration_4_sql}, {5, embedded::k_migration_5_sql}, {6, embedded::k_migration_6_sql},
        {7, embedded::k_migration_7_sql}, {8, embedded::k_migration_8_sql},
    };
    return steps;
}

int known_schema_version() { return migrations().back().number; }

Result<void> migrate(Connection& connection, const std::vector<Migration>& steps, IdSource& ids) {
    const int newest = steps.back().number;
    Marks marks = read_marks(connection);
    AMIVIRT_TRY(check_ours(marks, connection.file(), newest));
    if (marks.schema_version == newest) {
        return {};
    }
    if (is_empty(marks)) {
        use_write_ahead_log(connection);
        fault_point("catalog.logged");
    }
    Exclusive transaction(connection);
    marks = read_marks(connection);  // another process may have been first
    AMIVIRT_TRY(check_ours(marks, connection.file(), newest));
    if (marks.schema_version == newest) {
        return {};
    }
    if (is_empty(marks)) {
        connection.execute(fmt::format("PRAGMA application_id = {}", k_application_id));
    }
    for (const Migration& step : steps) {
        if (step.number > marks.schema_version) {
            connection.execute(std::string(step.sql));
        }
    }
    if (marks.schema_version == 0) {
        auto insert = connection.query("INSERT INTO store (id) VALUES (?)");
        insert->bind(1, (ids.hex17() + ids.hex17()).substr(0, 32));
        insert->exec();
    }
    connection.execute(fmt::format("PRAGMA user_version = {}", newest));
    fault_point("catalog.migrated");
    transaction.commit();
    return {};
}

Result<void> check_schema_version(Connection& connection) {
    auto query = connection.query("PRAGMA user_version");
    query->executeStep();
    const int found = query->getColumn(0).getInt();
    if (found > known_schema_version()) {
        return too_new(connection.file(), found, known_schema_version());
    }
    return {};
}

}  // namespace amivirt::sqlite
