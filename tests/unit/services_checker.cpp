// fsck on fakes: each finding, what is done about it, and what is left alone.
#include "amivirt/services/checker.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CheckerTest : public Bench {
protected:
    void SetUp() override { import("tiny"); }
    std::vector<Fault> faults(Repair repair = Repair::no, Deep deep = Deep::no) {
        const auto report = checker.check(deep, repair, progress);
        EXPECT_TRUE(report) << describe(report.error());
        return report ? report->faults : std::vector<Fault>{};
    }
    /// The one fault there is.
    Fault fault(Repair repair = Repair::no, Deep deep = Deep::no) {
        const auto found = faults(repair, deep);
        EXPECT_EQ(found.size(), 1U);
        for (const auto& one : found) {
            EXPECT_EQ(found.size(), 1U) << one.object << ": " << one.detail;
        }
        return found.empty() ? Fault{} : found.front();
    }
    /// It is told, `--repair` cannot do anything about it, and it stays.
    void expect_only_told(const std::string& object, const std::string& detail) {
        for (const auto repair : {Repair::no, Repair::yes, Repair::no}) {
            const auto found = fault(repair);
            EXPECT_EQ(found.object, object);
            EXPECT_THAT(found.detail, HasSubstr(detail));
            EXPECT_EQ(found.repair, "");
            EXPECT_FALSE(found.repaired);
        }
    }
    /// It is told, mended, and then no more.
    void expect_mended(const std::string& object, const std::string& detail) {
        const auto told = fault();
        EXPECT_EQ(told.object, object);
        EXPECT_THAT(told.detail, HasSubstr(detail));
        EXPECT_NE(told.repair, "");
        EXPECT_TRUE(fault(Repair::yes).repaired);
        EXPECT_THAT(faults(), IsEmpty());
    }
    template <class Change>
    void change_volume(const VolumeId& id, Change&& change) {
        ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
            auto row = AMIVIRT_TRY(session.volumes().find(id));
            change(*row);
            return session.volumes().update(*row);
        }));
    }
    static std::string serial(const VolumeId& id) {
        std::string text = id.str();
        std::erase(text, '-');
        return text;
    }
    Checker checker{{catalog, storage, care, files, instances, hypervisor, live, log}};
};

TEST_F(CheckerTest, NothingIsWrongWithWhatWeMade) {
    const auto instance = launch("tiny").front().id;
    ASSERT_TRUE(volumes.attach(me, {make_volume().id.str(), instance.str(), "", false}));
    ASSERT_TRUE(take({root_of(instance).id}));
    for (const auto deep : {Deep::no, Deep::yes, Deep::yes}) {
        EXPECT_THAT(faults(Repair::no, deep), IsEmpty());
    }
}

TEST_F(CheckerTest, WhatAnUnreadableInstanceHasIsLeftAlone) {
    const auto instance = launch("tiny").front().id;
    const auto extra = make_volume().id;
    ASSERT_TRUE(volumes.attach(me, {extra.str(), instance.str(), "", false}));
    catalog.make_unreadable(instance.str());
    for (const auto repair : {Repair::no, Repair::yes}) {
        const auto found = faults(repair);
        EXPECT_EQ(found.size(), 3U) << "the record, and each of its volumes";
        for (const auto& one : found) {
            EXPECT_THAT(one.object + one.detail, HasSubstr(instance.str()));
            EXPECT_EQ(one.repair, "");
            EXPECT_FALSE(one.repaired);
        }
    }
    EXPECT_TRUE(volume(extra).attachment);
    EXPECT_EQ(volume(extra).state, VolumeState::in_use);
    EXPECT_EQ(volumes.remove(me, extra.str()).error().code, Code::volume_in_use);
    EXPECT_EQ(hypervisor.domains().size(), 1U);
}

TEST_F(CheckerTest, ARecordThatCannotBeReadAnyMoreIsNotMendedEither) {
    const auto instance = launch("tiny").front().id;
    const auto root = root_of(instance).id;
    ASSERT_TRUE(live.detach(instance, serial(root), Duration{0}));  // behind our back
    // Readable while it was looked at, no more when it is to be mended.
    unsigned writes = 0;
    catalog.script().before("write", [&] {
        if (++writes == 1) {
            catalog.make_unreadable(instance.str());
        }
    });
    (void)faults(Repair::yes);
    catalog.script().before("write", {});
    EXPECT_TRUE(volume(root).attachment);
}

TEST_F(CheckerTest, NoLayerGoesThatAnUnreadableInstanceMayUse) {
    const auto instance = launch("tiny").front().id;
    const auto root = root_of(instance);
    // An older amivirt's fsck took it for gone.
    change_volume(root.id, [](Volume& row) {
        row.attachment.reset();
        row.state = VolumeState::available;
    });
    catalog.make_unreadable(instance.str());
    ASSERT_TRUE(volumes.remove(me, root.id.str()));
    EXPECT_TRUE(store.contains(root.layer)) << "a guest runs on it";
    EXPECT_TRUE(log.contains("unreadable", LogLevel::warning));
}

