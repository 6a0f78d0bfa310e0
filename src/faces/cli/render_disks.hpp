// Volumes, snapshots, du, gc and fsck: trees in the shape of `aws ec2 describe-volumes` and the like, tables and field lists. Pure.
#pragma once

#include <string>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/domain/storage.hpp"
#include "amivirt/services/accounting.hpp"
#include "amivirt/services/checker.hpp"
#include "faces/cli/output.hpp"

namespace amivirt::cli {

/// {"Volumes": [...]}
[[nodiscard]] Document volumes_document(const std::vector<Volume>& volumes, const std::string& region);
/// One volume by itself: as create-volume.
[[nodiscard]] Document volume_document(const Volume& volume, const std::string& region);
[[nodiscard]] std::string volumes_table(const std::vector<Volume>& volumes, TimePoint now);
[[nodiscard]] std::string volume_fields(const Volume& volume);

/// An attachment that was made or has ended.
struct AttachmentChange {
    VolumeId volume;
    Attachment attachment;
};
enum class AttachmentState { attached, detached };
/// As attach-volume and detach-volume; several: {"Attachments": [...]}.
[[nodiscard]] Document attachments_document(const std::vector<AttachmentChange>& changes, AttachmentState state);
/// {"VolumeModification": {...}}: as modify-volume, which here is done when it returns.
[[nodiscard]] Document modification_document(const Volume& before, const Volume& after, TimePoint began);
/// {"Return": true, "VolumeIds": [...]}, `word` being "VolumeIds": for calls that EC2 answers with nothing but true.
[[nodiscard]] Document deleted_document(const std::string& word, const std::vector<std::string>& ids);
/// {"InstanceId", "BlockDeviceMappings": [{"DeviceName", "Ebs"}]}: as describe-instance-attribute.
[[nodiscard]] Document instance_mapping_document(const InstanceId& instance, const std::vector<Volume>& volumes);

/// {"Snapshots": [...]}: as describe-snapshots and create-snapshots.
[[nodiscard]] Document snapshots_document(const std::vector<Snapshot>& snapshots);
/// One snapshot by itself: as create-snapshot.
[[nodiscard]] Document snapshot_document(const Snapshot& snapshot);
[[nodiscard]] std::string snapshots_table(const std::vector<Snapshot>& snapshots, TimePoint now);
[[nodiscard]] std::string snapshot_fields(const Snapshot& snapshot);

/// {"Usage": [{"Kind", "Id", "Name", "SizeBytes", "OwnBytes", "SharedBytes", "FreedBytes"}], "LayerBytes", "InstanceBytes", "TotalBytes"}
[[nodiscard]] Document usage_document(const UsageReport& report);
[[nodiscard]] std::string usage_table(const UsageReport& report);

/// {"Layers": [{"LayerId", "AllocatedBytes", "Reasons"}]}
[[nodiscard]] Document reasons_document(const std::vector<LayerReason>& reasons);
[[nodiscard]] std::string reasons_table(const std::vector<LayerReason>& reasons);
/// {"LayersRemoved": 2, "VolumesFlattened": [...]}
[[nodiscard]] Document garbage_document(std::size_t removed, const std::vector<std::string>& flattened);

/// {"Faults": [{"Object", "Detail", "Repair", "Repaired"}], "LayersChecked", "ChecksumsRecorded", "Sound"}
[[nodiscard]] Document check_document(const CheckReport& report);
/// `OBJECT: DETAIL`, below it what a repair does or did.
[[nodiscard]] std::string check_text(const CheckReport& report);
/// Nothing is wrong, or nothing any more.
[[nodiscard]] bool sound(const CheckReport& report) noexcept;
/// "214 layers checked, 2 faults, 1 of them repaired"
[[nodiscard]] std::string check_summary(const CheckReport& report);

}  // namespace amivirt::cli
