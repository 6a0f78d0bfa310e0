// Layers, snapshots, volumes.
#include "adapters/sqlite/table.hpp"
#include "adapters/sqlite/tables.hpp"

namespace amivirt::sqlite {

namespace {

/// The one reference these records have to each other.
std::optional<Error> missing_layer(Transaction& transaction, const LayerId& layer, std::string_view noun, const std::string& id) {
    auto query = transaction.query("SELECT 1 FROM layer WHERE id = ?");
    Binder(*query).put(layer);
    if (query->executeStep()) {
        return std::nullopt;
    }
    return Error(Code::internal_error,
                 fmt::format("The {} \"{}\" names the layer \"{}\", which is not in the catalog.", noun, id, layer.str()));
}

struct LayerKind {
    using Record = Layer;
    using Key = LayerId;
    static constexpr const char* k_noun = "layer";
    static constexpr const char* k_table = "layer";
    static constexpr const char* k_columns =
        "id, parent, state, virtual_size, content_sha256, created, encrypted, seal_file_size, seal_modified_ns, seal_sha256";

    static const Key& key(const Layer& layer) { return layer.id; }
    static void bind(Binder& binder, const Layer& layer) {
        binder.put(layer.id, layer.parent, layer.state, layer.virtual_size, layer.content_sha256, layer.created, layer.encrypted);
        if (const auto& seal = layer.seal) {
            binder.put(seal->file_size, seal->modified_ns, seal->sha256);
        } else {
            binder.put(std::nullopt, std::nullopt, std::nullopt);
        }
    }
    static Layer read(Row& row) {
        Layer layer;
        row.get_all(layer.id, layer.parent);
        row.get(layer.state, parse_layer_state);
        row.get_all(layer.virtual_size, layer.content_sha256, layer.created, layer.encrypted);
        if (!row.null_here()) {
            auto& seal = layer.seal.emplace();
            row.get_all(seal.file_size, seal.modified_ns, seal.sha256);
        }
        return layer;
    }
    static void read_parts(Transaction& /*transaction*/, Loaded<Layer>& /*loaded*/) {}
    static void write_parts(Transaction& /*transaction*/, const Layer& /*layer*/) {}
    static void erase_parts(Transaction& /*transaction*/, const Key& /*key*/) {}
    static std::optional<Error> obstacle(Transaction& transaction, const Layer& layer) {
        if (layer.parent) {
            if (auto error = missing_layer(transaction, *layer.parent, k_noun, layer.id.str())) {
                return error;
            }
        }
        auto query =
            transaction.query("SELECT id FROM layer WHERE content_sha256 = ? AND content_sha256 <> '' AND state <> 'deleting' AND id <> ?");
        Binder(*query).put(layer.content_sha256, layer.id);
        if (query->executeStep()) {
            return Error(Code::internal_error, fmt::format("The content \"{}\" is already in the layer \"{}\".", layer.content_sha256,
                                                           query->getColumn(0).getString()));
        }
        return std::nullopt;
    }
};

struct SnapshotKind {
    using Record = Snapshot;
    using Key = SnapshotId;
    static constexpr const char* k_noun = "snapshot";
    static constexpr const char* k_table = "snapshot";
    static constexpr const char* k_columns =
        "id, owner, layer, volume, size_gib, state, state_message, encrypted, description, created, bin_entered, bin_expires";

    static const Key& key(const Snapshot& snapshot) { return snapshot.id; }
    static void bind(Binder& binder, const Snapshot& snapshot) {
        const auto layer = snapshot.layer.empty() ? std::nullopt : std::optional(snapshot.layer);
        binder.put(snapshot.id, snapshot.owner, layer, snapshot.volume, snapshot.size, snapshot.state, snapshot.state_message,
                   snapshot.encrypted, snapshot.description, snapshot.created);
        put_bin_stay(binder, snapshot.bin);
    }
    static Snapshot read(Row& row) {
        Snapshot snapshot;
        std::optional<LayerId> layer;
        row.get_all(snapshot.id, snapshot.owner, layer, snapshot.volume, snapshot.size);
        snapshot.layer = layer.value_or(LayerId());
        row.get(snapshot.state, parse_snapshot_state);
        row.get_all(snapshot.state_message, snapshot.encrypted, snapshot.description, snapshot.created);
        get_bin_stay(row, snapshot.bin);
        return snapshot;
    }
    static void read_parts(Transaction& transaction, Loaded<Snapshot>& loaded) { TagParts<SnapshotKind>::read(transaction, loaded); }
    static void write_parts(Transaction& transaction, const Snapshot& snapshot) { TagParts<SnapshotKind>::write(transaction, snapshot); }
    static void erase_parts(Transaction& transaction, const Key& key) { TagParts<SnapshotKind>::erase(transaction, key); }
    static std::optional<Error> obstacle(Transaction& transaction, const Snapshot& snapshot) {
        return snapshot.layer.empty() ? std::nullopt : missing_layer(transaction, snapshot.layer, k_noun, snapshot.id.str());
    }
};

struct VolumeKind {
    using Record = Volume;
    using Key = VolumeId;
    static constexpr const char* k_noun = "volume";
    static constexpr const char* k_table = "volume";
    static constexpr const char* k_columns =
        "id, owner, layer, snapshot, size_gib, type, iops, throughput, encrypted, instance_store, state, created,"
        " attached_instance, device_name, is_root, delete_on_termination, attached";

    static const Key& key(const Volume& volume) { return volume.id; }
    static void bind(Binder& binder, const Volume& volume) {
        binder.put(volume.id, volume.owner, volume.layer, volume.snapshot, volume.size, volume.type, volume.iops, volume.throughput,
                   volume.encrypted, volume.instance_store, volume.state, volume.created);
        if (const auto& attachment = volume.attachment) {
            binder.put(attachment->instance, attachment->device_name, attachment->is_root, attachment->delete_on_termination,
                       attachment->attached);
        } else {
            binder.put(std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt);
        }
    }
    static Volume read(Row& row) {
        Volume volume;
        row.get_all(volume.id, volume.owner, volume.layer, volume.snapshot, volume.size);
        row.get(volume.type, parse_volume_type);
        row.get_all(volume.iops, volume.throughput, volume.encrypted, volume.instance_store);
        row.get(volume.state, parse_volume_state);
        row.get(volume.created);
        if (!row.null_here()) {
            auto& attachment = volume.attachment.emplace();
            row.get_all(attachment.instance, attachment.device_name, attachment.is_root, attachment.delete_on_termination,
                        attachment.attached);
        }
        return volume;
    }
    static void read_parts(Transaction& transaction, Loaded<Volume>& loaded) { TagParts<VolumeKind>::read(transaction, loaded); }
    static void write_parts(Transaction& transaction, const Volume& volume) { TagParts<VolumeKind>::write(transaction, volume); }
    static void erase_parts(Transaction& transaction, const Key& key) { TagParts<VolumeKind>::erase(transaction, key); }
    static std::optional<Error> obstacle(Transaction& transaction, const Volume& volume) {
        return missing_layer(transaction, volume.layer, k_noun, volume.id.str());
    }
};

}  // namespace

std::unique_ptr<LayerTable> make_layer_table(Transaction& transaction) { return std::make_unique<SqliteTable<LayerKind>>(transaction); }
std::unique_ptr<SnapshotTable> make_snapshot_table(Transaction& transaction) {
    return std::make_unique<SqliteTable<SnapshotKind>>(transaction);
}
std::unique_ptr<VolumeTable> make_volume_table(Transaction& transaction) { return std::make_unique<SqliteTable<VolumeKind>>(transaction); }

}  // namespace amivirt::sqlite
