// Layers, snapshots, volumes: the storage graph. A layer's file goes when nothing reaches it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/ids.hpp"
#include "amivirt/base/size.hpp"
#include "amivirt/domain/block_device_mapping.hpp"
#include "amivirt/domain/governance.hpp"
#include "amivirt/domain/tag.hpp"

namespace amivirt {

/// One qcow2 file with at most one parent.
enum class LayerState {
    creating,  ///< reserved by a running operation; the file may be absent or partial
    writable,  ///< the top of exactly one volume
    sealed,    ///< immutable, mode 0444
    deleting,  ///< unreachable; its file is going
};
[[nodiscard]] std::string_view to_string(LayerState value) noexcept;
[[nodiscard]] Result<LayerState> parse_layer_state(std::string_view text);

/// How a sealed layer's file looked when it was sealed. Its bytes never change again: a file that looks otherwise was changed by others.
struct Seal {
    Bytes file_size;
    std::int64_t modified_ns = 0;  ///< the file's mtime, nanoseconds since 1970
    std::string sha256;            ///< of the file; "" until `fsck --deep` has read it once
    friend bool operator==(const Seal&, const Seal&) = default;
};

struct Layer {
    LayerId id;
    std::optional<LayerId> parent;
    LayerState state = LayerState::creating;
    Bytes virtual_size;
    std::string content_sha256;  ///< of the (decompressed) source a sealed base came from; "" for others. Unique where set.
    bool encrypted = false;      ///< its clusters are (qcow2 LUKS, the region's key); layers of one chain may differ
    std::optional<Seal> seal;    ///< of a sealed one; absent if an older amivirt sealed it
    TimePoint created{};
};

enum class SnapshotState { pending, completed, error };
[[nodiscard]] std::string_view to_string(SnapshotState value) noexcept;
[[nodiscard]] Result<SnapshotState> parse_snapshot_state(std::string_view text);

struct Snapshot {
    SnapshotId id;
    AccountId owner;
    LayerId layer;                   ///< empty while it is pending as a copy, and where that failed
    std::optional<VolumeId> volume;  ///< what it was taken of; none: imported
    GiB size;
    SnapshotState state = SnapshotState::pending;
    std::string state_message;  ///< why it is `error`
    bool encrypted = false;
    std::string description;
    TimePoint created{};
    Tags tags;
    std::optional<BinStay> bin;  ///< deleted, and still to be had back
};

enum class VolumeState { creating, available, in_use, deleting, deleted, error };
[[nodiscard]] std::string_view to_string(VolumeState value) noexcept;  // "in-use"
[[nodiscard]] Result<VolumeState> parse_volume_state(std::string_view text);
enum class VolumeEvent { created, attach, detach, remove, removed, fail };
[[nodiscard]] Result<VolumeState> next(VolumeState state, VolumeEvent event);

struct Attachment {
    InstanceId instance;
    std::string device_name;
    bool is_root = false;
    bool delete_on_termination = false;
    TimePoint attached{};
};

struct Volume {
    VolumeId id;
    AccountId owner;
    LayerId layer;  ///< its writable top
    std::optional<SnapshotId> snapshot;
    GiB size;
    VolumeType type = VolumeType::gp3;
    std::optional<std::uint32_t> iops;
    std::optional<std::uint32_t> throughput;
    bool encrypted = false;
    bool instance_store = false;  ///< the root of an instance-store instance: lives and dies with it, no EBS volume to anybody
    VolumeState state = VolumeState::creating;
    std::optional<Attachment> attachment;
    TimePoint created{};
    Tags tags;
};

/// What EC2 tells of a volume's speed: what was said, else what comes with its type; nullopt where it tells none. Enforced is what was
/// said, alone.
[[nodiscard]] std::optional<std::uint32_t> nominal_iops(const Volume& volume) noexcept;
[[nodiscard]] std::optional<std::uint32_t> nominal_throughput(const Volume& volume) noexcept;

/// Layers that neither a snapshot nor a volume reaches over parents; those `creating` are never among them. Pure.
[[nodiscard]] std::set<LayerId> unreachable_layers(const std::vector<Layer>& layers, const std::vector<Snapshot>& snapshots,
                                                   const std::vector<Volume>& volumes);

/// `top` and its parents, top first; ends where a parent is not among `layers`, and at a cycle.
[[nodiscard]] std::vector<LayerId> chain_of(const LayerId& top, const std::vector<Layer>& layers);

}  // namespace amivirt
