// EC2's block device mapping and its merge; all pure. Rules: EC2 RunInstances and RegisterImage.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/size.hpp"
#include "amivirt/domain/platform.hpp"

namespace amivirt {

enum class VolumeType { standard, gp2, gp3, io1, io2, st1, sc1 };
[[nodiscard]] std::string_view to_string(VolumeType value) noexcept;
[[nodiscard]] Result<VolumeType> parse_volume_type(std::string_view text);

/// What an entry says of an EBS volume; absent means "not said".
struct EbsDevice {
    std::optional<SnapshotId> snapshot;
    std::optional<GiB> size;
    std::optional<VolumeType> type;
    std::optional<std::uint32_t> iops;
    std::optional<std::uint32_t> throughput;  ///< MiB/s
    std::optional<bool> delete_on_termination;
    std::optional<bool> encrypted;
    friend bool operator==(const EbsDevice&, const EbsDevice&) = default;
};
struct EphemeralDevice {
    unsigned number = 0;  ///< ephemeral0..23
    friend bool operator==(const EphemeralDevice&, const EphemeralDevice&) = default;
};
struct NoDevice {
    friend bool operator==(const NoDevice&, const NoDevice&) = default;
};

struct BlockDevice {
    std::string device_name;  ///< "/dev/sda1", "xvdb", "sdc": as given
    std::variant<EbsDevice, EphemeralDevice, NoDevice> what;
    friend bool operator==(const BlockDevice&, const BlockDevice&) = default;
};
using BlockDeviceMapping = std::vector<BlockDevice>;

/// The CLI's and EC2's short form: "/dev/sdb=:20", "/dev/sdb=snap-..:40:true:gp3[:IOPS[:THROUGHPUT]][:encrypted]",
/// "/dev/sdc=ephemeral0", "/dev/sdd=none". invalid_block_device_mapping, quoting the text.
[[nodiscard]] Result<BlockDevice> parse_block_device(std::string_view text);

/// All faults of one mapping by itself: names well-formed and unique, an Ebs entry has a snapshot or a size, limits of
/// its type (EC2's sizes and IOPS), ephemeral 0..23. Empty if none.
[[nodiscard]] std::vector<Error> check_mapping(const BlockDeviceMapping& mapping);

/// What keeps an entry out of an instance-store image's mapping, or out of the request of a launch of one: such a machine takes instance
/// store volumes only, and of its root no more can be said than a size.
[[nodiscard]] std::optional<Error> check_instance_store_entry(const BlockDevice& entry, std::string_view root_device_name);

/// Adds what is wrong with size, IOPS and throughput for the volume's type (gp3 if not said); `what` names it in the
/// messages, a whole noun phrase: `the new volume`, `device "/dev/sdb"`.
void check_limits(std::string_view what, const EbsDevice& ebs, std::vector<Error>& faults);

/// What a launch attaches: a resolved entry; root first, then by device name.
struct ResolvedDevice {
    std::string device_name;
    bool is_root = false;
    std::optional<SnapshotId> snapshot;  ///< none: an empty volume
    GiB size;
    VolumeType type = VolumeType::gp3;
    std::optional<std::uint32_t> iops;
    std::optional<std::uint32_t> throughput;
    bool delete_on_termination = false;
    bool encrypted = false;
    std::optional<unsigned> ephemeral;  ///< set: instance store, not EBS
    friend bool operator==(const ResolvedDevice&, const ResolvedDevice&) = default;
};

/// What the merge must know of a snapshot.
struct SnapshotFacts {
    SnapshotId id;
    GiB size;
    bool encrypted = false;
};
struct MergeInput {
    std::string root_device_name;
    BlockDeviceMapping image;
    BlockDeviceMapping request;
    std::vector<SnapshotFacts> snapshots;  ///< at least all that either mapping names; another is invalid_snapshot_not_found
    unsigned ephemeral_devices = 0;        ///< what the instance type offers; entries beyond are dropped silently
    RootDeviceType root_device_type = RootDeviceType::ebs;  ///< instance_store: check_instance_store_entry for the request's entries
};
/// Same name overrides, a new name adds, NoDevice removes; of the root only size (growing), type, IOPS, throughput,
/// encryption and DeleteOnTermination may change. Idempotent. On failure one Error whose message lists all faults.
[[nodiscard]] Result<std::vector<ResolvedDevice>> merge_mappings(const MergeInput& input);

}  // namespace amivirt
