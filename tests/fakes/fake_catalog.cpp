#include "fake_catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "amivirt/domain/image_access.hpp"

namespace amivirt::fakes {

struct FakeCatalog::State {
    std::vector<Image> images;
    std::vector<Instance> instances;
    std::vector<Volume> volumes;
    std::vector<Snapshot> snapshots;
    std::vector<Layer> layers;
    std::vector<Operation> operations;
    std::vector<Download> downloads;
    std::vector<RetentionRule> retention_rules;
    std::vector<KeyPair> key_pairs;
    std::vector<LabMember> lab_members;
    std::vector<Document> documents;
    RegionPolicy policy;
    std::set<std::string> unreadable;
};

namespace {

enum class Access { read, write };

template <class Record>
const auto& key_of(const Record& record) {
    return record.id;
}
const std::string& key_of(const Download& record) { return record.url; }
const std::string& key_of(const LabMember& record) { return record.key; }
const std::string& key_of(const Document& record) { return record.key; }

template <class Key>
const std::string& text_of(const Key& key) {
    return key.str();
}
const std::string& text_of(const std::string& key) { return key; }

bool counts(const Image& image) { return image.state != ImageState::deregistered && image.state != ImageState::failed; }
bool lives(const Instance& instance) { return instance.state != InstanceState::terminated; }

bool same_port(const PortForward& a, const PortForward& b) {
    return a.address == b.address && a.host_port == b.host_port && a.protocol == b.protocol;
}

Error taken_port(const PortForward& port, const InstanceId& holder) {
    return Error(Code::invalid_parameter_value, fmt::format("The port {}:{}/{} is already forwarded to the instance \"{}\".", port.address,
                                                            port.host_port, port.protocol, holder.str()));
}

// The rules, one overload for each kind: what `state` holds against `record`.

template <class State>
Result<void> check(const State& state, const Image& record) {
    for (const Image& other : state.images) {
        if (other.id != record.id && counts(other) && counts(record) && other.owner == record.owner && other.name == record.name) {
            return Error(Code::invalid_ami_name_duplicate,
                         fmt::format("The image name \"{}\" is already in use by \"{}\".", record.name, other.id.str()));
        }
    }
    return {};
}

template <class State>
Result<void> check(const State& state, const Instance& record) {
    if (!lives(record)) {
        return {};
    }
    for (std::size_t i = 0; i < record.ports.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (same_port(record.ports[i], record.ports[j])) {
                return taken_port(record.ports[i], record.id);
            }
        }
    }
    for (const Instance& other : state.instances) {
        if (other.id == record.id || !lives(other)) {
            continue;
        }
        if (!record.mac_address.empty() && other.mac_address == record.mac_address) {
            return Error(Code::invalid_parameter_value, fmt::format("The MAC address \"{}\" is already in use by the instance \"{}\".",
                                                                    record.mac_address, other.id.str()));
        }
        for (const PortForward& port : record.ports) {
            if (std::ranges::any_of(other.ports, [&](const PortForward& theirs) { return same_port(port, theirs); })) {
                return taken_port(port, other.id);
            }
        }
    }
    return {};
}

template <class State>
Result<void> check_layer_there(const State& state, const LayerId& layer, const std::string& who) {
    if (std::ranges::none_of(state.layers, [&](const Layer& other) { return other.id == layer; })) {
        return Error(Code::internal_error, fmt::format("\"{}\" names the layer \"{}\", which is not in the catalog.", who, layer.str()));
    }
    return {};
}

template <class State>
Result<void> check(const State& state, const Volume& record) {
    return check_layer_there(state, record.layer, record.id.str());
}

template <class State>
Result<void> check(const State& state, const Snapshot& record) {
    return record.layer.empty() ? Result<void>() : check_layer_there(state, record.layer, record.id.str());
}

template <class State>
Result<void> check(const State& state, const Layer& record) {
    if (record.parent) {
        AMIVIRT_TRY(check_layer_there(state, *record.parent, record.id.str()));
    }
    for (const Layer& other : state.layers) {
        if (other.id != record.id && !record.content_sha256.empty() && other.content_sha256 == record.content_sha256 &&
            other.state != LayerState::deleting && record.state != LayerState::deleting) {
            return Error(Code::internal_error,
                         fmt::format("The content \"{}\" is already in the layer \"{}\".", record.content_sha256, other.id.str()));
        }
    }
    return {};
}

template <class State>
Result<void> check(const State& state, const Operation& record) {
    std::set<std::string> own;
    for (const std::string& object : record.objects) {
        if (!own.insert(object).second) {
            return Error(Code::internal_error, fmt::format("The operation \"{}\" names \"{}\" twice.", record.id.str(), object));
        }
        for (const Operation& other : state.operations) {
            if (other.id != record.id && std::ranges::find(other.objects, object) != other.objects.end()) {
                return busy_error(other, object);
            }
        }
    }
    return {};
}

template <class State>
Result<void> check(const State& /*state*/, const Download& /*record*/) {
    return {};
}

template <class State>
Result<void> check(const State& /*state*/, const RetentionRule& /*record*/) {
    return {};
}

template <class State>
Result<void> check(const State& state, const KeyPair& record) {
    for (const KeyPair& other : state.key_pairs) {
        if (other.id != record.id && other.owner == record.owner && other.name == record.name) {
            return Error(Code::invalid_key_pair_duplicate, fmt::format("The keypair '{}' already exists.", record.name));
        }
    }
    return {};
}

template <class State>
Result<void> check(const State& /*state*/, const LabMember& /*record*/) {
    return {};
}

template <class State>
Result<void> check(const State& /*state*/, const Document& /*record*/) {
    return {};
}

template <class State, class Key>
Result<void> check_erase(const State& /*state*/, const Key& /*key*/) {
    return {};
}

template <class State>
Result<void> check_erase(const State& state, const LayerId& key) {
    const auto uses = [&](const auto& record) { return record.layer == key; };
    if (std::ranges::any_of(state.volumes, uses) || std::ranges::any_of(state.snapshots, uses) ||
        std::ranges::any_of(state.layers, [&](const Layer& layer) { return layer.parent == key && layer.id != key; })) {
        return Error(Code::internal_error, fmt::format("The layer \"{}\" is in use.", key.str()));
    }
    return {};
}

template <class State, class Record, class Key>
class FakeTable final : public Table<Record, Key> {
public:
    FakeTable(State& state, std::vector<Record>& records, Access access) : state_(state), records_(records), access_(access) {}

