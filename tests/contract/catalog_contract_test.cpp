// What include/amivirt/ports/catalog.hpp promises, of the fake and of the real one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "catalog_records.hpp"
#include "catalog_stores.hpp"
#include "fakes/fake_id_source.hpp"

namespace amivirt::contract {

namespace {

using fakes::nth_id;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Result<void> k_fine;

class CatalogContract : public testing::TestWithParam<CatalogMaker> {
protected:
    /// write() that must succeed.
    void put(const Catalog::Body& body) {
        const auto done = store_->catalog().write(body);
        ASSERT_TRUE(done) << done.error().message;
    }
    /// What one step inside a write() answers; the transaction itself goes on and commits.
    Result<void> attempt(const Catalog::Body& step) {
        Result<void> answer;
        put([&](CatalogSession& session) -> Result<void> {
            answer = step(session);
            return {};
        });
        return answer;
    }
    template <class Record, class Key>
    std::optional<Record> find(Table<Record, Key>& (CatalogSession::*table)(), const Key& key) {
        std::optional<Record> found;
        const auto done = store_->catalog().read([&](CatalogSession& session) -> Result<void> {
            found = AMIVIRT_TRY((session.*table)().find(key));
            return {};
        });
        EXPECT_TRUE(done) << done.error().message;
        return found;
    }
    template <class Record, class Key>
    Listing<Record> list(Table<Record, Key>& (CatalogSession::*table)()) {
        Listing<Record> listing;
        const auto done = store_->catalog().read([&](CatalogSession& session) -> Result<void> {
            listing = AMIVIRT_TRY((session.*table)().list());
            return {};
        });
        EXPECT_TRUE(done) << done.error().message;
        return listing;
    }

    /// A record's whole life: three are made, one is changed, one goes. `before` makes what they refer to.
    template <class Record, class Key>
    void live_and_die(
        Table<Record, Key>& (CatalogSession::*table)(), std::vector<Record> records, Record changed, const std::vector<Key>& keys,
        const Catalog::Body& before = [](CatalogSession&) { return k_fine; }) {
        ASSERT_THAT(records, SizeIs(3));
        EXPECT_EQ(find(table, keys[0]), std::nullopt);
        EXPECT_THAT(list(table).records, IsEmpty());
        put(before);
        for (const Record& record : records) {
            put([&](CatalogSession& session) { return (session.*table)().insert(record); });
        }
        for (std::size_t i = 0; i < 3; ++i) {
            EXPECT_EQ(find(table, keys[i]), records[i]);
        }
        EXPECT_EQ(list(table).records, records);

        const auto twice = attempt([&](CatalogSession& session) { return (session.*table)().insert(records[0]); });
        ASSERT_FALSE(twice);
        EXPECT_EQ(twice.error().code, Code::internal_error);

        ASSERT_NE(changed, records[0]);
        put([&](CatalogSession& session) { return (session.*table)().update(changed); });
        EXPECT_EQ(find(table, keys[0]), changed);
        EXPECT_EQ(list(table).records, (std::vector{changed, records[1], records[2]}));

        for (int i = 0; i < 2; ++i) {  // the second time there is nothing to do
            put([&](CatalogSession& session) { return (session.*table)().erase(keys[1]); });
        }
        EXPECT_EQ(find(table, keys[1]), std::nullopt);
        EXPECT_EQ(list(table).records, (std::vector{changed, records[2]}));

        const auto absent = attempt([&](CatalogSession& session) { return (session.*table)().update(records[1]); });
        ASSERT_FALSE(absent);
        EXPECT_EQ(absent.error().code, Code::internal_error);
        EXPECT_EQ(list(table).records, (std::vector{changed, records[2]}));

        // Nothing of the erased one is left to come back with a new record of its key; and the new one is the youngest.
        put([&](CatalogSession& session) { return (session.*table)().insert(records[1]); });
        EXPECT_EQ(find(table, keys[1]), records[1]);
        EXPECT_EQ(list(table).records, (std::vector{changed, records[2], records[1]}));
    }

    static Result<void> insert_layers(CatalogSession& session) {
        for (const std::uint64_t n : {1U, 2U, 3U, 9U}) {
            AMIVIRT_TRY(session.layers().insert(plain_layer(n)));
        }
        return {};
    }

