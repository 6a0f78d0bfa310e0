#include "store_view.hpp"

#include <algorithm>

namespace amivirt {

const Instance* StoreView::living(const InstanceId& id) const {
    const auto at = std::find_if(instances.begin(), instances.end(), [&](const Instance& instance) { return instance.id == id; });
    return at == instances.end() ? nullptr : &*at;
}

bool StoreView::held(const std::string& object) const {
    return std::any_of(operations.begin(), operations.end(), [&](const Operation& operation) {
        return std::find(operation.objects.begin(), operation.objects.end(), object) != operation.objects.end();
    });
}

Result<StoreView> view_store(Catalog& catalog) {
    StoreView view;
    AMIVIRT_TRY(catalog.read([&](CatalogSession& session) -> Result<void> {
        const auto take = [&](auto listing, auto& into) {
            into = std::move(listing.records);
            view.unreadable.insert(view.unreadable.end(), listing.unreadable.begin(), listing.unreadable.end());
        };
        take(AMIVIRT_TRY(session.layers().list()), view.layers);
        take(AMIVIRT_TRY(session.snapshots().list()), view.snapshots);
        take(AMIVIRT_TRY(session.volumes().list()), view.volumes);
        take(AMIVIRT_TRY(session.images().list()), view.images);
        take(AMIVIRT_TRY(session.instances().list()), view.instances);
        take(AMIVIRT_TRY(session.operations().list()), view.operations);
        return {};
    }));
    std::erase_if(view.instances, [](const Instance& instance) { return instance.state == InstanceState::terminated; });
    return view;
}

}  // namespace amivirt
