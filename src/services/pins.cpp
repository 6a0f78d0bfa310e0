#include "pins.hpp"

#include <fmt/format.h>

namespace amivirt {

Result<void> put_pins(CatalogSession& session, Operation& row, const std::vector<Pin>& pins, TimePoint now) {
    for (const auto& pin : pins) {
        const auto held = AMIVIRT_TRY(session.layers().find(pin.held));
        if (!held || held->state != LayerState::sealed) {
            return Error(Code::store_corrupt, fmt::format("layer {} has just been deleted", pin.held.str()));
        }
        Layer layer;
        layer.id = pin.id;
        layer.parent = pin.held;
        layer.virtual_size = held->virtual_size;
        layer.encrypted = held->encrypted;
        layer.created = now;
        AMIVIRT_TRY(session.layers().insert(layer));
        row.objects.push_back(pin.id.str());
    }
    return {};
}

Result<void> drop_pins(ActiveOperation& operation, const std::vector<Pin>& pins, Storage& storage) {
    AMIVIRT_TRY(operation.turn_into(OperationKind::collect_layers, [&](CatalogSession& session, Operation& row) -> Result<void> {
        for (const auto& pin : pins) {
            AMIVIRT_TRY(session.layers().erase(pin.id));
        }
        return storage.mark_unreachable(session, row);
    }));
    return storage.finish(operation);
}

}  // namespace amivirt