    std::unique_ptr<CatalogStore> store_ = GetParam().make();
};

INSTANTIATE_TEST_SUITE_P(All, CatalogContract, testing::Values(fake_catalog_store(), sqlite_catalog_store()),
                         [](const auto& maker) { return maker.param.name; });

// Records

TEST_P(CatalogContract, KeepsImages) {
    Image changed = plain_image(3);
    changed.name = "another name";
    changed.state = ImageState::available;
    changed.tags = {{"a", "b"}};
    changed.permissions.accounts = {AccountId::local()};
    // Inserted against the order of their ids: the order of creation is another.
    live_and_die<Image, ImageId>(&CatalogSession::images, {full_image(3), plain_image(2), full_image(1)}, changed,
                                 {nth_id<ImageId>(3), nth_id<ImageId>(2), nth_id<ImageId>(1)});
}

TEST_P(CatalogContract, KeepsInstances) {
    Instance changed = full_instance(3);
    changed.state = InstanceState::running;
    changed.terminated.reset();
    changed.ports = {{"127.0.0.1", 20006, 22, "tcp"}};
    changed.ephemeral = {{"/dev/sdd", 1, GiB{2}}};
    changed.root_device_type = RootDeviceType::ebs;
    changed.tags.clear();
    live_and_die<Instance, InstanceId>(&CatalogSession::instances, {full_instance(3), plain_instance(2), full_instance(1)}, changed,
                                       {nth_id<InstanceId>(3), nth_id<InstanceId>(2), nth_id<InstanceId>(1)});
}

TEST_P(CatalogContract, KeepsVolumes) {
    Volume changed = full_volume(3);
    changed.state = VolumeState::available;
    changed.attachment.reset();
    changed.iops.reset();
    changed.throughput.reset();
    changed.snapshot.reset();
    changed.layer = nth_id<LayerId>(9);
    live_and_die<Volume, VolumeId>(&CatalogSession::volumes, {full_volume(3), plain_volume(2), full_volume(1)}, changed,
                                   {nth_id<VolumeId>(3), nth_id<VolumeId>(2), nth_id<VolumeId>(1)}, insert_layers);
}

TEST_P(CatalogContract, KeepsSnapshots) {
    Snapshot changed = full_snapshot(3);
    changed.state = SnapshotState::completed;
    changed.volume.reset();
    live_and_die<Snapshot, SnapshotId>(&CatalogSession::snapshots, {full_snapshot(3), plain_snapshot(2), full_snapshot(1)}, changed,
                                       {nth_id<SnapshotId>(3), nth_id<SnapshotId>(2), nth_id<SnapshotId>(1)}, insert_layers);
}

TEST_P(CatalogContract, KeepsLayers) {
    Layer child = full_layer(2);
    child.parent = nth_id<LayerId>(3);
    child.seal->sha256.clear();  // sealed, and not read since
    Layer changed = full_layer(3);
    changed.state = LayerState::deleting;
    changed.content_sha256.clear();
    changed.seal.reset();
    live_and_die<Layer, LayerId>(&CatalogSession::layers, {full_layer(3), child, plain_layer(1)}, changed,
                                 {nth_id<LayerId>(3), nth_id<LayerId>(2), nth_id<LayerId>(1)});
}

TEST_P(CatalogContract, KeepsOperations) {
    Operation idle = full_operation(2);
    idle.objects.clear();
    Operation changed = full_operation(3);
    changed.objects = {"ami-1", changed.objects[0]};
    changed.kind = OperationKind::import_image;
    live_and_die<Operation, OperationId>(&CatalogSession::operations, {full_operation(3), idle, full_operation(1)}, changed,
                                         {nth_id<OperationId>(3), nth_id<OperationId>(2), nth_id<OperationId>(1)});
}

TEST_P(CatalogContract, KeepsDownloads) {
    Download changed = full_download(3);
    changed.validator.clear();
    live_and_die<Download, std::string>(&CatalogSession::downloads, {full_download(3), full_download(2), full_download(1)}, changed,
                                        {full_download(3).url, full_download(2).url, full_download(1).url});
}

TEST_P(CatalogContract, KeepsRetentionRules) {
    RetentionRule changed = full_retention_rule(3);
    changed.tags = {{"only", std::nullopt}};
    changed.kind = RetainedKind::image;
    live_and_die<RetentionRule, RetentionRuleId>(&CatalogSession::retention_rules,
                                                 {full_retention_rule(3), full_retention_rule(2), full_retention_rule(1)}, changed,
                                                 {nth_id<RetentionRuleId>(3), nth_id<RetentionRuleId>(2), nth_id<RetentionRuleId>(1)});
}

TEST_P(CatalogContract, KeepsKeyPairs) {
    KeyPair changed = full_key_pair(3);
    changed.tags.clear();
    changed.type = KeyType::ed25519;
    live_and_die<KeyPair, KeyPairId>(&CatalogSession::key_pairs, {full_key_pair(3), full_key_pair(2), full_key_pair(1)}, changed,
                                     {nth_id<KeyPairId>(3), nth_id<KeyPairId>(2), nth_id<KeyPairId>(1)});
}

TEST_P(CatalogContract, AKeyPairsNameIsItsOwnersOnce) {
    put([](CatalogSession& session) { return session.key_pairs().insert(full_key_pair(1)); });
    KeyPair other = full_key_pair(2);
    other.name = full_key_pair(1).name;
    const auto twice = store_->catalog().write([&](CatalogSession& session) { return session.key_pairs().insert(other); });
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code, Code::invalid_key_pair_duplicate);
    other.owner = AccountId::local();
    put([&](CatalogSession& session) { return session.key_pairs().insert(other); });
}

TEST_P(CatalogContract, KeepsLabMembers) {
    LabMember changed = full_lab_member(3);
    changed.digest = "another";
    live_and_die<LabMember, std::string>(&CatalogSession::lab_members, {full_lab_member(3), full_lab_member(2), full_lab_member(1)},
                                         changed, {full_lab_member(3).key, full_lab_member(2).key, full_lab_member(1).key});
}

TEST_P(CatalogContract, KeepsDocuments) {
    Document changed = full_document(3, "subnet");
    changed.body = "{}";
    live_and_die<Document, std::string>(&CatalogSession::documents,
                                        {full_document(3, "subnet"), full_document(2, "vpc"), full_document(1, "vpc")}, changed,
                                        {full_document(3, "subnet").key, full_document(2, "vpc").key, full_document(1, "vpc").key});
}

TEST_P(CatalogContract, ListsDocumentsOfAKind) {
    put([](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.documents().insert(full_document(3, "vpc")));
        AMIVIRT_TRY(session.documents().insert(full_document(2, "subnet")));
        return session.documents().insert(full_document(1, "vpc"));
    });
    const auto of = [&](const std::string& kind) {
        std::vector<std::string> keys;
        EXPECT_TRUE(store_->catalog().read([&](CatalogSession& session) -> Result<void> {
            for (const Document& document : AMIVIRT_TRY(session.index().documents(kind))) {
                EXPECT_EQ(document.kind, kind);
                keys.push_back(document.key);
            }
            return {};
        }));
        return keys;
    };
    EXPECT_THAT(of("vpc"), ElementsAre(full_document(3, "vpc").key, full_document(1, "vpc").key));
    EXPECT_THAT(of("subnet"), ElementsAre(full_document(2, "subnet").key));
    EXPECT_THAT(of("vp"), IsEmpty());
}

