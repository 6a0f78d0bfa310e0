#include "amivirt/services/operations.hpp"

#include <fmt/format.h>

#include "amivirt/base/fault.hpp"

namespace amivirt {

namespace {
constexpr Duration k_retry_interval{50};
}

ActiveOperation::ActiveOperation(Catalog& catalog, Operation row, std::unique_ptr<Liveness::Held> held)
    : catalog_(catalog), row_(std::move(row)), held_(std::move(held)) {}

Result<void> ActiveOperation::finish(const Catalog::Body& last) {
    fault_point("operation.finish");
    AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(last(session));
        return session.operations().erase(row_.id);
    }));
    fault_point("operation.finished");
    held_.reset();
    return {};
}

Result<void> ActiveOperation::turn_into(OperationKind kind, const FirstChange& change) {
    Operation next = row_;
    fault_point("operation.turn");
    AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) -> Result<void> {
        next = row_;
        next.kind = kind;
        next.objects.clear();
        AMIVIRT_TRY(change(session, next));
        return next.objects.empty() ? session.operations().erase(row_.id) : session.operations().update(next);
    }));
    fault_point("operation.turned");
    row_ = std::move(next);
    if (row_.objects.empty()) {
        held_.reset();
    }
    return {};
}

Operations::Operations(Catalog& catalog, Liveness& liveness, IdSource& ids, const Clock& clock, Log& log, long pid)
    : catalog_(catalog), liveness_(liveness), ids_(ids), clock_(clock), log_(log), pid_(pid) {}

Result<std::unique_ptr<ActiveOperation>> Operations::begin(OperationKind kind, const std::vector<std::string>& objects, Duration patience,
                                                           const FirstChange& first) {
    Operation row;
    const auto id = make_id<OperationId>(ids_);
    auto held = AMIVIRT_TRY(liveness_.hold(id));
    fault_point("operation.held");
    const TimePoint deadline = clock_.now() + patience;
    for (;;) {
        auto written = catalog_.write([&](CatalogSession& session) -> Result<void> {
            row = Operation{id, kind, objects, pid_, clock_.now()};
            // Claimed before `first` runs, so that it sees objects no one else is changing.
            if (!row.objects.empty()) {
                AMIVIRT_TRY(session.operations().insert(row));
            }
            Operation extended = row;
            AMIVIRT_TRY(first(session, extended));
            const bool inserted = !row.objects.empty();
            row = std::move(extended);
            if (row.objects.empty()) {
                return inserted ? session.operations().erase(id) : Result<void>{};
            }
            return inserted ? session.operations().update(row) : session.operations().insert(row);
        });
        if (written) {
            break;
        }
        if (written.error().code != Code::busy || clock_.now() >= deadline) {
            return std::move(written.error());
        }
        clock_.sleep(k_retry_interval);
    }
    fault_point("operation.begun");
    if (row.objects.empty()) {
        return std::unique_ptr<ActiveOperation>{};
    }
    log_.write(LogLevel::debug, "operations", fmt::format("{} {} begun on {} object(s)", to_string(kind), id.str(), row.objects.size()));
    return std::make_unique<ActiveOperation>(catalog_, std::move(row), std::move(held));
}

Result<std::vector<std::unique_ptr<ActiveOperation>>> Operations::adopt_dead() {
    const auto list_rows = [&]() -> Result<std::vector<Operation>> {
        std::vector<Operation> rows;
        AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
            auto listing = AMIVIRT_TRY(session.operations().list());
            for (const auto& sentence : listing.unreadable) {
                log_.write(LogLevel::warning, "operations", sentence);
            }
            rows = std::move(listing.records);
            return {};
        }));
        return rows;
    };
    std::vector<std::unique_ptr<ActiveOperation>> adopted;
    std::vector<OperationId> known;
    for (auto& row : AMIVIRT_TRY(list_rows())) {
        known.push_back(row.id);
        auto held = AMIVIRT_TRY(liveness_.adopt(row.id));
        if (!held) {
            continue;
        }
        // Between the listing and the adoption its process may have ended it in good order, or another may have recovered it.
        std::optional<Operation> still;
        AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
            still = AMIVIRT_TRY(session.operations().find(row.id));
            return {};
        }));
        if (still) {
            log_.write(LogLevel::info, "operations",
                       fmt::format("recovering {} {} of dead process {}", to_string(still->kind), still->id.str(), still->pid));
            adopted.push_back(std::make_unique<ActiveOperation>(catalog_, std::move(*still), std::move(held)));
        }
    }
    AMIVIRT_TRY(liveness_.sweep(known));
    return adopted;
}

}  // namespace amivirt
