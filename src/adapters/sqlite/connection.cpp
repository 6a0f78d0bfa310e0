#include "adapters/sqlite/connection.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>

#include "adapters/sqlite/functions.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt::sqlite {

namespace {

using namespace std::chrono_literals;

constexpr auto k_patience = 30s;
constexpr auto k_longest_pause = 25ms;

}  // namespace

Connection::Connection(const std::string& file, Access access)
    : file_(file),
      access_(access),
      database_(file, (access == Access::read ? SQLite::OPEN_READONLY : SQLite::OPEN_READWRITE) | SQLite::OPEN_NOMUTEX |
                          SQLite::OPEN_PRIVATECACHE) {
    ::sqlite3_extended_result_codes(database_.getHandle(), 1);
    ::sqlite3_busy_handler(database_.getHandle(), &Connection::wait_for_other, this);
    // temp_store: savepoints need no files, so a full or missing /tmp cannot hurt.
    add_functions(database_.getHandle());
    database_.exec("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY");
}

// Our own waiting, because sqlite3_busy_timeout() would sit out its 30 s through a Ctrl-C.
int Connection::wait_for_other(void* self, int attempt) noexcept {
    auto& connection = *static_cast<Connection*>(self);
    const auto now = std::chrono::steady_clock::now();
    if (attempt == 0) {
        connection.waiting_since_ = now;
    }
    if (connection.access_ == Access::read || pending_interrupt() != 0 || now - connection.waiting_since_ >= k_patience) {
        return 0;
    }
    std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(1ms * (attempt + 1), k_longest_pause));
    return 1;
}

Query Connection::query(const std::string& sql) {
    auto& kept = statements_[sql];
    auto statement = std::move(kept);
    if (!statement) {
        statement = std::make_unique<SQLite::Statement>(database_, sql);
    }
    return Query(kept, std::move(statement));
}

void Connection::execute(const std::string& sql) { database_.exec(sql); }

int Connection::changes() const noexcept { return ::sqlite3_changes(database_.getHandle()); }

bool Connection::in_transaction() const noexcept { return ::sqlite3_get_autocommit(database_.getHandle()) == 0; }

Error Connection::error(const SQLite::Exception& exception) {
    const int system_error = ::sqlite3_system_errno(database_.getHandle());
    const int primary = exception.getErrorCode() & 0xff;
    if (primary == SQLITE_BUSY) {
        check_interrupt();
    } else if (primary != SQLITE_CONSTRAINT) {
        healthy_ = false;
    }
    return to_error(exception, file_, system_error);
}

Error to_error(const SQLite::Exception& exception, const std::string& file, int system_error) {
    const std::string why = system_error == 0 ? std::string(exception.what())
                                              : fmt::format("{} ({})", exception.what(), std::generic_category().message(system_error));
    const bool no_space = system_error == ENOSPC || system_error == EDQUOT;
    switch (exception.getErrorCode() & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return Error(Code::lock_timeout, fmt::format("Another process has kept the catalog \"{}\" locked for 30 s.", file),
                         fmt::format("fuser -v \"{}\" names the processes that have it open.", file));
        case SQLITE_FULL:
            return Error(Code::store_full, fmt::format("There is no space left to write the catalog \"{}\".", file));
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_READONLY:
            if (no_space) {
                return Error(Code::store_full, fmt::format("There is no space left to write the catalog \"{}\".", file));
            }
            return Error(Code::io_error, fmt::format("Cannot read or write the catalog \"{}\": {}.", file, why));
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return Error(Code::store_corrupt, fmt::format("The catalog \"{}\" is damaged or not a catalog: {}.", file, exception.what()),
                         "It was left as it is; bring it back from a copy.");
        default:
            return Error(Code::internal_error, fmt::format("The catalog \"{}\" refused a step: {}.", file, exception.what()));
    }
}

}  // namespace amivirt::sqlite
