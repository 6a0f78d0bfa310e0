#include "sealing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "amivirt/base/fault.hpp"
#include "machine.hpp"

namespace amivirt {

namespace {

/// Each layer is a file that QEMU opens; the hypervisor's side gives up at 200.
constexpr std::size_t k_deepest = 190;

}  // namespace

Result<std::vector<Sealing>> reserve_sealings(CatalogSession& session, Operation& row, IdSource& ids, const Snapshot& model,
                                              const std::vector<VolumeId>& volumes, const std::optional<InstanceId>& instance) {
    std::vector<Sealing> sealings;
    const auto layers = AMIVIRT_TRY(session.layers().list()).records;
    for (const auto& id : volumes) {
        const auto volume = AMIVIRT_TRY(session.volumes().find(id));
        if (!volume || (volume->state != VolumeState::available && volume->state != VolumeState::in_use)) {
            return Error(Code::incorrect_state,
                         fmt::format("volume \"{}\" is {}", id.str(), volume ? to_string(volume->state) : std::string_view("deleted")));
        }
        if (volume->instance_store) {
            return Error(Code::unsupported_operation, fmt::format("\"{}\" is instance store, which has no snapshots", id.str()));
        }
        if (volume->attachment && volume->attachment->instance != instance) {
            return Error(Code::incorrect_state, fmt::format("volume \"{}\" has just been attached", id.str()));
        }
        if (chain_of(volume->layer, layers).size() >= k_deepest) {
            return Error(Code::unsupported_operation,
                         fmt::format("volume \"{}\" stands on {} layers: one snapshot more is too many", id.str(), k_deepest),
                         "stop its instance once: chains are flattened then; or, at rest, run `amivirt gc --flatten`");
        }
        Sealing sealing;
        sealing.volume = *volume;
        sealing.snapshot = model;
        sealing.snapshot.id = make_id<SnapshotId>(ids);
        sealing.snapshot.layer = volume->layer;
        sealing.snapshot.volume = id;
        sealing.snapshot.size = volume->size;
        sealing.snapshot.encrypted = volume->encrypted;
        sealing.top.id = make_id<LayerId>(ids);
        sealing.top.parent = volume->layer;
        sealing.top.virtual_size = volume->size.bytes();
        sealing.top.encrypted = volume->encrypted;
        sealing.top.created = model.created;
        AMIVIRT_TRY(session.layers().insert(sealing.top));
        AMIVIRT_TRY(session.snapshots().insert(sealing.snapshot));
        row.objects.push_back(sealing.snapshot.id.str());
        row.objects.push_back(sealing.top.id.str());
        sealings.push_back(std::move(sealing));
    }
    return sealings;
}

Result<void> move_over(VolumeStore& store, LiveDisks& live, const std::vector<Sealing>& sealings, const std::optional<InstanceId>& instance,
                       Quiesce quiesce, Log& log) {
    // Asked of libvirt: a machine may have been started behind our back, and what it writes to must not be sealed under it.
    const bool running = instance && AMIVIRT_TRY(live.attached(*instance)).has_value();
    if (!running && quiesce == Quiesce::yes) {
        return Error(Code::unsupported_operation, "only a running guest can be frozen");
    }
    std::vector<LiveDisks::Overlay> overlays;
    std::vector<LayerId> tops;
    for (const auto& sealing : sealings) {
        AMIVIRT_TRY(store.create(sealing.top.id, sealing.top.parent, sealing.top.virtual_size,
                                 sealing.top.encrypted ? Encrypted::yes : Encrypted::no));
        overlays.push_back({serial_of(sealing.volume.id), store.source(sealing.top.id)});
        tops.push_back(sealing.top.id);
        fault_point("snapshot.overlay");
    }
    AMIVIRT_TRY(store.persist(tops));
    if (running) {
        auto taken = live.snapshot(*instance, overlays, quiesce);
        // It may have switched itself off since: then nothing writes, and the files alone tell.
        if (!taken && taken.error().code != Code::incorrect_instance_state) {
            return std::move(taken.error()).with_context(fmt::format("taking a snapshot of {}", instance->str()));
        }
        if (taken) {
            log.write(LogLevel::info, "snapshots",
                      fmt::format("the file systems of {} were {}frozen for it", instance->str(),
                                  *taken == LiveDisks::Frozen::yes ? "" : "not "));
        }
        fault_point("snapshot.switched");
    }
    return {};
}

Result<SealingObjects> sealing_objects(const Operation& row) {
    SealingObjects objects;
    for (const auto& object : row.objects) {
        if (SnapshotId::looks_like(object)) {
            objects.snapshots.push_back(AMIVIRT_TRY(SnapshotId::parse(object)));
        } else if (LayerId::looks_like(object)) {
            objects.layers.push_back(AMIVIRT_TRY(LayerId::parse(object)));
        } else if (VolumeId::looks_like(object)) {
            objects.volumes.push_back(AMIVIRT_TRY(VolumeId::parse(object)));
        } else if (InstanceId::looks_like(object)) {
            objects.instance = AMIVIRT_TRY(InstanceId::parse(object));
        }
    }
    return objects;
}

Result<bool> went_over(VolumeStore& store, LiveDisks& live, const SealingObjects& objects) {
    if (objects.instance) {
        if (const auto disks = AMIVIRT_TRY(live.attached(*objects.instance))) {
            return std::any_of(disks->begin(), disks->end(), [&](const LiveDisk& disk) {
                return std::any_of(objects.layers.begin(), objects.layers.end(),
                                   [&](const LayerId& top) { return disk.source.location == store.source(top).location; });
            });
        }
    }
    const bool all_there = std::all_of(objects.layers.begin(), objects.layers.end(), [&](const LayerId& top) {
        const auto file = store.look(top);
        return file && *file;
    });
    if (all_there) {
        AMIVIRT_TRY(store.persist(objects.layers));  // who made them may have died before that
    }
    return all_there;
}

Result<Sealed> seal_all(Catalog& catalog, VolumeStore& store, const std::vector<SnapshotId>& snapshots) {
    Sealed sealed;
    AMIVIRT_TRY(catalog.read([&](CatalogSession& session) -> Result<void> {
        for (const auto& id : snapshots) {
            if (auto snapshot = AMIVIRT_TRY(session.snapshots().find(id))) {
                sealed.snapshots.push_back(std::move(*snapshot));
            }
        }
        return {};
    }));
    for (const auto& snapshot : sealed.snapshots) {
        sealed.seals.emplace(snapshot.layer, AMIVIRT_TRY(store.seal(snapshot.layer)));
        fault_point("snapshot.sealed");
    }
    return sealed;
}

Result<void> record_tops(CatalogSession& session, const Sealed& sealed, const std::vector<LayerId>& layers) {
    for (const auto& snapshot : sealed.snapshots) {
        auto below = AMIVIRT_TRY(session.layers().find(snapshot.layer));
        auto volume = AMIVIRT_TRY(session.volumes().find(*snapshot.volume));
        if (!below || !volume) {
            return Error(Code::store_corrupt,
                         fmt::format("the record of layer {} or of volume {} is gone", snapshot.layer.str(), snapshot.volume->str()));
        }
        below->state = LayerState::sealed;
        below->seal = sealed.seals.at(below->id);
        AMIVIRT_TRY(session.layers().update(*below));
        for (const auto& id : layers) {
            auto top = AMIVIRT_TRY(session.layers().find(id));
            if (top && top->parent == below->id) {
                top->state = LayerState::writable;
                AMIVIRT_TRY(session.layers().update(*top));
                volume->layer = id;
                AMIVIRT_TRY(session.volumes().update(*volume));
            }
        }
    }
    return {};
}

}  // namespace amivirt