    [[nodiscard]] Result<std::optional<Record>> find(const Key& key) override {
        const auto found = position(key);
        if (found == records_.end()) {
            return std::optional<Record>();
        }
        if (state_.unreadable.contains(text_of(key))) {
            return Error(Code::store_corrupt, sentence(key));
        }
        return std::optional<Record>(*found);
    }
    [[nodiscard]] Result<Listing<Record>> list() override {
        Listing<Record> listing;
        for (const Record& record : records_) {
            if (state_.unreadable.contains(text_of(key_of(record)))) {
                listing.unreadable.push_back(sentence(key_of(record)));
            } else {
                listing.records.push_back(record);
            }
        }
        return listing;
    }
    [[nodiscard]] Result<void> insert(const Record& record) override {
        AMIVIRT_TRY(check_writable());
        if (position(key_of(record)) != records_.end()) {
            return Error(Code::internal_error, fmt::format("\"{}\" is already in the catalog.", text_of(key_of(record))));
        }
        AMIVIRT_TRY(check(state_, record));
        records_.push_back(record);
        return {};
    }
    [[nodiscard]] Result<void> update(const Record& record) override {
        AMIVIRT_TRY(check_writable());
        const auto found = position(key_of(record));
        if (found == records_.end()) {
            return Error(Code::internal_error, fmt::format("\"{}\" is not in the catalog.", text_of(key_of(record))));
        }
        AMIVIRT_TRY(check(state_, record));
        *found = record;
        state_.unreadable.erase(text_of(key_of(record)));
        return {};
    }
    [[nodiscard]] Result<void> erase(const Key& key) override {
        AMIVIRT_TRY(check_writable());
        AMIVIRT_TRY(check_erase(state_, key));
        std::erase_if(records_, [&](const Record& record) { return key_of(record) == key; });
        state_.unreadable.erase(text_of(key));
        return {};
    }

private:
    auto position(const Key& key) {
        return std::ranges::find_if(records_, [&](const Record& record) { return key_of(record) == key; });
    }
    static std::string sentence(const Key& key) { return fmt::format("The record \"{}\" cannot be read: a test says so.", text_of(key)); }
    [[nodiscard]] Result<void> check_writable() const {
        if (access_ == Access::read) {
            return Error(Code::internal_error, "The catalog was to be changed inside a read().");
        }
        return {};
    }

