// A transaction: commit is explicit, rollback is the destructor.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "adapters/sqlite/connection.hpp"

namespace amivirt::sqlite {

class Transaction {
public:
    Transaction(Connection& connection, Access access) : connection_(connection), access_(access) {}
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();

    [[nodiscard]] Result<void> begin();
    [[nodiscard]] Result<void> commit();
    [[nodiscard]] Query query(const std::string& sql) { return connection_.query(sql); }
    [[nodiscard]] SQLite::Statement query_once(const std::string& sql) { return connection_.query_once(sql); }
    [[nodiscard]] int changes() const noexcept { return connection_.changes(); }

    /// Runs `step`, which may throw SQLite's exceptions, and gives them back as an Error.
    template <class Step>
    [[nodiscard]] std::invoke_result_t<Step> run(Step&& step) {
        if (lost_) {
            return *lost_;
        }
        try {
            return std::forward<Step>(step)();
        } catch (const SQLite::Exception& exception) {
            return failed(exception);
        }
    }

    /// A change that is made as a whole or not at all, though the transaction goes on. When a unique rule or a reference stood against
    /// it, `explain` is asked, with the change undone, what to say.
    [[nodiscard]] Result<void> change(const std::function<Result<void>()>& step, const std::function<std::optional<Error>()>& explain);

private:
    [[nodiscard]] Error failed(const SQLite::Exception& exception);
    [[nodiscard]] Result<void> undo_change();

    Connection& connection_;
    Access access_;
    /// SQLite ended the transaction by itself (disk full, I/O error): what follows must not run outside it.
    std::optional<Error> lost_;
};

}  // namespace amivirt::sqlite