TEST_P(CatalogContract, TellsWhatIsLeased) {
    const auto leased = [&](std::int64_t deadline) {
        LeasedInstances found;
        EXPECT_TRUE(store_->catalog().read([&](CatalogSession& session) -> Result<void> {
            found = AMIVIRT_TRY(session.index().leased(TimePoint(Duration(deadline))));
            return {};
        }));
        return found;
    };
    const auto put_instance = [&](std::uint64_t n, std::optional<std::int64_t> expires, const std::string& lifeline, InstanceState state) {
        Instance instance = full_instance(n);
        instance.state = state;
        instance.expires = expires ? std::optional(TimePoint(Duration(*expires))) : std::nullopt;
        instance.lifeline = lifeline;
        put([&](CatalogSession& session) { return session.instances().insert(instance); });
    };
    put_instance(1, 20, "", InstanceState::running);
    put_instance(2, 10, "op-2", InstanceState::stopped);
    put_instance(3, std::nullopt, "op-3", InstanceState::running);
    put_instance(4, std::nullopt, "", InstanceState::running);
    put_instance(5, 10, "op-5", InstanceState::terminated);
    put_instance(6, 30, "", InstanceState::pending);
    const auto early = leased(9);
    EXPECT_THAT(early.expired, IsEmpty());
    EXPECT_THAT(early.lifelines,
                ElementsAre(std::pair(nth_id<InstanceId>(2), std::string("op-2")), std::pair(nth_id<InstanceId>(3), std::string("op-3"))));
    EXPECT_THAT(leased(20).expired, ElementsAre(nth_id<InstanceId>(2), nth_id<InstanceId>(1)));
    EXPECT_THAT(leased(30).expired, ElementsAre(nth_id<InstanceId>(2), nth_id<InstanceId>(1), nth_id<InstanceId>(6)));
}

