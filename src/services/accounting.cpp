#include "amivirt/services/accounting.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "machine.hpp"
#include "store_view.hpp"

namespace amivirt {

namespace {

/// Which snapshots and volumes (by id) reach each layer.
class Reachable {
public:
    explicit Reachable(const StoreView& graph) {
        for (const auto& layer : graph.layers) {
            parents_.emplace(layer.id, layer.parent);
        }
        for (const auto& snapshot : graph.snapshots) {
            add(snapshot.id.str(), snapshot.layer);
        }
        for (const auto& volume : graph.volumes) {
            add(volume.id.str(), volume.layer);
        }
    }
    /// The layers that some of `roots` reach: those that nothing else does, and those that others do, too.
    struct Split {
        std::vector<LayerId> own;
        std::vector<LayerId> shared;
    };
    [[nodiscard]] Split split(const std::set<std::string>& roots) const {
        Split result;
        std::set<LayerId> seen;
        for (const auto& root : roots) {
            const auto chain = chains_.find(root);
            for (const auto& layer : chain == chains_.end() ? std::vector<LayerId>{} : chain->second) {
                if (seen.insert(layer).second) {
                    const auto& by = reached_by_.at(layer);
                    const bool only = std::all_of(by.begin(), by.end(), [&](const std::string& other) { return roots.contains(other); });
                    (only ? result.own : result.shared).push_back(layer);
                }
            }
        }
        return result;
    }

private:
    void add(const std::string& root, const LayerId& top) {
        auto& chain = chains_[root];
        std::optional<LayerId> at = top.empty() ? std::nullopt : std::optional(top);
        while (at && std::find(chain.begin(), chain.end(), *at) == chain.end()) {
            chain.push_back(*at);
            reached_by_[*at].push_back(root);
            const auto parent = parents_.find(*at);
            at = parent == parents_.end() ? std::nullopt : parent->second;
        }
    }
    std::unordered_map<LayerId, std::optional<LayerId>> parents_;
    std::unordered_map<LayerId, std::vector<std::string>> reached_by_;
    std::map<std::string, std::vector<LayerId>> chains_;
};

class Sizes {
public:
    /// What cannot be looked at counts for nothing, and is told in `unreadable`.
    Sizes(const std::vector<Layer>& layers, VolumeStore& store, std::vector<std::string>& unreadable) {
        for (const auto& layer : layers) {
            const auto file = store.look(layer.id);
            sizes_[layer.id] = file && *file ? (*file)->allocated : Bytes{};
            if (file && *file && (*file)->linked) {
                linked_.insert(layer.id);
            }
            if (!file) {
                unreadable.push_back(file.error().message);
            }
        }
    }
    [[nodiscard]] Bytes of(const LayerId& layer) const {
        const auto at = sizes_.find(layer);
        return at == sizes_.end() ? Bytes{} : at->second;
    }
    [[nodiscard]] Bytes sum(const std::vector<LayerId>& layers) const {
        Bytes total;
        for (const auto& layer : layers) {
            total = total + of(layer);
        }
        return total;
    }
    /// What the file system gets back when they go: nothing of a file that another region has, too.
    [[nodiscard]] Bytes freed(std::vector<LayerId> layers) const {
        std::erase_if(layers, [this](const LayerId& layer) { return linked_.contains(layer); });
        return sum(layers);
    }
    [[nodiscard]] Bytes all() const {
        Bytes total;
        for (const auto& [layer, size] : sizes_) {
            total = total + size;
        }
        return total;
    }

private:
    std::unordered_map<LayerId, Bytes> sizes_;
    std::set<LayerId> linked_;
};

/// Does deleting it move it into the recycle bin (or is it there already), where it keeps its bytes?
template <class Record>
bool stays_in_bin(RetainedKind kind, const Record& record, const std::vector<RetentionRule>& rules) {
    return record.bin || stay_in_bin(kind, record.tags, rules, TimePoint{});
}

}  // namespace

std::string_view to_string(UsageKind value) noexcept {
    switch (value) {
        case UsageKind::image:
            return "image";
        case UsageKind::snapshot:
            return "snapshot";
        case UsageKind::volume:
            return "volume";
        case UsageKind::instance:
            return "instance";
    }
    return "";
}

Result<UsageReport> Accounting::usage(const AccountId& caller) {
    const auto graph = AMIVIRT_TRY(view_store(catalog_));
    const Reachable reach(graph);
    UsageReport report;
    report.unreadable = graph.unreadable;
    const Sizes sizes(graph.layers, storage_.store(), report.unreadable);
    report.layers = sizes.all();
    std::vector<RetentionRule> rules;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        rules = AMIVIRT_TRY(session.retention_rules().list()).records;
        return {};
    }));

    std::map<SnapshotId, const Snapshot*> snapshots;
    std::set<std::string> in_images;
    for (const auto& snapshot : graph.snapshots) {
        snapshots.emplace(snapshot.id, &snapshot);
    }
    for (const auto& image : graph.images) {
        for (const auto& id : keeps_snapshots(image) ? snapshots_of(image) : std::vector<SnapshotId>{}) {
            in_images.insert(id.str());
        }
    }
    for (const auto& image : graph.images) {
        if (image.owner != caller || !keeps_snapshots(image)) {
            continue;
        }
        Usage row{UsageKind::image, image.id.str(), image.name, {}, {}, {}, {}};
        std::set<std::string> roots;
        for (const auto& id : snapshots_of(image)) {
            if (const auto at = snapshots.find(id); at != snapshots.end() && roots.insert(id.str()).second) {
                row.virtual_size = row.virtual_size + at->second->size.bytes();
            }
        }
        const auto parts = reach.split(roots);
        row.own = sizes.sum(parts.own);
        row.shared = sizes.sum(parts.shared);
        // A snapshot that another image names stays with it, and one that a rule keeps in the bin.
        std::erase_if(roots, [&](const std::string& id) {
            const auto& its = *snapshots.at(*SnapshotId::parse(id));
            return its.owner != image.owner || stays_in_bin(RetainedKind::snapshot, its, rules) ||
                   std::any_of(graph.images.begin(), graph.images.end(), [&](const Image& other) {
                       const auto theirs = snapshots_of(other);
                       return other.id != image.id && keeps_snapshots(other) &&
                              std::any_of(theirs.begin(), theirs.end(), [&](const SnapshotId& one) { return one.str() == id; });
                   });
        });
        row.freed = stays_in_bin(RetainedKind::image, image, rules) ? Bytes{} : sizes.freed(reach.split(roots).own);
        report.rows.push_back(std::move(row));
    }
    for (const auto& snapshot : graph.snapshots) {
        if (snapshot.owner != caller) {
            continue;
        }
        const auto parts = reach.split({snapshot.id.str()});
        const bool stays = in_images.contains(snapshot.id.str()) || stays_in_bin(RetainedKind::snapshot, snapshot, rules);
        report.rows.push_back({UsageKind::snapshot, snapshot.id.str(), name_tag(snapshot.tags), snapshot.size.bytes(), sizes.sum(parts.own),
                               sizes.sum(parts.shared), stays ? Bytes{} : sizes.freed(parts.own)});
    }
    for (const auto& volume : graph.volumes) {
        if (volume.owner != caller || volume.instance_store) {
            continue;
        }
        const auto parts = reach.split({volume.id.str()});
        report.rows.push_back({UsageKind::volume, volume.id.str(), name_tag(volume.tags), volume.size.bytes(), sizes.sum(parts.own),
                               sizes.sum(parts.shared), volume.attachment ? Bytes{} : sizes.freed(parts.own)});
    }
    for (const auto& instance : graph.instances) {
        const auto folder = files_.allocated(instance.id).value_or(Bytes{});
        report.instances = report.instances + folder;
        if (instance.owner != caller) {
            continue;
        }
        Usage row{UsageKind::instance, instance.id.str(), name_tag(instance.tags), {}, folder, {}, folder};
        std::set<std::string> roots;
        std::set<std::string> going;
        for (const auto& volume : volumes_of(instance.id, graph.volumes)) {
            row.virtual_size = row.virtual_size + volume.size.bytes();
            roots.insert(volume.id.str());
            if (volume.attachment->delete_on_termination) {
                going.insert(volume.id.str());
            }
        }
        for (const auto& disk : instance.ephemeral) {
            row.virtual_size = row.virtual_size + disk.size.bytes();
        }
        const auto parts = reach.split(roots);
        row.own = row.own + sizes.sum(parts.own);
        row.shared = sizes.sum(parts.shared);
        row.freed = row.freed + sizes.freed(reach.split(going).own);
        report.rows.push_back(std::move(row));
    }
    return report;
}

