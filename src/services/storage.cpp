#include "amivirt/services/storage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "amivirt/base/fault.hpp"
#include "amivirt/domain/storage.hpp"

namespace amivirt {

Result<void> Storage::mark_unreachable(CatalogSession& session, Operation& row) {
    auto layers = AMIVIRT_TRY(session.layers().list());
    const auto snapshots = AMIVIRT_TRY(session.snapshots().list());
    const auto volumes = AMIVIRT_TRY(session.volumes().list());
    const auto keep_all = [this]() -> Result<void> {
        log_.write(LogLevel::warning, "storage",
                   "some records are unreadable: no layer is removed until they are mended (see amivirt doctor)");
        return {};
    };
    if (!snapshots.unreadable.empty() || !volumes.unreadable.empty() || !layers.unreadable.empty()) {
        return keep_all();
    }
    const auto unreachable = unreachable_layers(layers.records, snapshots.records, volumes.records);
    // Volumes reach what instances use. But who could not read an instance may have thought that it is gone, and taken its volumes.
    if (!unreachable.empty() && !AMIVIRT_TRY(session.instances().list()).unreadable.empty()) {
        return keep_all();
    }
    for (auto& layer : layers.records) {
        if (layer.state == LayerState::deleting || !unreachable.contains(layer.id)) {
            continue;
        }
        layer.state = LayerState::deleting;
        AMIVIRT_TRY(session.layers().update(layer));
        row.objects.push_back(layer.id.str());
    }
    return {};
}

Result<void> Storage::finish(ActiveOperation& operation) {
    if (operation.finished()) {
        return {};
    }
    std::vector<LayerId> doomed;
    for (const auto& object : operation.row().objects) {
        doomed.push_back(AMIVIRT_TRY(LayerId::parse(object)));
    }
    fault_point("collect.remove");
    AMIVIRT_TRY(store_.remove(doomed));
    return operation.finish([&](CatalogSession& session) -> Result<void> {
        // Children first: a row that another names as parent may not go.
        std::map<LayerId, std::size_t> depth;
        std::map<LayerId, Layer> rows;
        for (const auto& id : doomed) {
            if (auto layer = AMIVIRT_TRY(session.layers().find(id))) {
                rows.emplace(id, std::move(*layer));
            }
        }
        for (const auto& [id, layer] : rows) {
            std::size_t levels = 0;
            for (auto at = rows.find(id); at != rows.end() && at->second.parent; at = rows.find(*at->second.parent)) {
                ++levels;
            }
            depth[id] = levels;
        }
        std::vector<LayerId> order;
        order.reserve(rows.size());
        for (const auto& [id, layer] : rows) {
            order.push_back(id);
        }
        std::sort(order.begin(), order.end(), [&](const LayerId& a, const LayerId& b) { return depth[a] > depth[b]; });
        for (const auto& id : order) {
            AMIVIRT_TRY(session.layers().erase(id));
        }
        return {};
    });
}

namespace {

/// A copy by tar and the like keeps whole seconds only.
bool same_time(std::int64_t file_ns, std::int64_t recorded_ns) {
    constexpr std::int64_t second = 1'000'000'000;
    return file_ns == recorded_ns || (file_ns % second == 0 && file_ns / second == recorded_ns / second);
}

}  // namespace

std::optional<std::string> Storage::wrong_with(const Layer& layer) {
    const auto looked = store_.look(layer.id);
    if (!looked) {
        return looked.error().message;
    }
    if (!*looked) {
        return "its file is not there";
    }
    const LayerFile& file = **looked;
    if (file.parent != layer.parent) {
        return fmt::format("its file stands on {}, the catalog says {}", file.parent ? file.parent->str() : "nothing",
                           layer.parent ? layer.parent->str() : "nothing");
    }
    if (file.encrypted != layer.encrypted) {
        return fmt::format("its file is {}encrypted, the catalog says otherwise", file.encrypted ? "" : "not ");
    }
    if (file.virtual_size < layer.virtual_size) {
        return fmt::format("its disk is of {}, the catalog says {}", human(file.virtual_size), human(layer.virtual_size));
    }
    if (layer.state != LayerState::sealed || !layer.seal) {
        return std::nullopt;
    }
    if (file.file_size != layer.seal->file_size) {
        return fmt::format("its file has {} bytes, and had {} when it was sealed", file.file_size.count, layer.seal->file_size.count);
    }
    if (!same_time(file.modified_ns, layer.seal->modified_ns)) {
        return "its file was written to after it was sealed";
    }
    return std::nullopt;
}

Result<void> Storage::verify_chain(Catalog& catalog, const LayerId& top) {
    std::vector<Layer> chain;
    AMIVIRT_TRY(catalog.read([&](CatalogSession& session) -> Result<void> {
        std::optional<LayerId> at = top;
        while (at) {
            auto layer = AMIVIRT_TRY(session.layers().find(*at));
            if (!layer) {
                return Error(Code::store_corrupt, fmt::format("the record of layer {} is gone", at->str()), "amivirt fsck");
            }
            at = layer->parent;
            chain.push_back(std::move(*layer));
            if (at && std::any_of(chain.begin(), chain.end(), [&](const Layer& below) { return below.id == *at; })) {
                return Error(Code::store_corrupt, fmt::format("the records of {} and {} name each other as parents", top.str(), at->str()),
                             "amivirt fsck");
            }
        }
        return {};
    }));
    for (const auto& layer : chain) {
        if (const auto wrong = wrong_with(layer)) {
            return Error(Code::store_corrupt, fmt::format("{} is damaged: {}", layer.id.str(), *wrong),
                         "`amivirt fsck` tells what it hits");
        }
    }
    return {};
}

}  // namespace amivirt