TEST_P(CatalogContract, TellsWhatLeavesTheBin) {
    const auto moment = [](unsigned n) { return TimePoint(Duration(n)); };
    const auto leaving = [&](TimePoint deadline) {
        BinContents contents;
        const auto read = store_->catalog().read([&](CatalogSession& session) -> Result<void> {
            contents = AMIVIRT_TRY(session.leaving_bin(deadline));
            return {};
        });
        EXPECT_TRUE(read);
        return contents;
    };
    EXPECT_EQ(leaving(TimePoint::max()), BinContents{});
    put([&moment](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.layers().insert(full_layer(9)));
        for (const unsigned n : {3U, 2U, 1U}) {
            Image image = full_image(n);
            Snapshot snapshot = full_snapshot(n);
            snapshot.layer = full_layer(9).id;
            image.bin = n == 3 ? std::nullopt : std::optional(BinStay{moment(n), moment(10 * n)});
            snapshot.bin = image.bin;
            AMIVIRT_TRY(session.images().insert(image));
            AMIVIRT_TRY(session.snapshots().insert(snapshot));
        }
        return {};
    });
    EXPECT_EQ(leaving(moment(9)), BinContents{});
    const BinContents first{{nth_id<ImageId>(1)}, {nth_id<SnapshotId>(1)}};
    EXPECT_EQ(leaving(moment(10)), first);
    EXPECT_EQ(leaving(moment(19)), first);
    const BinContents both{{nth_id<ImageId>(2), nth_id<ImageId>(1)}, {nth_id<SnapshotId>(2), nth_id<SnapshotId>(1)}};
    EXPECT_EQ(leaving(moment(20)), both);
    EXPECT_EQ(leaving(TimePoint::max()), both);
}

TEST_P(CatalogContract, KeepsThePolicy) {
    const auto policy = [&] {
        RegionPolicy found;
        const auto read = store_->catalog().read([&](CatalogSession& session) -> Result<void> {
            found = AMIVIRT_TRY(session.policy());
            return {};
        });
        EXPECT_TRUE(read);
        return found;
    };
    EXPECT_EQ(policy(), RegionPolicy{});
    put([](CatalogSession& session) { return session.set_policy(full_policy()); });
    EXPECT_EQ(policy(), full_policy());
    RegionPolicy changed = full_policy();
    changed.criteria.erase(changed.criteria.begin());
    changed.signers.pop_back();
    changed.allowed_images = AllowedImages::enabled;
    put([&](CatalogSession& session) { return session.set_policy(changed); });
    EXPECT_EQ(policy(), changed);
    const auto refused = store_->catalog().read([](CatalogSession& session) { return session.set_policy({}); });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::internal_error);
    EXPECT_EQ(policy(), changed);
}

TEST_P(CatalogContract, KeepsEveryState) {
    put([](CatalogSession& session) -> Result<void> {
        std::uint64_t n = 0;
        for (const auto state :
             {ImageState::pending, ImageState::available, ImageState::disabled, ImageState::deregistered, ImageState::failed}) {
            Image image = plain_image(++n);
            image.state = state;
            AMIVIRT_TRY(session.images().insert(image));
        }
        n = 0;
        for (const auto state : {InstanceState::pending, InstanceState::running, InstanceState::shutting_down, InstanceState::terminated,
                                 InstanceState::stopping, InstanceState::stopped}) {
            Instance instance = plain_instance(++n);
            instance.state = state;
            AMIVIRT_TRY(session.instances().insert(instance));
        }
        n = 0;
        for (const auto state : {LayerState::creating, LayerState::writable, LayerState::sealed, LayerState::deleting, LayerState::creating,
                                 LayerState::creating}) {
            Layer layer = plain_layer(++n);
            layer.state = state;
            AMIVIRT_TRY(session.layers().insert(layer));
        }
        n = 0;
        for (const auto state : {VolumeState::creating, VolumeState::available, VolumeState::in_use, VolumeState::deleting,
                                 VolumeState::deleted, VolumeState::error}) {
            Volume volume = plain_volume(++n);
            volume.state = state;
            AMIVIRT_TRY(session.volumes().insert(volume));
        }
        n = 0;
        for (const auto kind : {OperationKind::import_image,     OperationKind::run_instances,    OperationKind::start_instances,
                                OperationKind::stop_instances,   OperationKind::reboot_instances, OperationKind::terminate_instances,
                                OperationKind::modify_instance,  OperationKind::collect_layers,   OperationKind::create_volume,
                                OperationKind::attach_volume,    OperationKind::detach_volume,    OperationKind::modify_volume,
                                OperationKind::create_snapshots, OperationKind::flatten_layers,   OperationKind::create_image,
                                OperationKind::copy_image,       OperationKind::export_image,     OperationKind::store_image,
                                OperationKind::restore_image,    OperationKind::change_lab}) {
            Operation operation = full_operation(++n);
            operation.kind = kind;
            AMIVIRT_TRY(session.operations().insert(operation));
        }
        return {};
    });
    EXPECT_EQ(list(&CatalogSession::images).records.at(4).state, ImageState::failed);
    EXPECT_EQ(list(&CatalogSession::instances).records.at(2).state, InstanceState::shutting_down);
    EXPECT_EQ(list(&CatalogSession::layers).records.at(3).state, LayerState::deleting);
    EXPECT_EQ(list(&CatalogSession::volumes).records.at(2).state, VolumeState::in_use);
    EXPECT_EQ(list(&CatalogSession::operations).records.at(7).kind, OperationKind::collect_layers);
    EXPECT_EQ(list(&CatalogSession::operations).records.at(13).kind, OperationKind::flatten_layers);
    EXPECT_EQ(list(&CatalogSession::operations).records.at(18).kind, OperationKind::restore_image);
    EXPECT_THAT(list(&CatalogSession::operations).unreadable, IsEmpty());
}

