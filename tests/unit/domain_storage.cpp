#include "amivirt/domain/storage.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>

#include "domain_samples.hpp"

namespace amivirt {
namespace {

using samples::id;

template <class Value, std::size_t N, class Parse>
void expect_round_trip(const std::array<Value, N>& values, Parse parse) {
    std::set<std::string_view> words;
    for (const Value value : values) {
        EXPECT_TRUE(words.insert(to_string(value)).second) << to_string(value);
        const auto parsed = parse(to_string(value));
        ASSERT_TRUE(parsed) << to_string(value);
        EXPECT_EQ(*parsed, value);
    }
    const auto bad = parse("nonsense");
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code, Code::invalid_parameter_value);
    EXPECT_NE(bad.error().message.find("\"nonsense\""), std::string::npos);
}

TEST(NominalSpeed, IsWhatWasSaidOrComesWithTheType) {
    Volume volume;
    volume.size = GiB{8};
    EXPECT_EQ(nominal_iops(volume), 3000U);
    EXPECT_EQ(nominal_throughput(volume), 125U);
    volume.iops = 4000;
    volume.throughput = 250;
    EXPECT_EQ(nominal_iops(volume), 4000U);
    EXPECT_EQ(nominal_throughput(volume), 250U);
    volume = {};
    volume.type = VolumeType::gp2;
    for (const auto& [gib, iops] : std::map<std::uint64_t, unsigned>{
             {1, 100}, {33, 100}, {34, 102}, {1000, 3000}, {5333, 15999}, {5334, 16000}, {16384, 16000}, {~0ULL, 16000}}) {
        volume.size = GiB{gib};
        EXPECT_EQ(nominal_iops(volume), iops) << gib;
    }
    EXPECT_EQ(nominal_throughput(volume), std::nullopt);
    for (const VolumeType type : {VolumeType::standard, VolumeType::st1, VolumeType::sc1}) {
        volume.type = type;
        EXPECT_EQ(nominal_iops(volume), std::nullopt) << to_string(type);
        EXPECT_EQ(nominal_throughput(volume), std::nullopt) << to_string(type);
    }
}

using S = VolumeState;
using E = VolumeEvent;
constexpr std::array k_states{S::creating, S::available, S::in_use, S::deleting, S::deleted, S::error};
constexpr std::array k_events{E::created, E::attach, E::detach, E::remove, E::removed, E::fail};

TEST(StorageStates, RoundTrip) {
    expect_round_trip(std::array{LayerState::creating, LayerState::writable, LayerState::sealed, LayerState::deleting}, parse_layer_state);
    expect_round_trip(std::array{SnapshotState::pending, SnapshotState::completed, SnapshotState::error}, parse_snapshot_state);
    expect_round_trip(k_states, parse_volume_state);
    EXPECT_EQ(to_string(S::in_use), "in-use");
}

TEST(VolumeState, MovesOnlyAsTheTableSays) {
    std::map<std::pair<S, E>, S> table{
        {{S::creating, E::created}, S::available}, {{S::available, E::attach}, S::in_use},  {{S::in_use, E::detach}, S::available},
        {{S::available, E::remove}, S::deleting},  {{S::deleting, E::removed}, S::deleted}, {{S::error, E::remove}, S::deleting},
    };
    for (const S state : k_states) {
        if (state != S::deleted) {
            table[{state, E::fail}] = S::error;
        }
    }
    for (const S state : k_states) {
        for (const E event : k_events) {
            const auto moved = next(state, event);
            if (const auto want = table.find({state, event}); want != table.end()) {
                ASSERT_TRUE(moved) << to_string(state) << ' ' << static_cast<int>(event);
                EXPECT_EQ(*moved, want->second);
            } else {
                ASSERT_FALSE(moved) << to_string(state) << ' ' << static_cast<int>(event);
                const bool taken = state == S::in_use && (event == E::attach || event == E::remove);
                EXPECT_EQ(moved.error().code, taken ? Code::volume_in_use : Code::incorrect_state);
                EXPECT_NE(moved.error().message.find(to_string(state)), std::string::npos) << moved.error().message;
            }
        }
    }
}

Layer layer(unsigned number, std::optional<unsigned> parent, LayerState state = LayerState::sealed) {
    Layer result;
    result.id = id<LayerId>(number);
    if (parent) {
        result.parent = id<LayerId>(*parent);
    }
    result.state = state;
    return result;
}
Snapshot snapshot_of(unsigned number) {
    Snapshot result;
    result.layer = id<LayerId>(number);
    return result;
}
Volume volume_of(unsigned number) {
    Volume result;
    result.layer = id<LayerId>(number);
    return result;
}
std::set<LayerId> ids(std::initializer_list<unsigned> numbers) {
    std::set<LayerId> result;
    for (const unsigned number : numbers) {
        result.insert(id<LayerId>(number));
    }
    return result;
}

TEST(UnreachableLayers, AreThoseNoSnapshotOrVolumeLeadsTo) {
    // 1 <- 2 <- 3 (a volume's top);  1 <- 4;  5 <- 6 (a snapshot);  7 alone
    const std::vector<Layer> layers{layer(1, {}), layer(2, 1), layer(3, 2, LayerState::writable), layer(4, 1), layer(5, {}),
                                    layer(6, 5),  layer(7, {})};
    EXPECT_EQ(unreachable_layers(layers, {snapshot_of(6)}, {volume_of(3)}), ids({4, 7}));
    EXPECT_EQ(unreachable_layers(layers, {snapshot_of(6)}, {}), ids({1, 2, 3, 4, 7}));
    EXPECT_EQ(unreachable_layers(layers, {snapshot_of(2), snapshot_of(2)}, {}), ids({3, 4, 5, 6, 7}));
    EXPECT_EQ(unreachable_layers(layers, {}, {}), ids({1, 2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(unreachable_layers({}, {snapshot_of(1)}, {volume_of(2)}), ids({}));
}

TEST(UnreachableLayers, SpareWhatAnOperationIsMakingAndItsParents) {
    const std::vector<Layer> layers{layer(1, {}), layer(2, 1), layer(3, 2, LayerState::creating), layer(4, 1),
                                    layer(5, {}, LayerState::creating)};
    EXPECT_EQ(unreachable_layers(layers, {}, {}), ids({4}));
}

TEST(UnreachableLayers, TakeUpADeletionThatWasBegun) {
    EXPECT_EQ(unreachable_layers({layer(1, {}, LayerState::deleting), layer(2, {}, LayerState::writable)}, {}, {volume_of(2)}), ids({1}));
}

TEST(UnreachableLayers, EndOnACycleAndOnAMissingParent) {
    EXPECT_EQ(unreachable_layers({layer(1, 2), layer(2, 1), layer(3, 4), layer(4, 3)}, {snapshot_of(1)}, {}), ids({3, 4}));
    EXPECT_EQ(unreachable_layers({layer(1, 99)}, {}, {volume_of(1)}), ids({}));
}

TEST(UnreachableLayers, AgreeWithAPlainSearchOnRandomForests) {
    std::mt19937 random(20261123);
    const auto below = [&random](unsigned n) { return static_cast<unsigned>(random() % n); };
    for (int round = 0; round < 200; ++round) {
        const unsigned count = 1 + below(40);
        std::vector<Layer> layers;
        for (unsigned i = 0; i < count; ++i) {
            layers.push_back(layer(i, i > 0 && below(4) != 0 ? std::optional(below(i)) : std::nullopt,
                                   below(10) == 0 ? LayerState::creating : LayerState::sealed));
        }
        std::vector<Snapshot> snapshots;
        std::vector<Volume> volumes;
        std::set<unsigned> kept;
        for (unsigned i = 0; i < count; ++i) {
            if (below(6) == 0) {
                snapshots.push_back(snapshot_of(i));
                kept.insert(i);
            }
            if (below(6) == 0) {
                volumes.push_back(volume_of(i));
                kept.insert(i);
            }
            if (layers[i].state == LayerState::creating) {
                kept.insert(i);
            }
        }
        for (unsigned i = count; i-- > 0;) {  // parents have lower numbers, so one pass down is enough
            if (kept.contains(i) && layers[i].parent) {
                for (unsigned p = 0; p < i; ++p) {
                    if (layers[p].id == *layers[i].parent) {
                        kept.insert(p);
                    }
                }
            }
        }
        std::set<LayerId> expected;
        for (unsigned i = 0; i < count; ++i) {
            if (!kept.contains(i)) {
                expected.insert(layers[i].id);
            }
        }
        std::shuffle(layers.begin(), layers.end(), random);
        EXPECT_EQ(unreachable_layers(layers, snapshots, volumes), expected) << "round " << round;
    }
}

TEST(UnreachableLayers, WalkALongChainWithoutRecursion) {
    std::vector<Layer> layers;
    for (unsigned i = 0; i < 5000; ++i) {
        layers.push_back(layer(i, i > 0 ? std::optional(i - 1) : std::nullopt));
    }
    EXPECT_TRUE(unreachable_layers(layers, {}, {volume_of(4999)}).empty());
    EXPECT_EQ(unreachable_layers(layers, {snapshot_of(2499)}, {}).size(), 2500U);
}

}  // namespace
}  // namespace amivirt