    State& state_;
    std::vector<Record>& records_;
    Access access_;
};

/// By going through everything: what the port's words say, and what a real index is measured by.
template <class State>
class FakeIndex final : public CatalogIndex {
public:
    FakeIndex(State& state, ImageTable& images) : state_(state), images_(images) {}

    [[nodiscard]] Result<Listing<Image>> images(const ImageSearch& search) override {
        auto listing = AMIVIRT_TRY(images_.list());
        std::erase_if(listing.records, [&](const Image& image) { return !matches(image, search); });
        arrange(listing.records, search);
        return listing;
    }
    [[nodiscard]] Result<std::vector<std::string>> image_names(const AccountId& account) override {
        std::set<std::string> names;
        for (const Image& image : state_.images) {
            if (visible_to(image, account, {}, k_everything)) {
                names.insert(image.name);
            }
        }
        return std::vector(names.begin(), names.end());
    }
    [[nodiscard]] Result<std::optional<Layer>> layer_of_content(const std::string& sha256) override {
        for (const Layer& layer : state_.layers) {
            if (layer.state == LayerState::sealed && layer.content_sha256 == sha256) {
                return std::optional(layer);
            }
        }
        return std::optional<Layer>();
    }
    [[nodiscard]] Result<std::vector<SnapshotId>> snapshots_of_layer(const LayerId& layer, std::size_t most) override {
        std::vector<SnapshotId> ids;
        for (const Snapshot& snapshot : state_.snapshots) {
            if (snapshot.layer == layer && ids.size() < most) {
                ids.push_back(snapshot.id);
            }
        }
        return ids;
    }
    [[nodiscard]] Result<std::vector<std::string>> tagged(const std::string& key, const std::string& value) override {
        std::set<std::string> ids;
        const auto look_at = [&](const auto& records) {
            for (const auto& record : records) {
                if (const auto tag = record.tags.find(key); tag != record.tags.end() && tag->second == value) {
                    ids.insert(record.id.str());
                }
            }
        };
        look_at(state_.images);
        look_at(state_.instances);
        look_at(state_.volumes);
        look_at(state_.snapshots);
        return std::vector(ids.begin(), ids.end());
    }
    [[nodiscard]] Result<std::vector<Document>> documents(const std::string& kind) override {
        std::vector<Document> found;
        std::ranges::copy_if(state_.documents, std::back_inserter(found), [&](const Document& document) { return document.kind == kind; });
        return found;
    }
    [[nodiscard]] Result<LeasedInstances> leased(TimePoint deadline) override {
        LeasedInstances leased;
        std::vector<Instance> living = state_.instances;
        std::erase_if(living, [](const Instance& instance) { return !lives(instance); });
        for (const Instance& instance : living) {
            if (!instance.lifeline.empty()) {
                leased.lifelines.emplace_back(instance.id, instance.lifeline);
            }
        }
        std::erase_if(living, [&](const Instance& instance) { return !instance.expires || *instance.expires > deadline; });
        std::ranges::stable_sort(living, {}, [](const Instance& instance) { return *instance.expires; });
        for (const Instance& instance : living) {
            leased.expired.push_back(instance.id);
        }
        return leased;
    }

private:
    State& state_;
    ImageTable& images_;
};

}  // namespace

