#include "amivirt/services/promises.hpp"

#include <set>

#include "promised.hpp"

namespace amivirt {

namespace {

/// Is there still something to make?
Result<bool> is_pending(CatalogSession& session, const std::string& id) {
    if (const auto image = ImageId::parse(id)) {
        const auto found = AMIVIRT_TRY(session.images().find(*image));
        return found && is_pending(*found);
    }
    if (const auto instance = InstanceId::parse(id)) {
        const auto found = AMIVIRT_TRY(session.instances().find(*instance));
        return found && found->state != InstanceState::terminated && found->state != InstanceState::shutting_down;
    }
    const auto snapshot = SnapshotId::parse(id);
    const auto found = snapshot ? AMIVIRT_TRY(session.snapshots().find(*snapshot)) : std::optional<Snapshot>();
    return found && is_pending(*found);
}

}  // namespace

void Promises::keep(const Promise& promise) {
    const auto kept = catalog_.write([&](CatalogSession& session) {
        return kept::put(session, k_promise, promise.id, promise.account.str(), {{"how", promise.how}}, clock_.now());
    });
    if (!kept) {
        log_.write(LogLevel::warning, "promises", fmt::format("{}: {}", promise.id, describe(kept.error())));
    }
}

void Promises::settled(const std::string& id) {
    const auto erased = catalog_.write([&](CatalogSession& session) { return kept::erase(session, k_promise, id); });
    if (!erased) {
        log_.write(LogLevel::warning, "promises", fmt::format("{}: {}", id, describe(erased.error())));
    }
}

Result<std::vector<Promise>> Promises::open() {
    std::vector<Promise> promises;
    bool settled = false;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        promises.clear();
        settled = false;
        const auto documents = AMIVIRT_TRY(session.index().documents(k_promise));
        if (documents.empty()) {
            return {};
        }
        std::set<std::string> held;
        for (const Operation& row : AMIVIRT_TRY(session.operations().list()).records) {
            held.insert(row.objects.begin(), row.objects.end());
        }
        for (const Document& document : documents) {
            Promise promise;
            promise.id = kept::id_of(document);
            promise.account = AMIVIRT_TRY(AccountId::parse(document.owner));
            promise.how = kept::text(AMIVIRT_TRY(kept::parse(document)), "how");
            if (!AMIVIRT_TRY(is_pending(session, promise.id))) {
                settled = true;
            } else if (!held.contains(promise.id)) {
                promises.push_back(std::move(promise));
            }
        }
        return {};
    }));
    if (settled) {
        AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) -> Result<void> {
            for (const Document& document : AMIVIRT_TRY(session.index().documents(k_promise))) {
                if (!AMIVIRT_TRY(is_pending(session, kept::id_of(document)))) {
                    AMIVIRT_TRY(session.documents().erase(document.key));
                }
            }
            return {};
        }));
    }
    return promises;
}

void Promises::broken(const Promise& promise, const Error& reason) {
    if (InstanceId::looks_like(promise.id)) {
        return settled(promise.id);
    }
    std::optional<Image> image;
    std::optional<Snapshot> snapshot;
    const auto found = catalog_.read([&](CatalogSession& session) -> Result<void> {
        if (const auto id = ImageId::parse(promise.id)) {
            image = AMIVIRT_TRY(session.images().find(*id));
        } else {
            snapshot = AMIVIRT_TRY(session.snapshots().find(AMIVIRT_TRY(SnapshotId::parse(promise.id))));
        }
        return {};
    });
    if (!found) {
        log_.write(LogLevel::warning, "promises", fmt::format("{}: {}", promise.id, describe(found.error())));
    } else if (image) {
        leave_failed(catalog_, &CatalogSession::images, *image, reason, log_);
    } else if (snapshot) {
        leave_failed(catalog_, &CatalogSession::snapshots, *snapshot, reason, log_);
    }
}

}  // namespace amivirt
