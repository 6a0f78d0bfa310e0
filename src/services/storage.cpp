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
    if (!snapshots.unreadable.empty() || !volumes.unreadable.empty() || !layers.unreadable.empty()) {
        log_.write(LogLevel::warning, "storage",
                   "some records are unreadable: no layer is removed until they are mended (see amivirt doctor)");
        return {};
    }
    const auto unreachable = unreachable_layers(layers.records, snapshots.records, volumes.records);
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
    for (const auto& id : doomed) {
        fault_point("collect.remove");
        AMIVIRT_TRY_CONTEXT(store_.remove(id), fmt::format("removing {}", id.str()));
    }
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

}  // namespace amivirt