class FakeCatalog::Session final : public CatalogSession {
public:
    Session(State& state, Access access)
        : images_(state, state.images, access),
          instances_(state, state.instances, access),
          volumes_(state, state.volumes, access),
          snapshots_(state, state.snapshots, access),
          layers_(state, state.layers, access),
          operations_(state, state.operations, access),
          downloads_(state, state.downloads, access),
          retention_rules_(state, state.retention_rules, access),
          key_pairs_(state, state.key_pairs, access),
          lab_members_(state, state.lab_members, access),
          documents_(state, state.documents, access),
          index_(state, images_),
          policy_(state.policy),
          state_(state),
          access_(access) {}
    ImageTable& images() override { return images_; }
    InstanceTable& instances() override { return instances_; }
    VolumeTable& volumes() override { return volumes_; }
    SnapshotTable& snapshots() override { return snapshots_; }
    LayerTable& layers() override { return layers_; }
    OperationTable& operations() override { return operations_; }
    DownloadTable& downloads() override { return downloads_; }
    RetentionRuleTable& retention_rules() override { return retention_rules_; }
    KeyPairTable& key_pairs() override { return key_pairs_; }
    LabMemberTable& lab_members() override { return lab_members_; }
    DocumentTable& documents() override { return documents_; }
    CatalogIndex& index() override { return index_; }
    [[nodiscard]] Result<RegionPolicy> policy() override { return policy_; }
    [[nodiscard]] Result<void> set_policy(const RegionPolicy& policy) override {
        if (access_ == Access::read) {
            return Error(Code::internal_error, "The catalog was to be changed inside a read().");
        }
        policy_ = policy;
        return {};
    }
    [[nodiscard]] Result<BinContents> leaving_bin(TimePoint deadline) override {
        BinContents contents;
        const auto collect = [deadline](const auto& records, auto& keys) {
            for (const auto& record : records) {
                if (record.bin && record.bin->expires <= deadline) {
                    keys.push_back(record.id);
                }
            }
        };
        collect(state_.images, contents.images);
        collect(state_.snapshots, contents.snapshots);
        return contents;
    }

private:
    FakeTable<State, Image, ImageId> images_;
    FakeTable<State, Instance, InstanceId> instances_;
    FakeTable<State, Volume, VolumeId> volumes_;
    FakeTable<State, Snapshot, SnapshotId> snapshots_;
    FakeTable<State, Layer, LayerId> layers_;
    FakeTable<State, Operation, OperationId> operations_;
    FakeTable<State, Download, std::string> downloads_;
    FakeTable<State, RetentionRule, RetentionRuleId> retention_rules_;
    FakeTable<State, KeyPair, KeyPairId> key_pairs_;
    FakeTable<State, LabMember, std::string> lab_members_;
    FakeTable<State, Document, std::string> documents_;
    FakeIndex<State> index_;
    RegionPolicy& policy_;
    const State& state_;
    Access access_;
};

FakeCatalog::FakeCatalog() : committed_(std::make_shared<const State>()) {}
FakeCatalog::~FakeCatalog() = default;

Result<void> FakeCatalog::write(const Body& body) {
    AMIVIRT_TRY(script_.pass("write"));
    if (*writer_.lock() == std::this_thread::get_id()) {
        return Error(Code::internal_error, "The catalog was to be written inside a write().");
    }
    const std::lock_guard one_writer(writing_);
    struct Writer {
        explicit Writer(Sync<std::thread::id>& id) : id_(id) { *id_.lock() = std::this_thread::get_id(); }
        Writer(const Writer&) = delete;
        Writer& operator=(const Writer&) = delete;
        ~Writer() { *id_.lock() = std::thread::id(); }
        Sync<std::thread::id>& id_;
    } const writer(writer_);

    auto next = std::make_shared<State>(**committed_.lock());
    Session session(*next, Access::write);
    AMIVIRT_TRY(body(session));
    AMIVIRT_TRY(script_.pass("commit"));
    *committed_.lock() = std::move(next);
    return {};
}

Result<void> FakeCatalog::read(const Body& body) {
    AMIVIRT_TRY(script_.pass("read"));
    State view = **committed_.lock();
    Session session(view, Access::read);
    return body(session);
}

void FakeCatalog::make_unreadable(const std::string& key) {
    const std::lock_guard one_writer(writing_);
    auto next = std::make_shared<State>(**committed_.lock());
    next->unreadable.insert(key);
    *committed_.lock() = std::move(next);
}

}  // namespace amivirt::fakes
