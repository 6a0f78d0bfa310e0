// One SQLite connection, used by one thread at a time.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "amivirt/base/result.hpp"

namespace amivirt::sqlite {

/// A prepared statement, ready to bind. When this goes, the statement is reset and kept for the next one who asks the same.
class Query {
public:
    using Kept = std::unique_ptr<SQLite::Statement>;

    Query(Kept& place, Kept statement) : place_(place), statement_(std::move(statement)) {}
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;
    ~Query() {
        statement_->tryReset();
        place_ = std::move(statement_);
    }
    SQLite::Statement* operator->() noexcept { return statement_.get(); }
    SQLite::Statement& operator*() noexcept { return *statement_; }

private:
    Kept& place_;
    Kept statement_;
};

enum class Access { read, write };

class Connection {
public:
    /// Sets what SQLite forgets between connections: foreign keys, synchronous, how long to wait. Reads nothing yet. One that only reads
    /// waits for nobody.
    explicit Connection(const std::string& file, Access access = Access::write);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Prepared once and kept (another one is made while it is in use). Throws SQLite::Exception.
    [[nodiscard]] Query query(const std::string& sql);
    /// The same for a statement that is made up for the occasion: not kept, since there is no end of them.
    [[nodiscard]] SQLite::Statement query_once(const std::string& sql) { return SQLite::Statement(database_, sql); }
    /// One statement, or several without results. Throws SQLite::Exception.
    void execute(const std::string& sql);
    /// Rows changed by the last statement.
    [[nodiscard]] int changes() const noexcept;
    [[nodiscard]] bool in_transaction() const noexcept;
    [[nodiscard]] const std::string& file() const noexcept { return file_; }

    /// What went wrong, read at once, while SQLite still knows it. Throws Interrupted if that is why a wait ended.
    [[nodiscard]] Error error(const SQLite::Exception& exception);
    /// After a failure of the file (not of a rule) the connection is not used again.
    [[nodiscard]] bool healthy() const noexcept { return healthy_; }

private:
    static int wait_for_other(void* self, int attempt) noexcept;

    std::string file_;
    Access access_;
    std::chrono::steady_clock::time_point waiting_since_{};
    bool healthy_ = true;
    SQLite::Database database_;                                // before the statements, which must go first
    std::unordered_map<std::string, Query::Kept> statements_;  // empty while in use; an entry stays where it is
};

/// A failure of SQLite in words, for the catalog in `file`. `system_error` is errno as SQLite saw it, 0 if unknown.
[[nodiscard]] Error to_error(const SQLite::Exception& exception, const std::string& file, int system_error);

}  // namespace amivirt::sqlite
