// The catalog: what this region knows. One per region; safe between threads and between processes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/domain/document.hpp"
#include "amivirt/domain/governance.hpp"
#include "amivirt/domain/image.hpp"
#include "amivirt/domain/image_search.hpp"
#include "amivirt/domain/instance.hpp"
#include "amivirt/domain/key_pair.hpp"
#include "amivirt/domain/lab_member.hpp"
#include "amivirt/domain/operation.hpp"
#include "amivirt/domain/storage.hpp"

namespace amivirt {

/// A partial download that a later import of the same URL resumes. Its bytes lie in the volume store under `file`.
struct Download {
    std::string url;        ///< key
    std::string file;       ///< name inside the store's downloads/ folder
    std::string validator;  ///< strong ETag or Last-Modified, for If-Range
    TimePoint touched{};
};

/// Records that could be read, and a sentence for each that could not (it is left alone).
template <class Record>
struct Listing {
    std::vector<Record> records;
    std::vector<std::string> unreadable;
};

/// One kind of record. Key is the record's id (`url` of a Download).
template <class Record, class Key>
class Table {
public:
    virtual ~Table() = default;
    /// nullopt: not there. store_corrupt: there, and unreadable.
    [[nodiscard]] virtual Result<std::optional<Record>> find(const Key& key) = 0;
    /// In order of creation.
    [[nodiscard]] virtual Result<Listing<Record>> list() = 0;
    /// A second record of the same key is internal_error; the unique rules of Catalog give their own errors.
    [[nodiscard]] virtual Result<void> insert(const Record& record) = 0;
    /// Replaces the whole record; internal_error if it is not there.
    [[nodiscard]] virtual Result<void> update(const Record& record) = 0;
    /// Idempotent: absent is done.
    [[nodiscard]] virtual Result<void> erase(const Key& key) = 0;
};

using ImageTable = Table<Image, ImageId>;
using InstanceTable = Table<Instance, InstanceId>;
using VolumeTable = Table<Volume, VolumeId>;
using SnapshotTable = Table<Snapshot, SnapshotId>;
using LayerTable = Table<Layer, LayerId>;
using OperationTable = Table<Operation, OperationId>;
using DownloadTable = Table<Download, std::string>;
using RetentionRuleTable = Table<RetentionRule, RetentionRuleId>;
using KeyPairTable = Table<KeyPair, KeyPairId>;
using LabMemberTable = Table<LabMember, std::string>;
using DocumentTable = Table<Document, std::string>;

/// What is in the recycle bin.
struct BinContents {
    std::vector<ImageId> images;
    std::vector<SnapshotId> snapshots;
    friend bool operator==(const BinContents&, const BinContents&) = default;
};

/// Instances, not terminated, that do not live until somebody terminates them.
struct LeasedInstances {
    std::vector<InstanceId> expired;                            ///< by the end of their lease
    std::vector<std::pair<InstanceId, std::string>> lifelines;  ///< all that live for a process, with its liveness' name
};

/// What is asked so often that it may not take a whole listing: each is as quick as its answer is short, whatever the catalog's size.
class CatalogIndex {
public:
    virtual ~CatalogIndex() = default;
    /// Those of images().list() that match, in the search's order, up to its limit. `unreadable` tells of the records come upon, not of
    /// all.
    [[nodiscard]] virtual Result<Listing<Image>> images(const ImageSearch& search) = 0;
    /// Of the images visible_to() `account`, in any order, each once: for "did you mean".
    [[nodiscard]] virtual Result<std::vector<std::string>> image_names(const AccountId& account) = 0;
    /// The sealed layer of this (not empty) content.
    [[nodiscard]] virtual Result<std::optional<Layer>> layer_of_content(const std::string& sha256) = 0;
    /// The first `most` of them, in order of creation.
    [[nodiscard]] virtual Result<std::vector<SnapshotId>> snapshots_of_layer(const LayerId& layer, std::size_t most) = 0;
    /// The ids of whatever has this tag, by id.
    [[nodiscard]] virtual Result<std::vector<std::string>> tagged(const std::string& key, const std::string& value) = 0;
    /// Of this kind, in order of creation.
    [[nodiscard]] virtual Result<std::vector<Document>> documents(const std::string& kind) = 0;
    /// Leases that end at `deadline` or before, and all lifelines.
    [[nodiscard]] virtual Result<LeasedInstances> leased(TimePoint deadline) = 0;
};

/// Inside one transaction. Valid only during the call it was handed to.
class CatalogSession {
public:
    virtual ~CatalogSession() = default;
    virtual ImageTable& images() = 0;
    virtual InstanceTable& instances() = 0;
    virtual VolumeTable& volumes() = 0;
    virtual SnapshotTable& snapshots() = 0;
    virtual LayerTable& layers() = 0;
    virtual OperationTable& operations() = 0;
    virtual DownloadTable& downloads() = 0;
    virtual RetentionRuleTable& retention_rules() = 0;
    virtual KeyPairTable& key_pairs() = 0;
    virtual LabMemberTable& lab_members() = 0;
    virtual DocumentTable& documents() = 0;
    virtual CatalogIndex& index() = 0;
    /// All at its default if none was set.
    [[nodiscard]] virtual Result<RegionPolicy> policy() = 0;
    [[nodiscard]] virtual Result<void> set_policy(const RegionPolicy& policy) = 0;
    /// What is in the recycle bin and leaves it at `deadline` or before, each in order of creation. Reads no whole records.
    [[nodiscard]] virtual Result<BinContents> leaving_bin(TimePoint deadline) = 0;
};

/// Unique rules, each an error of insert/update:
///  - image: (owner, name) among images not deregistered or failed -> invalid_ami_name_duplicate
///  - key pair: (owner, name) -> invalid_key_pair_duplicate
///  - operation: an object in two operations -> busy (busy_error of the holder)
///  - instance: mac_address among the living (not terminated); (address, host_port, protocol) of ports among instances not
///    terminated -> invalid_parameter_value naming the port and the instance that has it
///  - layer: content_sha256 where set and not `deleting` -> internal_error
/// References are kept: a volume's and a snapshot's layer, a layer's parent; erasing one in use is internal_error.
/// (An image's snapshots, an instance's image and a volume's snapshot are names only: they may be gone.)
class Catalog {
public:
    using Body = std::function<Result<void>(CatalogSession&)>;
    virtual ~Catalog() = default;
    /// One exclusive write transaction: committed and durable when `body` gave no error and write() returned none;
    /// else, also on an exception, as if it had never been. Waits up to 30 s for other writers, then lock_timeout.
    [[nodiscard]] virtual Result<void> write(const Body& body) = 0;
    /// One consistent view; changes made in `body` are an internal_error.
    [[nodiscard]] virtual Result<void> read(const Body& body) = 0;
    /// Made once with the catalog; marks the domains and files that are ours. 32 hex digits.
    [[nodiscard]] virtual const std::string& store_id() const = 0;
};

}  // namespace amivirt