TEST_P(CatalogContract, TagsOfOneKindDoNotShowOnAnother) {
    put([](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(insert_layers(session));
        AMIVIRT_TRY(session.images().insert(full_image(1)));
        AMIVIRT_TRY(session.instances().insert(full_instance(1)));
        AMIVIRT_TRY(session.snapshots().insert(full_snapshot(1)));
        AMIVIRT_TRY(session.volumes().insert(full_volume(1)));
        return session.images().erase(full_image(1).id);
    });
    EXPECT_EQ(list(&CatalogSession::instances).records.at(0).tags, full_instance(1).tags);
    EXPECT_EQ(list(&CatalogSession::snapshots).records.at(0).tags, full_snapshot(1).tags);
    EXPECT_EQ(list(&CatalogSession::volumes).records.at(0).tags, full_volume(1).tags);
}

// Unique rules

TEST_P(CatalogContract, AnImageNameIsUniqueForItsOwner) {
    const auto named = [](std::uint64_t n, const char* owner, ImageState state) {
        Image image = plain_image(n);
        image.name = "web server";
        image.owner = *AccountId::parse(owner);
        image.state = state;
        return image;
    };
    const Image first = named(1, "000000000001", ImageState::available);
    put([&](CatalogSession& session) { return session.images().insert(first); });
    const auto second =
        attempt([&](CatalogSession& session) { return session.images().insert(named(2, "000000000001", ImageState::pending)); });
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::invalid_ami_name_duplicate);
    EXPECT_THAT(second.error().message, HasSubstr("\"web server\""));
    EXPECT_THAT(second.error().message, HasSubstr(first.id.str()));
    EXPECT_THAT(list(&CatalogSession::images).records, SizeIs(1));

    // Others' names, and those of images that are gone, do not count.
    put([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.images().insert(named(3, "000000000002", ImageState::available)));
        AMIVIRT_TRY(session.images().insert(named(4, "000000000001", ImageState::deregistered)));
        return session.images().insert(named(5, "000000000001", ImageState::failed));
    });
    // And an update is held to the rule too.
    const auto back =
        attempt([&](CatalogSession& session) { return session.images().update(named(4, "000000000001", ImageState::available)); });
    ASSERT_FALSE(back);
    EXPECT_EQ(back.error().code, Code::invalid_ami_name_duplicate);
    EXPECT_EQ(find(&CatalogSession::images, nth_id<ImageId>(4))->state, ImageState::deregistered);
    // Once the first is gone, its name is free.
    put([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.images().update(named(1, "000000000001", ImageState::deregistered)));
        return session.images().insert(named(2, "000000000001", ImageState::pending));
    });
}

TEST_P(CatalogContract, AnObjectIsInOneOperation) {
    const Operation holder = full_operation(1);
    put([&](CatalogSession& session) { return session.operations().insert(holder); });
    Operation second = full_operation(2);
    second.objects.push_back(holder.objects[1]);
    const auto claimed = attempt([&](CatalogSession& session) { return session.operations().insert(second); });
    ASSERT_FALSE(claimed);
    const Error expected = busy_error(holder, holder.objects[1]);
    EXPECT_EQ(claimed.error().code, Code::busy);
    EXPECT_EQ(claimed.error().message, expected.message);
    EXPECT_THAT(list(&CatalogSession::operations).records, ElementsAre(holder));

    // By an update as well; the objects it had stay its own.
    put([&](CatalogSession& session) { return session.operations().insert(full_operation(2)); });
    const auto extended = attempt([&](CatalogSession& session) { return session.operations().update(second); });
    ASSERT_FALSE(extended);
    EXPECT_EQ(extended.error().code, Code::busy);
    EXPECT_EQ(find(&CatalogSession::operations, second.id), full_operation(2));

    put([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.operations().erase(holder.id));
        return session.operations().update(second);
    });
    EXPECT_THAT(list(&CatalogSession::operations).records, ElementsAre(second));
}

TEST_P(CatalogContract, AnOperationThatNamesAnObjectTwiceIsABug) {
    Operation operation = full_operation(1);
    operation.objects = {"i-1", "i-2", "i-1"};
    const auto inserted = attempt([&](CatalogSession& session) { return session.operations().insert(operation); });
    ASSERT_FALSE(inserted);
    EXPECT_EQ(inserted.error().code, Code::internal_error);
    EXPECT_THAT(list(&CatalogSession::operations).records, IsEmpty());
}