Result<std::vector<LayerReason>> Accounting::explain() {
    const auto graph = AMIVIRT_TRY(view_store(catalog_));
    std::vector<std::string> unreadable = graph.unreadable;
    const Sizes sizes(graph.layers, storage_.store(), unreadable);
    std::map<LayerId, LayerReason> rows;
    for (const auto& layer : graph.layers) {
        rows.emplace(layer.id, LayerReason{layer.id, sizes.of(layer.id), {}});
    }
    const auto add = [&](const LayerId& layer, std::string reason) {
        if (const auto at = rows.find(layer); at != rows.end()) {
            at->second.reasons.push_back(std::move(reason));
        }
    };
    for (const auto& snapshot : graph.snapshots) {
        std::string reason = "snapshot " + snapshot.id.str();
        for (const auto& image : graph.images) {
            const auto ids = keeps_snapshots(image) ? snapshots_of(image) : std::vector<SnapshotId>{};
            if (std::find(ids.begin(), ids.end(), snapshot.id) != ids.end()) {
                reason += fmt::format(" of image {} \"{}\"", image.id.str(), image.name);
            }
        }
        add(snapshot.layer, std::move(reason));
    }
    for (const auto& volume : graph.volumes) {
        add(volume.layer, volume.attachment ? fmt::format("volume {}, {} of {}", volume.id.str(), volume.attachment->device_name,
                                                          volume.attachment->instance.str())
                                            : fmt::format("volume {}", volume.id.str()));
    }
    const auto unreachable = unreachable_layers(graph.layers, graph.snapshots, graph.volumes);
    for (const auto& layer : graph.layers) {
        if (layer.parent && !unreachable.contains(layer.id)) {
            add(*layer.parent, "parent of " + layer.id.str());
        }
        for (const auto& operation : graph.operations) {
            if (std::find(operation.objects.begin(), operation.objects.end(), layer.id.str()) != operation.objects.end()) {
                add(layer.id, fmt::format("{} of pid {} is at work on it", to_string(operation.kind), operation.pid));
            }
        }
    }
    std::vector<LayerReason> result;
    for (const auto& layer : graph.layers) {
        if (!graph.unreadable.empty()) {
            add(layer.id, "some records are unreadable: nothing is removed until they are mended");
        }
        result.push_back(std::move(rows.at(layer.id)));
    }
    return result;
}

Result<std::map<InstanceState, std::size_t>> Accounting::instances() {
    std::map<InstanceState, std::size_t> counts;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        for (const Instance& instance : AMIVIRT_TRY(session.instances().list()).records) {
            ++counts[instance.state];
        }
        return {};
    }));
    return counts;
}

}  // namespace amivirt
