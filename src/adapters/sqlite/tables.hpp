// One factory per kind of record.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "amivirt/ports/catalog.hpp"

namespace amivirt::sqlite {

class Transaction;

[[nodiscard]] std::unique_ptr<ImageTable> make_image_table(Transaction& transaction);
[[nodiscard]] std::unique_ptr<InstanceTable> make_instance_table(Transaction& transaction);
[[nodiscard]] std::unique_ptr<VolumeTable> make_volume_table(Transaction& transaction);
[[nodiscard]] std::unique_ptr<SnapshotTable> make_snapshot_table(Transaction& transaction);
[[nodiscard]] std::unique_ptr<LayerTable> make_layer_table(Transaction& transaction);
[[nodiscard]] std::unique_ptr<OperationTable> make_operation_table(Transaction& transaction);
[[nodiscard]] std::unique_ptr<DownloadTable> make_download_table(Transaction& transaction);
[[nodiscard]] std::unique_ptr<RetentionRuleTable> make_retention_rule_table(Transaction& transaction);
[[nodiscard]] std::unique_ptr<KeyPairTable> make_key_pair_table(Transaction& transaction);
[[nodiscard]] std::unique_ptr<LabMemberTable> make_lab_member_table(Transaction& transaction);
[[nodiscard]] std::unique_ptr<DocumentTable> make_document_table(Transaction& transaction);
[[nodiscard]] Result<RegionPolicy> read_policy(Transaction& transaction);
[[nodiscard]] Result<void> write_policy(Transaction& transaction, const RegionPolicy& policy);
[[nodiscard]] Result<BinContents> read_leaving_bin(Transaction& transaction, TimePoint deadline);
[[nodiscard]] std::unique_ptr<CatalogIndex> make_index(Transaction& transaction);
/// The images of these sequence numbers, in their order.
[[nodiscard]] Result<Listing<Image>> read_images(Transaction& transaction, std::span<const std::int64_t> sequences);

}  // namespace amivirt::sqlite