TEST_P(CatalogContract, AMacAddressIsUniqueAmongTheLiving) {
    Instance first = plain_instance(1);
    first.mac_address = "52:54:00:aa:bb:cc";
    Instance second = plain_instance(2);
    second.mac_address = first.mac_address;
    put([&](CatalogSession& session) { return session.instances().insert(first); });
    const auto taken = attempt([&](CatalogSession& session) { return session.instances().insert(second); });
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Code::invalid_parameter_value);
    EXPECT_THAT(taken.error().message, HasSubstr("52:54:00:aa:bb:cc"));
    EXPECT_THAT(taken.error().message, HasSubstr(first.id.str()));

    first.state = InstanceState::terminated;
    put([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.instances().update(first));
        return session.instances().insert(second);
    });
    // The dead may not come back to what is another's now.
    first.state = InstanceState::running;
    EXPECT_FALSE(attempt([&](CatalogSession& session) { return session.instances().update(first); }));
}

TEST_P(CatalogContract, AForwardedPortIsUniqueAmongTheLiving) {
    Instance first = full_instance(1);
    first.ports = {{"127.0.0.1", 2200, 22, "tcp"}, {"127.0.0.1", 8080, 80, "tcp"}};
    put([&](CatalogSession& session) { return session.instances().insert(first); });

    Instance second = full_instance(2);
    second.ports = {{"127.0.0.1", 2201, 22, "tcp"}, {"127.0.0.1", 8080, 443, "tcp"}};
    const auto taken = attempt([&](CatalogSession& session) { return session.instances().insert(second); });
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Code::invalid_parameter_value);
    EXPECT_THAT(taken.error().message, HasSubstr("8080"));
    EXPECT_THAT(taken.error().message, HasSubstr(first.id.str()));
    EXPECT_EQ(find(&CatalogSession::instances, second.id), std::nullopt);  // nothing of it, though the transaction went on

    // Another protocol or address is another port.
    second.ports = {{"127.0.0.1", 8080, 443, "udp"}, {"127.0.0.2", 8080, 443, "tcp"}};
    put([&](CatalogSession& session) { return session.instances().insert(second); });
    // An update is held to it, and leaves all as it was.
    Instance greedy = second;
    greedy.ports.push_back({"127.0.0.1", 2200, 9, "tcp"});
    greedy.tags = {{"greedy", "yes"}};
    EXPECT_FALSE(attempt([&](CatalogSession& session) { return session.instances().update(greedy); }));
    EXPECT_EQ(find(&CatalogSession::instances, second.id), second);
    // The terminated keep their record of it but not the port.
    first.state = InstanceState::terminated;
    put([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.instances().update(first));
        return session.instances().update(greedy);
    });
    EXPECT_EQ(find(&CatalogSession::instances, first.id), first);

    Instance doubled = full_instance(3);
    doubled.ports = {{"127.0.0.1", 99, 22, "tcp"}, {"127.0.0.1", 99, 23, "tcp"}};
    const auto refused = attempt([&](CatalogSession& session) { return session.instances().insert(doubled); });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::invalid_parameter_value);
}

TEST_P(CatalogContract, ContentIsInOneLayer) {
    Layer first = full_layer(1);
    Layer second = full_layer(2);
    second.content_sha256 = first.content_sha256;
    put([&](CatalogSession& session) { return session.layers().insert(first); });
    const auto taken = attempt([&](CatalogSession& session) { return session.layers().insert(second); });
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Code::internal_error);
    EXPECT_THAT(taken.error().message, HasSubstr(first.id.str()));
    first.state = LayerState::deleting;
    put([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.layers().update(first));
        AMIVIRT_TRY(session.layers().insert(second));
        AMIVIRT_TRY(session.layers().insert(plain_layer(3)));
        return session.layers().insert(plain_layer(4));  // not said is not the same
    });
}

// References

TEST_P(CatalogContract, ReferencesMustBeThere) {
    Layer orphan = plain_layer(5);
    orphan.parent = nth_id<LayerId>(77);
    for (const Catalog::Body& step : std::vector<Catalog::Body>{
             [](CatalogSession& session) { return session.volumes().insert(plain_volume(1)); },
             [](CatalogSession& session) { return session.snapshots().insert(plain_snapshot(1)); },
             [&](CatalogSession& session) { return session.layers().insert(orphan); },
         }) {
        const auto done = attempt(step);
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code, Code::internal_error);
        EXPECT_THAT(done.error().message, HasSubstr("layer-"));
    }
    EXPECT_THAT(list(&CatalogSession::volumes).records, IsEmpty());
    EXPECT_THAT(list(&CatalogSession::snapshots).records, IsEmpty());
    EXPECT_THAT(list(&CatalogSession::layers).records, IsEmpty());
}

