#include "adapters/sqlite/transaction.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <stdexcept>

#include "adapters/sqlite/migrations.hpp"

namespace amivirt::sqlite {

Transaction::~Transaction() {
    if (!connection_.in_transaction()) {
        return;
    }
    try {
        connection_.query("ROLLBACK")->exec();
    } catch (const SQLite::Exception&) {
        // The connection still says it is in a transaction, so its owner closes it, which rolls back.
    }
}

Result<void> Transaction::begin() {
    return run([&]() -> Result<void> {
        connection_.query(access_ == Access::write ? "BEGIN IMMEDIATE" : "BEGIN DEFERRED")->exec();
        // The first read: from here on a reader sees one moment. And a newer amivirt may have changed the schema since we opened it.
        return check_schema_version(connection_);
    });
}

Result<void> Transaction::commit() {
    return run([&]() -> Result<void> {
        connection_.query("COMMIT")->exec();
        return {};
    });
}

Result<void> Transaction::change(const std::function<Result<void>()>& step, const std::function<std::optional<Error>()>& explain) {
    if (access_ == Access::read) {
        return Error(Code::internal_error, "The catalog was to be changed inside a read().");
    }
    return run([&]() -> Result<void> {
        query("SAVEPOINT change")->exec();
        std::optional<Error> error;
        try {
            auto done = step();
            if (done) {
                query("RELEASE change")->exec();
                return {};
            }
            error = std::move(done.error());
        } catch (const SQLite::Exception& exception) {
            error = failed(exception);
            if ((exception.getErrorCode() & 0xff) == SQLITE_CONSTRAINT) {
                AMIVIRT_TRY(undo_change());
                if (auto explained = explain()) {
                    return std::move(*explained);
                }
                return std::move(*error);
            }
            if (lost_) {
                return std::move(*error);
            }
        } catch (const std::out_of_range& exception) {
            error = Error(Code::internal_error, fmt::format("The catalog cannot keep a value: {}.", exception.what()));
        }
        AMIVIRT_TRY(undo_change());
        return std::move(*error);
    });
}

Result<void> Transaction::undo_change() {
    query("ROLLBACK TO change")->exec();
    query("RELEASE change")->exec();
    return {};
}

Error Transaction::failed(const SQLite::Exception& exception) {
    auto error = connection_.error(exception);
    if (!connection_.in_transaction()) {
        lost_ = error;
    }
    return error;
}

}  // namespace amivirt::sqlite
