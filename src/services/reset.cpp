#include "amivirt/services/reset.hpp"

#include <fmt/format.h>

#include <optional>
#include <set>

#include "amivirt/base/fault.hpp"
#include "machine.hpp"
#include "parallel.hpp"

namespace amivirt {

namespace {

/// Somebody may launch between the last termination and the deletion; who goes on doing so does not want an empty store.
constexpr int k_rounds = 5;

template <class Record, class Key>
Result<std::vector<Record>> readable(Table<Record, Key>& table) {
    auto listing = AMIVIRT_TRY(table.list());
    if (!listing.unreadable.empty()) {
        return Error(Code::store_corrupt, fmt::format("a record cannot be read, and so not be deleted: {}", listing.unreadable.front()),
                     "amivirt fsck");
    }
    return std::move(listing.records);
}

/// Erases those that `goes` says so of; how many.
template <class Record, class Key, class Goes>
Result<std::size_t> erase_if(Table<Record, Key>& table, const Goes& goes, Key Record::*key) {
    std::size_t count = 0;
    for (const auto& record : AMIVIRT_TRY(readable(table))) {
        if (goes(record)) {
            AMIVIRT_TRY(table.erase(record.*key));
            ++count;
        }
    }
    return count;
}

/// What is written down of images beside their records stays with them.
bool is_of_images(const Document& document) { return document.kind == "image-extras" || document.kind == "catalog-image"; }

constexpr auto k_all = [](const auto& /*record*/) { return true; };

}  // namespace

Result<std::vector<InstanceId>> Reset::living() {
    std::vector<InstanceId> ids;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (const auto& instance : AMIVIRT_TRY(readable(session.instances()))) {
            if (instance.state != InstanceState::terminated) {
                ids.push_back(instance.id);
            }
        }
        return {};
    }));
    return ids;
}

Result<void> Reset::discard_downloads() {
    std::vector<Download> downloads;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        downloads = AMIVIRT_TRY(readable(session.downloads()));
        return {};
    }));
    for (const auto& download : downloads) {
        AMIVIRT_TRY(ports_.stager.discard_download(download));
        fault_point("reset.download");
    }
    return {};
}

Result<ResetReport> Reset::run(KeepImages keep) {
    ResetReport report;
    for (int round = 1;; ++round) {
        const auto ids = AMIVIRT_TRY(living());
        AMIVIRT_TRY(
            for_each_parallel(ids.size(), ports_.parallel, [&](std::size_t i) { return ports_.instances.terminate_anyway(ids[i]); }));
        report.terminated.insert(report.terminated.end(), ids.begin(), ids.end());
        AMIVIRT_TRY(discard_downloads());
        fault_point("reset.terminated");
        std::optional<InstanceId> newcomer;
        const auto clear = [&](CatalogSession& session, Operation& row) -> Result<void> {
            newcomer.reset();
            const auto others = AMIVIRT_TRY(readable(session.operations()));
            if (!others.empty()) {
                return busy_error(others.front(), others.front().objects.empty() ? "" : others.front().objects.front());
            }
            for (const auto& instance : AMIVIRT_TRY(readable(session.instances()))) {
                if (instance.state != InstanceState::terminated) {
                    newcomer = instance.id;
                    return {};
                }
            }
            std::set<SnapshotId> kept;
            const auto image_goes = [&](const Image& image) {
                const bool goes = keep == KeepImages::no || image.state == ImageState::deregistered || image.state == ImageState::failed ||
                                  image.state == ImageState::pending;  // nobody is at it: promised, and given up

                if (!goes) {
                    const auto its = snapshots_of(image);
                    kept.insert(its.begin(), its.end());
                }
                return goes;
            };
            report.volumes = AMIVIRT_TRY(erase_if(session.volumes(), k_all, &Volume::id));
            report.images = AMIVIRT_TRY(erase_if(session.images(), image_goes, &Image::id));
            report.snapshots = AMIVIRT_TRY(erase_if(
                session.snapshots(), [&](const Snapshot& snapshot) { return !kept.contains(snapshot.id); }, &Snapshot::id));
            report.key_pairs = AMIVIRT_TRY(erase_if(session.key_pairs(), k_all, &KeyPair::id));
            AMIVIRT_TRY(erase_if(session.instances(), k_all, &Instance::id));
            AMIVIRT_TRY(erase_if(session.lab_members(), k_all, &LabMember::key));
            const auto document_goes = [&](const Document& document) { return keep == KeepImages::no || !is_of_images(document); };
            AMIVIRT_TRY(erase_if(session.documents(), document_goes, &Document::key));
            AMIVIRT_TRY(erase_if(session.retention_rules(), k_all, &RetentionRule::id));
            AMIVIRT_TRY(erase_if(session.downloads(), k_all, &Download::url));
            if (keep == KeepImages::no) {
                AMIVIRT_TRY(session.set_policy({}));
            }
            return ports_.storage.mark_unreachable(session, row);
        };
        const auto operation = AMIVIRT_TRY(ports_.operations.begin(OperationKind::collect_layers, {}, k_patience, clear));
        if (newcomer && round < k_rounds) {
            continue;
        }
        if (newcomer) {
            return Error(Code::incorrect_state, fmt::format("the store is not empty: \"{}\" was launched meanwhile", newcomer->str()),
                         "end what launches, and try again");
        }
        if (operation) {
            AMIVIRT_TRY(ports_.storage.finish(*operation));
        }
        return report;
    }
}

}  // namespace amivirt