TEST_P(CatalogContract, WhatIsReferredToIsNotErased) {
    Layer child = plain_layer(4);
    child.parent = nth_id<LayerId>(3);
    put([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(insert_layers(session));
        AMIVIRT_TRY(session.layers().insert(child));
        AMIVIRT_TRY(session.volumes().insert(plain_volume(1)));
        return session.snapshots().insert(plain_snapshot(2));
    });
    for (const std::uint64_t n : {1U, 2U, 3U}) {
        const auto erased = attempt([&](CatalogSession& session) { return session.layers().erase(nth_id<LayerId>(n)); });
        ASSERT_FALSE(erased) << n;
        EXPECT_EQ(erased.error().code, Code::internal_error);
        EXPECT_NE(find(&CatalogSession::layers, nth_id<LayerId>(n)), std::nullopt);
    }
    put([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.volumes().erase(nth_id<VolumeId>(1)));
        AMIVIRT_TRY(session.snapshots().erase(nth_id<SnapshotId>(2)));
        AMIVIRT_TRY(session.layers().erase(child.id));
        for (const std::uint64_t n : {1U, 2U, 3U}) {
            AMIVIRT_TRY(session.layers().erase(nth_id<LayerId>(n)));
        }
        return {};
    });
    EXPECT_THAT(list(&CatalogSession::layers).records, SizeIs(1));
}

// Transactions

TEST_P(CatalogContract, AnErrorUndoesAll) {
    put([](CatalogSession& session) { return session.images().insert(full_image(1)); });
    const auto written = store_->catalog().write([](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.images().insert(full_image(2)));
        AMIVIRT_TRY(session.images().erase(full_image(1).id));
        AMIVIRT_TRY(session.downloads().insert(full_download(1)));
        return Error(Code::incorrect_state, "no");
    });
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Code::incorrect_state);
    EXPECT_EQ(written.error().message, "no");
    EXPECT_THAT(list(&CatalogSession::images).records, ElementsAre(full_image(1)));
    EXPECT_THAT(list(&CatalogSession::downloads).records, IsEmpty());
}

TEST_P(CatalogContract, AnExceptionUndoesAllAndGoesOn) {
    struct NoStdException {
        int number;
    };
    EXPECT_THROW(
        {
            const auto written = store_->catalog().write([](CatalogSession& session) -> Result<void> {
                AMIVIRT_TRY(session.images().insert(full_image(2)));
                throw NoStdException{1};
            });
            ADD_FAILURE() << "write() returned " << written.has_value();
        },
        NoStdException);
    EXPECT_THAT(list(&CatalogSession::images).records, IsEmpty());
    put([](CatalogSession& session) { return session.images().insert(full_image(2)); });  // and it holds no lock
    EXPECT_THAT(list(&CatalogSession::images).records, SizeIs(1));
}

TEST_P(CatalogContract, AWriterSeesItsOwnChangesOthersNotYet) {
    put([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.images().insert(full_image(1)));
        EXPECT_EQ(*AMIVIRT_TRY(session.images().find(full_image(1).id)), full_image(1));
        EXPECT_THAT(AMIVIRT_TRY(session.images().list()).records, SizeIs(1));
        // Readers do not wait for a writer.
        return store_->another().read([](CatalogSession& other) -> Result<void> {
            EXPECT_THAT(AMIVIRT_TRY(other.images().list()).records, IsEmpty());
            return {};
        });
    });
    EXPECT_THAT(list(&CatalogSession::images).records, SizeIs(1));
}

TEST_P(CatalogContract, AReaderSeesOneMoment) {
    const auto done = store_->catalog().read([&](CatalogSession& session) -> Result<void> {
        const auto before = AMIVIRT_TRY(session.images().list());
        EXPECT_THAT(before.records, IsEmpty());
        AMIVIRT_TRY(store_->another().write([](CatalogSession& other) { return other.images().insert(full_image(1)); }));
        EXPECT_THAT(AMIVIRT_TRY(session.images().list()).records, IsEmpty());
        EXPECT_EQ(AMIVIRT_TRY(session.images().find(full_image(1).id)), std::nullopt);
        return {};
    });
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_THAT(list(&CatalogSession::images).records, SizeIs(1));
}

TEST_P(CatalogContract, AReaderChangesNothing) {
    put([](CatalogSession& session) { return session.downloads().insert(full_download(1)); });
    const auto done = store_->catalog().read([](CatalogSession& session) -> Result<void> {
        for (const auto& change : {session.downloads().insert(full_download(2)), session.downloads().update(full_download(1)),
                                   session.downloads().erase(full_download(1).url)}) {
            EXPECT_FALSE(change);
            EXPECT_EQ(change.error().code, Code::internal_error);
        }
        return {};
    });
    EXPECT_TRUE(done);
    EXPECT_THAT(list(&CatalogSession::downloads).records, ElementsAre(full_download(1)));
}

TEST_P(CatalogContract, AReadersErrorIsReturned) {
    const auto done = store_->catalog().read([](CatalogSession&) -> Result<void> { return Error(Code::invalid_ami_id_not_found, "none"); });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::invalid_ami_id_not_found);
}