TEST_F(CheckerTest, AVolumeOfAnInstanceThatIsGone) {
    const auto id = make_volume().id;
    const auto nobody = make_id<InstanceId>(ids);
    change_volume(id, [&](Volume& row) {
        row.attachment = Attachment{nobody, "/dev/sdf", false, false, clock.now()};
        row.state = VolumeState::in_use;
    });
    expect_mended(id.str(), nobody.str());
    EXPECT_EQ(volume(id).state, VolumeState::available);
    // Or terminated, and still shown.
    const auto over = launch("tiny").front().id;
    ASSERT_TRUE(instances.terminate(me, over.str()));
    change_volume(id, [&](Volume& row) {
        row.attachment = Attachment{over, "/dev/sdf", false, false, clock.now()};
        row.state = VolumeState::in_use;
    });
    expect_mended(id.str(), "which is gone");
    expect_clean();
}

TEST_F(CheckerTest, AFileThatStandsOnAnother) {
    const auto id = make_volume().id;
    const auto first = take({id})->front();
    const auto second = take({id})->front();
    auto files_now = store.layers();
    auto wrong = files_now.at(volume(id).layer);
    wrong.parent = first.layer;
    store.put(volume(id).layer, wrong);
    expect_only_told(volume(id).layer.str(), "stands on " + first.layer.str());
    EXPECT_THAT(fault().detail, AllOf(HasSubstr(second.layer.str()), HasSubstr("volume " + id.str())));
}

TEST_F(CheckerTest, AFileThatIsEncryptedAgainstTheCatalog) {
    const auto id = make_volume().id;
    auto wrong = store.layers().at(volume(id).layer);
    wrong.encrypted = true;
    store.put(volume(id).layer, wrong);
    expect_only_told(volume(id).layer.str(), "encrypted");
}

TEST_F(CheckerTest, AMappingThatNamesALostSnapshot) {
    const auto image = rows(&CatalogSession::images).front();
    const auto its = snapshots_of(image).front();
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.snapshots().erase(its); }));
    expect_only_told(image.id.str(), its.str());
}

TEST_F(CheckerTest, ADomainOfThisStoreThatNoRecordKnows) {
    const std::string stray = "i-000000000000000ff";
    hypervisor.add_domain(stray, catalog.store_id(), DomainState::running);
    hypervisor.add_domain("i-000000000000000fe", "another store", DomainState::running);
    hypervisor.add_domain("somebody", "", DomainState::running);
    expect_only_told(stray, "no record knows, and without files here");
    ASSERT_TRUE(files.create(*InstanceId::parse(stray), "seed"));
    EXPECT_THAT(faults(), SizeIs(2)) << "the domain and its folder";
    (void)faults(Repair::yes);
    EXPECT_THAT(faults(), IsEmpty());
    EXPECT_EQ(hypervisor.domains().size(), 2U);
}

TEST_F(CheckerTest, FilesAndFoldersThatNobodyKnowsOrThatAreMissing) {
    store.put_unknown("precious.txt");
    expect_only_told("precious.txt", "not amivirt's");
    const auto layer = make_id<LayerId>(ids);
    store.put(layer, {std::nullopt, GiB{1}.bytes(), ""});
    const auto stray = make_id<InstanceId>(ids);
    ASSERT_TRUE(files.create(stray, "seed"));
    const auto instance = launch("tiny").front().id;
    ASSERT_TRUE(files.remove(instance));
    std::vector<std::string> named;
    for (const auto& one : faults(Repair::yes)) {
        EXPECT_EQ(one.repair, "");
        named.push_back(one.object);
    }
    EXPECT_THAT(named, ::testing::UnorderedElementsAre("precious.txt", layer.str(), stray.str(), instance.str()));
    EXPECT_TRUE(store.contains(layer));
    EXPECT_TRUE(files.seed(stray));
}

TEST_F(CheckerTest, ALibvirtThatDoesNotAnswerIsAFaultAndTheRestIsChecked) {
    launch("tiny");
    store.put_unknown("precious.txt");
    hypervisor.become_unavailable();
    std::vector<std::string> named;
    for (const auto& one : faults(Repair::yes)) {
        named.push_back(one.object);
    }
    EXPECT_THAT(named, ::testing::UnorderedElementsAre("precious.txt", "libvirt"));
    EXPECT_EQ(rows(&CatalogSession::instances).front().state, InstanceState::running) << "not asked is not stopped";
}

