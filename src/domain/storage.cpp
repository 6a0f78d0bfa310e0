#include "amivirt/domain/storage.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "domain/words.hpp"

namespace amivirt {

namespace {

constexpr std::array<Word<LayerState>, 4> k_layer_states{{
    {LayerState::creating, "creating"},
    {LayerState::writable, "writable"},
    {LayerState::sealed, "sealed"},
    {LayerState::deleting, "deleting"},
}};
constexpr std::array<Word<SnapshotState>, 3> k_snapshot_states{{
    {SnapshotState::pending, "pending"},
    {SnapshotState::completed, "completed"},
    {SnapshotState::error, "error"},
}};
constexpr std::array<Word<VolumeState>, 6> k_volume_states{{
    {VolumeState::creating, "creating"},
    {VolumeState::available, "available"},
    {VolumeState::in_use, "in-use"},
    {VolumeState::deleting, "deleting"},
    {VolumeState::deleted, "deleted"},
    {VolumeState::error, "error"},
}};

struct Move {
    VolumeState from;
    VolumeEvent event;
    VolumeState to;
};
constexpr std::array k_moves{
    Move{VolumeState::creating, VolumeEvent::created, VolumeState::available},
    Move{VolumeState::available, VolumeEvent::attach, VolumeState::in_use},
    Move{VolumeState::in_use, VolumeEvent::detach, VolumeState::available},
    Move{VolumeState::available, VolumeEvent::remove, VolumeState::deleting},
    Move{VolumeState::deleting, VolumeEvent::removed, VolumeState::deleted},
    Move{VolumeState::creating, VolumeEvent::fail, VolumeState::error},
    Move{VolumeState::available, VolumeEvent::fail, VolumeState::error},
    Move{VolumeState::in_use, VolumeEvent::fail, VolumeState::error},
    Move{VolumeState::deleting, VolumeEvent::fail, VolumeState::error},
    Move{VolumeState::error, VolumeEvent::fail, VolumeState::error},
    Move{VolumeState::error, VolumeEvent::remove, VolumeState::deleting},  // as in EC2: else it could never go
};

constexpr std::array<Word<VolumeEvent>, 6> k_events{{
    {VolumeEvent::created, "have been created"},
    {VolumeEvent::attach, "be attached"},
    {VolumeEvent::detach, "be detached"},
    {VolumeEvent::remove, "be deleted"},
    {VolumeEvent::removed, "have been deleted"},
    {VolumeEvent::fail, "fail"},
}};

}  // namespace

std::string_view to_string(LayerState value) noexcept { return word_for(k_layer_states, value); }
Result<LayerState> parse_layer_state(std::string_view text) { return parse_word(k_layer_states, "layer state", text); }

std::string_view to_string(SnapshotState value) noexcept { return word_for(k_snapshot_states, value); }
Result<SnapshotState> parse_snapshot_state(std::string_view text) { return parse_word(k_snapshot_states, "snapshot state", text); }

std::string_view to_string(VolumeState value) noexcept { return word_for(k_volume_states, value); }
Result<VolumeState> parse_volume_state(std::string_view text) { return parse_word(k_volume_states, "volume state", text); }

Result<VolumeState> next(VolumeState state, VolumeEvent event) {
    for (const Move& move : k_moves) {
        if (move.from == state && move.event == event) {
            return move.to;
        }
    }
    const bool taken = state == VolumeState::in_use && (event == VolumeEvent::attach || event == VolumeEvent::remove);
    return Error(taken ? Code::volume_in_use : Code::incorrect_state,
                 fmt::format("A volume that is {} cannot {}", to_string(state), word_for(k_events, event)));
}

std::optional<std::uint32_t> nominal_iops(const Volume& volume) noexcept {
    // Source: EC2, "Amazon EBS volume types".
    constexpr std::uint32_t k_gp3 = 3000;
    constexpr std::uint64_t k_gp2_least = 100;
    constexpr std::uint64_t k_gp2_most = 16000;
    constexpr std::uint64_t k_gp2_per_gib = 3;
    if (volume.iops) {
        return volume.iops;
    }
    if (volume.type == VolumeType::gp3) {
        return k_gp3;
    }
    if (volume.type == VolumeType::gp2) {
        const std::uint64_t gib = std::min(volume.size.count, k_gp2_most);
        return static_cast<std::uint32_t>(std::clamp(gib * k_gp2_per_gib, k_gp2_least, k_gp2_most));
    }
    return std::nullopt;
}

std::optional<std::uint32_t> nominal_throughput(const Volume& volume) noexcept {
    constexpr std::uint32_t k_gp3 = 125;  // MiB/s
    return volume.throughput || volume.type != VolumeType::gp3 ? volume.throughput : std::optional(k_gp3);
}

std::set<LayerId> unreachable_layers(const std::vector<Layer>& layers, const std::vector<Snapshot>& snapshots,
                                     const std::vector<Volume>& volumes) {
    std::unordered_map<LayerId, const Layer*> by_id;
    by_id.reserve(layers.size());
    for (const Layer& layer : layers) {
        by_id.emplace(layer.id, &layer);
    }
    std::unordered_set<LayerId> reached;
    const auto reach = [&](const LayerId& from) {
        std::optional<LayerId> at = from;
        while (at && reached.insert(*at).second) {  // stops where an earlier walk went on, and at a cycle
            const auto found = by_id.find(*at);
            at = found == by_id.end() ? std::nullopt : found->second->parent;
        }
    };
    for (const Snapshot& snapshot : snapshots) {
        reach(snapshot.layer);
    }
    for (const Volume& volume : volumes) {
        reach(volume.layer);
    }
    for (const Layer& layer : layers) {
        if (layer.state == LayerState::creating) {
            reach(layer.id);  // a running operation builds it over its parents: they must stay, too
        }
    }
    std::set<LayerId> result;
    for (const Layer& layer : layers) {
        if (!reached.contains(layer.id)) {
            result.insert(layer.id);
        }
    }
    return result;
}

std::vector<LayerId> chain_of(const LayerId& top, const std::vector<Layer>& layers) {
    std::vector<LayerId> chain;
    std::optional<LayerId> at = top;
    while (at && std::find(chain.begin(), chain.end(), *at) == chain.end()) {
        const auto found = std::find_if(layers.begin(), layers.end(), [&](const Layer& layer) { return layer.id == *at; });
        if (found == layers.end()) {
            break;
        }
        chain.push_back(found->id);
        at = found->parent;
    }
    return chain;
}

}  // namespace amivirt
