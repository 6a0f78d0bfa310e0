#include "amivirt/services/recycle_bin.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "machine.hpp"
#include "records.hpp"

namespace amivirt {

namespace {

constexpr RecordWords k_snapshots{"recycled snapshot", Code::invalid_snapshot_not_found, "amivirt bin list"};

/// Once its time is over it is gone, purged or not.
bool in_bin(const std::optional<BinStay>& stay, TimePoint now) noexcept { return stay && stay->expires > now; }

Error no_image_in_bin(const std::string& wanted, const std::vector<Image>& all) {
    std::vector<std::string> names;
    for (const auto& image : all) {
        names.push_back(image.name);
    }
    const auto close = nearest(wanted, names);
    return {Code::invalid_ami_id_not_found, fmt::format("recycled image \"{}\" not found", wanted),
            close.empty() ? "`amivirt bin list` shows what there is" : fmt::format("did you mean \"{}\"?", close)};
}

Result<std::vector<Image>> images_of(CatalogSession& session, const AccountId& owner, TimePoint now) {
    std::vector<Image> images;
    for (const auto& id : AMIVIRT_TRY(session.leaving_bin(TimePoint::max())).images) {
        auto image = AMIVIRT_TRY(session.images().find(id));
        if (image && image->owner == owner && in_bin(image->bin, now)) {
            images.push_back(std::move(*image));
        }
    }
    return images;
}

Result<Image> find_image(CatalogSession& session, const AccountId& owner, const std::string& wanted, TimePoint now) {
    if (ImageId::looks_like(wanted)) {
        AMIVIRT_TRY(ImageId::parse(wanted));
    }
    auto all = AMIVIRT_TRY(images_of(session, owner, now));
    std::vector<Image> found;
    std::copy_if(all.begin(), all.end(), std::back_inserter(found),
                 [&](const Image& image) { return image.id.str() == wanted || image.name == wanted; });
    if (found.empty()) {
        return no_image_in_bin(wanted, all);
    }
    if (found.size() > 1) {
        std::vector<std::string> ids;
        for (const auto& image : found) {
            ids.push_back(image.id.str());
        }
        return Error(Code::invalid_parameter_value, fmt::format("image name \"{}\" is ambiguous: {}", wanted, fmt::join(ids, ", ")),
                     "use the id");
    }
    return std::move(found.front());
}

}  // namespace

Result<BinListing> RecycleBin::list(const AccountId& caller) {
    BinListing listing;
    const auto now = ports_.clock.now();
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        listing.images = AMIVIRT_TRY(images_of(session, caller, now));
        for (const auto& id : AMIVIRT_TRY(session.leaving_bin(TimePoint::max())).snapshots) {
            auto snapshot = AMIVIRT_TRY(session.snapshots().find(id));
            if (snapshot && snapshot->owner == caller && in_bin(snapshot->bin, now)) {
                listing.snapshots.push_back(std::move(*snapshot));
            }
        }
        return {};
    }));
    return listing;
}

Result<Image> RecycleBin::restore_image(const AccountId& caller, const std::string& id_or_name) {
    Image image;
    AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        image = AMIVIRT_TRY(find_image(session, caller, id_or_name, ports_.clock.now()));
        image.state = AMIVIRT_TRY(next(image.state, ImageEvent::restore));
        image.bin.reset();
        image.permissions = {};
        for (const auto& id : snapshots_of(image)) {
            auto snapshot = AMIVIRT_TRY(session.snapshots().find(id));
            if (!snapshot) {
                return Error(Code::invalid_snapshot_not_found,
                             fmt::format("image \"{}\" cannot be restored: its snapshot \"{}\" is gone", id_or_name, id.str()));
            }
            if (snapshot->bin) {
                snapshot->bin.reset();
                AMIVIRT_TRY(session.snapshots().update(*snapshot));
            }
        }
        return session.images().update(image);
    }));
    return image;
}

Result<Snapshot> RecycleBin::restore_snapshot(const AccountId& caller, const std::string& id_or_name) {
    std::optional<Snapshot> snapshot;
    AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        snapshot = AMIVIRT_TRY(find_record(session.snapshots(), k_snapshots, id_or_name, [&](const Snapshot& seen) {
            return seen.owner == caller && in_bin(seen.bin, ports_.clock.now());
        }));
        snapshot->bin.reset();
        return session.snapshots().update(*snapshot);
    }));
    return std::move(*snapshot);
}

Result<std::size_t> RecycleBin::purge() {
    const auto now = ports_.clock.now();
    BinContents expired;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        expired = AMIVIRT_TRY(session.leaving_bin(now));
        return {};
    }));
    if (expired == BinContents{}) {
        return std::size_t{0};
    }
    std::size_t purged = 0;
    const auto drop = [&](CatalogSession& session, Operation& row) -> Result<void> {
        purged = 0;
        const auto leaving = AMIVIRT_TRY(session.leaving_bin(now));  // meanwhile some may have been restored
        for (const auto& id : leaving.images) {
            if (auto image = AMIVIRT_TRY(session.images().find(id))) {
                image->bin.reset();
                AMIVIRT_TRY(session.images().update(*image));
                ++purged;
            }
        }
        const auto listed = AMIVIRT_TRY(session.images().list());
        if (!listed.unreadable.empty()) {
            return {};  // one that cannot be read may need any of them
        }
        std::set<SnapshotId> used;
        for (const auto& image : listed.records) {
            if (keeps_snapshots(image)) {
                const auto its = snapshots_of(image);
                used.insert(its.begin(), its.end());
            }
        }
        for (const auto& id : leaving.snapshots) {
            auto snapshot = AMIVIRT_TRY(session.snapshots().find(id));
            if (snapshot && used.contains(id)) {
                snapshot->bin.reset();  // an image needs it after all
                AMIVIRT_TRY(session.snapshots().update(*snapshot));
            } else if (snapshot) {
                AMIVIRT_TRY(session.snapshots().erase(id));
                ++purged;
            }
        }
        return ports_.storage.mark_unreachable(session, row);
    };
    const auto operation = AMIVIRT_TRY(ports_.operations.begin(OperationKind::collect_layers, {}, k_patience, drop));
    if (operation) {
        AMIVIRT_TRY(ports_.storage.finish(*operation));
    }
    return purged;
}

Result<RetentionRule> RecycleBin::create_rule(RetentionRule rule) {
    AMIVIRT_TRY(check_retention_rule(rule));
    rule.id = make_id<RetentionRuleId>(ports_.ids);
    rule.created = ports_.clock.now();
    AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) { return session.retention_rules().insert(rule); }));
    return rule;
}

Result<std::vector<RetentionRule>> RecycleBin::rules() {
    std::vector<RetentionRule> rules;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        rules = AMIVIRT_TRY(session.retention_rules().list()).records;
        return {};
    }));
    return rules;
}

Result<RetentionRule> RecycleBin::delete_rule(const std::string& id) {
    const auto wanted = AMIVIRT_TRY(RetentionRuleId::parse(id));
    std::optional<RetentionRule> rule;
    AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        rule = AMIVIRT_TRY(session.retention_rules().find(wanted));
        if (!rule) {
            return Error(Code::resource_not_found, fmt::format("retention rule \"{}\" not found", id),
                         "`amivirt retention-rule list` shows what there is");
        }
        return session.retention_rules().erase(wanted);
    }));
    return std::move(*rule);
}

}  // namespace amivirt
