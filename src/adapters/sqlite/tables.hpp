// One factory per kind of record; each in a file of its own.
#pragma once

#include <memory>

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

}  // namespace amivirt::sqlite