TEST_F(CheckerTest, AGuestThatWentOffBehindOurBack) {
    const auto instance = launch("tiny").front().id;
    hypervisor.crash(instance);
    expect_mended(instance.str(), "libvirt says its domain is off");
    EXPECT_EQ(state_of(instance), InstanceState::stopped);
    expect_clean();
}

TEST_F(CheckerTest, ADiskThatTheGuestLetGoOf) {
    const auto instance = launch("tiny").front().id;
    const auto id = make_volume().id;
    ASSERT_TRUE(volumes.attach(me, {id.str(), instance.str(), "", false}));
    ASSERT_TRUE(live.detach(instance, serial(id), Duration{0}));
    expect_mended(id.str(), "let go of it");
    EXPECT_FALSE(volume(id).attachment);
    expect_clean();
}

TEST_F(CheckerTest, ADiskInTheDomainThatTheCatalogHasElsewhere) {
    const auto both = launch("tiny", 2);
    const auto id = make_volume().id;
    const DomainDisk plug{store.source(volume(id).layer), serial(id), {}, {}};
    ASSERT_TRUE(live.attach(both[0].id, plug));
    expect_only_told(id.str(), fmt::format("the running domain of {} has it, the catalog says that it is detached", both[0].id.str()));
    change_volume(id, [&](Volume& row) {
        row.attachment = Attachment{both[1].id, "/dev/sdf", false, false, clock.now()};
        row.state = VolumeState::in_use;
    });
    std::string all;
    for (const auto& one : faults()) {
        all += one.detail + "\n";
    }
    EXPECT_THAT(all, AllOf(HasSubstr("attached to " + both[1].id.str()), HasSubstr("the running domain of " + both[0].id.str())));
    change_volume(id, [](Volume& row) {
        row.attachment.reset();
        row.state = VolumeState::available;
    });
    ASSERT_TRUE(live.detach(both[0].id, serial(id), Duration{0}));
    EXPECT_THAT(faults(), IsEmpty());
    ASSERT_TRUE(live.attach(both[0].id, {{"/template.qcow2", "qcow2"}, "mine", {}, {}}));
    EXPECT_THAT(faults(), IsEmpty()) << "a person's own";
    const auto unknown = make_id<VolumeId>(ids);
    ASSERT_TRUE(live.attach(both[0].id, {{"/elsewhere.qcow2", "qcow2"}, serial(unknown), {}, {}}));
    expect_only_told(unknown.str(), "\"/elsewhere.qcow2\"");
}

TEST_F(CheckerTest, AnInstanceStoreDiskThatLostItsFile) {
    types.add({"m1.small", 1, MiB{1740}, 2, GiB{1}});
    RunRequest request;
    request.image = "tiny";
    request.type = "m1.small";
    request.mapping = {{"/dev/sdb", EphemeralDevice{0}}, {"/dev/sdc", EphemeralDevice{1}}};
    const auto run = instances.run(me, request, progress);
    ASSERT_TRUE(run) << describe(run.error());
    const auto instance = run->front().id;
    EXPECT_THAT(faults(), IsEmpty());
    files.lose_ephemeral(instance, 1);
    expect_only_told(instance.str(), "ephemeral1");
    ASSERT_TRUE(files.create_ephemeral(instance, 1, GiB{1}.bytes()));
    ASSERT_TRUE(live.detach(instance, "ephemeral0", Duration{0}));
    expect_only_told(instance.str(), "lacks its instance store disk ephemeral0, /dev/sdb");
    ASSERT_TRUE(instances.stop(me, instance.str(), Duration{0}, Force::yes));
    EXPECT_THAT(faults(), IsEmpty()) << "at rest there are none";
}

TEST_F(CheckerTest, BytesThatChangedAreSeenByTheirChecksumAloneAndNeverBlessed) {
    const auto base = rows(&CatalogSession::layers).front();
    EXPECT_THAT(faults(Repair::no, Deep::yes), IsEmpty());
    const auto recorded = rows(&CatalogSession::layers).front().seal->sha256;
    EXPECT_NE(recorded, "");
    const auto content = store.layers().at(base.id).content;
    std::string rotten = content;
    rotten.front() = 'X';
    store.rot(base.id, rotten);
    EXPECT_THAT(faults(), IsEmpty()) << "size and time are as they were";
    for (const auto repair : {Repair::no, Repair::yes, Repair::no}) {
        const auto found = fault(repair, Deep::yes);
        EXPECT_EQ(found.object, base.id.str());
        EXPECT_THAT(found.detail, AllOf(HasSubstr("content changed since it was sealed"), HasSubstr(recorded)));
        EXPECT_FALSE(found.repaired);
        EXPECT_EQ(rows(&CatalogSession::layers).front().seal->sha256, recorded);
    }
    store.rot(base.id, content);
    EXPECT_THAT(faults(Repair::no, Deep::yes), IsEmpty());
}

}  // namespace
}  // namespace amivirt::testing
