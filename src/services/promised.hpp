// Images and snapshots of which somebody was told before they were made (Promises, from the side of who makes them). Private to
// src/services.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>

#include "amivirt/base/log.hpp"
#include "amivirt/services/promises.hpp"
#include "kept_json.hpp"

namespace amivirt {

inline const std::string k_promise = "promise";  // the kind of their documents

[[nodiscard]] inline bool is_pending(const Image& image) { return image.state == ImageState::pending; }
[[nodiscard]] inline bool is_pending(const Snapshot& snapshot) { return snapshot.state == SnapshotState::pending; }

inline void fail(Image& image, const std::string& reason) {
    image.state = ImageState::failed;
    image.state_reason = reason;
    image.mapping.clear();
}
inline void fail(Snapshot& snapshot, const std::string& reason) {
    snapshot.state = SnapshotState::error;
    snapshot.state_message = reason;
    snapshot.layer = {};
}

// What a promised object lets go of when what was done for it is undone: others may collect it.
inline void let_go(Image& image) { image.mapping.clear(); }
inline void let_go(Snapshot& snapshot) { snapshot.layer = {}; }

/// invalid_parameter_value if it was to be made again, and is pending no more or was never promised.
template <class Record, class Id>
[[nodiscard]] Result<void> check_again(CatalogSession& session, Table<Record, Id>& table, const PromiseOf<Id>& promise) {
    if (!promise.again) {
        return {};
    }
    const auto before = AMIVIRT_TRY(table.find(*promise.again));
    if (!before || !is_pending(*before) || !AMIVIRT_TRY(kept::find(session, k_promise, promise.again->str()))) {
        return Error(Code::invalid_parameter_value, fmt::format("nobody was promised {}", promise.again->str()));
    }
    return {};
}

/// In the transaction that begins it: the pending object, and how it could be asked for again. Errors of check_again().
template <class Record, class Id>
[[nodiscard]] Result<void> put_pending(CatalogSession& session, Table<Record, Id>& table, Record& pending, const PromiseOf<Id>& promise) {
    AMIVIRT_TRY(check_again(session, table, promise));
    if (promise.again) {
        auto before = AMIVIRT_TRY(table.find(pending.id));
        pending.created = before->created;
        pending.tags = std::move(before->tags);  // it may have been tagged meanwhile
        return table.update(pending);
    }
    AMIVIRT_TRY(table.insert(pending));
    return promise.how.empty()
               ? Result<void>()
               : kept::put(session, k_promise, pending.id.str(), pending.owner.str(), {{"how", promise.how}}, pending.created);
}

/// In the transaction that makes it, which has its record pending or none: `made`, with the tags that it was given meanwhile.
template <class Record, class Id>
[[nodiscard]] Result<void> put_made(Table<Record, Id>& table, Record& made) {
    auto pending = AMIVIRT_TRY(table.find(made.id));
    if (!pending) {
        return table.insert(made);
    }
    made.tags = std::move(pending->tags);
    return table.update(made);
}

/// In the transaction that undoes it: gone, or, where it was promised, pending and without anything it could hold.
template <class Record, class Id>
[[nodiscard]] Result<void> withdraw(CatalogSession& session, Table<Record, Id>& table, const Id& id) {
    auto record = AMIVIRT_TRY(table.find(id));
    if (!record || !AMIVIRT_TRY(kept::find(session, k_promise, id.str()))) {
        return table.erase(id);
    }
    let_go(*record);
    return table.update(*record);
}

/// Whoever was told the id finds the object failed, with the reason, whether undoing it has left its record or not.
template <class Record, class Id>
void leave_failed(Catalog& catalog, Table<Record, Id>& (CatalogSession::*table)(), const Record& object, const Error& reason, Log& log) {
    const auto left = catalog.write([&](CatalogSession& session) -> Result<void> {
        auto there = AMIVIRT_TRY((session.*table)().find(object.id));
        AMIVIRT_TRY(kept::erase(session, k_promise, object.id.str()));
        if (there && !is_pending(*there)) {
            return {};
        }
        Record failed = there ? std::move(*there) : object;
        fail(failed, reason.message);
        return there ? (session.*table)().update(failed) : (session.*table)().insert(failed);
    });
    if (!left) {
        log.write(LogLevel::warning, "promises", fmt::format("writing down that {} failed: {}", object.id.str(), describe(left.error())));
    }
}

/// `make`, with what it needs to have its object told; where it fails after that, the object stays, failed.
template <class Record, class Id, class Request, class Make>
[[nodiscard]] Result<Record> make_promised(Catalog& catalog, Log& log, Table<Record, Id>& (CatalogSession::*table)(), Request request,
                                           const Make& make) {
    if (!request.on_reserved) {
        return make(request);
    }
    std::optional<Record> promised;
    request.on_reserved = [&promised, tell = request.on_reserved](const Record& pending) {
        promised = pending;
        tell(pending);
    };
    auto made = make(request);
    if (!made && promised) {
        leave_failed(catalog, table, *promised, made.error(), log);
    }
    return made;
}

}  // namespace amivirt