TEST_P(CatalogContract, AWriteInsideAWriteIsABugNotADeadEnd) {
    const auto done = store_->catalog().write([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.downloads().insert(full_download(1)));
        return store_->catalog().write([](CatalogSession&) { return k_fine; });
    });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::internal_error);
    EXPECT_THAT(list(&CatalogSession::downloads).records, IsEmpty());
    put([](CatalogSession&) { return k_fine; });
}

TEST_P(CatalogContract, AnotherProcessSeesWhatWasCommitted) {
    put([](CatalogSession& session) { return session.instances().insert(full_instance(1)); });
    std::vector<Instance> seen;
    const auto done = store_->another().read([&](CatalogSession& session) -> Result<void> {
        seen = AMIVIRT_TRY(session.instances().list()).records;
        return {};
    });
    ASSERT_TRUE(done);
    EXPECT_THAT(seen, ElementsAre(full_instance(1)));
    EXPECT_EQ(store_->another().store_id(), store_->catalog().store_id());
}

TEST_P(CatalogContract, WritersTakeTurns) {
    // Read, add one, write back: any two at once would lose one.
    constexpr int k_threads = 4;
    constexpr int k_turns = 25;
    put([](CatalogSession& session) -> Result<void> {
        Download counter = full_download(1);
        counter.touched = TimePoint{};
        return session.downloads().insert(counter);
    });
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    Catalog* const catalogs[] = {&store_->catalog(), &store_->another()};
    for (int thread = 0; thread < k_threads; ++thread) {
        threads.emplace_back([&, thread] {
            for (int turn = 0; turn < k_turns; ++turn) {
                const auto written = catalogs[thread % 2]->write([](CatalogSession& session) -> Result<void> {
                    auto counter = AMIVIRT_TRY(session.downloads().find(full_download(1).url));
                    counter->touched += Duration{1};
                    return session.downloads().update(*counter);
                });
                const auto read = catalogs[thread % 2]->read([](CatalogSession& session) -> Result<void> {
                    AMIVIRT_TRY(session.downloads().list());
                    return {};
                });
                failures += written && read ? 0 : 1;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(failures, 0);
    EXPECT_EQ(find(&CatalogSession::downloads, full_download(1).url)->touched, TimePoint(Duration{k_threads * k_turns}));
}

TEST_P(CatalogContract, TheStoreIdIs32HexDigits) { EXPECT_THAT(store_->catalog().store_id(), testing::MatchesRegex("[0-9a-f]{32}")); }

// Records that cannot be read

TEST_P(CatalogContract, AnUnreadableRecordIsReportedAndLeftAlone) {
    put([](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(insert_layers(session));
        for (const std::uint64_t n : {1U, 2U, 3U}) {
            AMIVIRT_TRY(session.images().insert(full_image(n)));
            AMIVIRT_TRY(session.instances().insert(full_instance(n)));
            AMIVIRT_TRY(session.volumes().insert(full_volume(n)));
            AMIVIRT_TRY(session.snapshots().insert(full_snapshot(n)));
            AMIVIRT_TRY(session.operations().insert(full_operation(n)));
        }
        return {};
    });
    const auto check = [&](auto table, const auto& good, const auto& key) {
        store_->make_unreadable(key.str());
        for (int i = 0; i < 2; ++i) {  // seen again: it was left alone
            const auto listing = list(table);
            EXPECT_EQ(listing.records, good);
            ASSERT_THAT(listing.unreadable, SizeIs(1));
            EXPECT_THAT(listing.unreadable[0], HasSubstr(key.str()));
            const auto found = store_->catalog().read([&](CatalogSession& session) -> Result<void> {
                AMIVIRT_TRY((session.*table)().find(key));
                return {};
            });
            ASSERT_FALSE(found);
            EXPECT_EQ(found.error().code, Code::store_corrupt);
            EXPECT_THAT(found.error().message, HasSubstr(key.str()));
        }
    };
    check(&CatalogSession::images, std::vector{full_image(1), full_image(3)}, nth_id<ImageId>(2));
    check(&CatalogSession::instances, std::vector{full_instance(1), full_instance(3)}, nth_id<InstanceId>(2));
    check(&CatalogSession::volumes, std::vector{full_volume(1), full_volume(3)}, nth_id<VolumeId>(2));
    check(&CatalogSession::snapshots, std::vector{full_snapshot(1), full_snapshot(3)}, nth_id<SnapshotId>(2));
    check(&CatalogSession::layers, std::vector{plain_layer(1), plain_layer(3), plain_layer(9)}, nth_id<LayerId>(2));
    check(&CatalogSession::operations, std::vector{full_operation(1), full_operation(3)}, nth_id<OperationId>(2));
}

}  // namespace

}  // namespace amivirt::contract
