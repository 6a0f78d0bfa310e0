// Snapshots on fakes: sealing, points in time, deletion in any order, flattening, death in between; and what du and gc say of it.
#include <random>

#include "amivirt/services/accounting.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SnapshotsTest : public Bench {
protected:
    void SetUp() override { import("tiny"); }
    std::size_t depth(const VolumeId& id) { return chain_of(volume(id).layer, rows(&CatalogSession::layers)).size(); }
    std::vector<SnapshotId> taken_of(const VolumeId& id) {
        std::vector<SnapshotId> taken;
        for (const auto& snapshot : rows(&CatalogSession::snapshots)) {
            if (snapshot.volume == id) {
                taken.push_back(snapshot.id);
            }
        }
        return taken;
    }
    Snapshot snapshot_after_writing(const VolumeId& id, unsigned block, const std::string& text) {
        store.write(volume(id).layer, block, text);
        const auto taken = take({id});
        EXPECT_TRUE(taken) << describe(taken.error());
        return taken ? taken->front() : Snapshot{};
    }
};

TEST_F(SnapshotsTest, KeepWhatWasThereAndNothingLater) {
    const auto id = make_volume().id;
    const auto one = snapshot_after_writing(id, 1, "one");
    const auto two = snapshot_after_writing(id, 1, "two");
    store.write(volume(id).layer, 1, "three");
    EXPECT_EQ(store.read(one.layer).at(1), "one");
    EXPECT_EQ(store.read(two.layer).at(1), "two");
    EXPECT_EQ(store.read(volume(id).layer).at(1), "three");
    const auto back = make_volume(1, one.id.str());
    EXPECT_EQ(store.read(back.layer).at(1), "one");
    expect_clean();
}

TEST_F(SnapshotsTest, OfARunningMachineMoveItsDisksAllAtOnce) {
    const auto instance = launch("tiny").front();
    const auto extra = make_volume().id;
    ASSERT_TRUE(volumes.attach(me, {extra.str(), instance.id.str(), "", false}));
    const auto all = snapshots.volumes_of_instance(me, instance);
    ASSERT_TRUE(all);
    const auto taken = take(*all);
    ASSERT_TRUE(taken) << describe(taken.error());
    EXPECT_EQ(taken->size(), 2U);
    EXPECT_EQ(hypervisor.script().calls("snapshot"), 1U);
    const auto attached = live.attached(instance.id);
    ASSERT_TRUE(attached && *attached);
    for (const auto& disk : **attached) {
        bool known = false;
        for (const auto& row : rows(&CatalogSession::volumes)) {
            known = known || store.source(row.layer).location == disk.source.location;
        }
        EXPECT_TRUE(known) << disk.serial << " writes to " << disk.source.location;
    }
    expect_clean();
}

TEST_F(SnapshotsTest, OneThatFailsChangesNothing) {
    const auto instance = launch("tiny").front();
    const auto before = root_of(instance.id).layer;
    hypervisor.script().fail("snapshot", {Code::hypervisor_failed, "QEMU said no"});
    EXPECT_EQ(take({root_of(instance.id).id}).error().code, Code::hypervisor_failed);
    EXPECT_EQ(root_of(instance.id).layer, before);
    EXPECT_TRUE(taken_of(root_of(instance.id).id).empty());
    expect_clean();
}

TEST_F(SnapshotsTest, AreNotForDisksWithoutAMomentInCommon) {
    const auto machines = launch("tiny", 2);
    EXPECT_EQ(take({root_of(machines[0].id).id, root_of(machines[1].id).id}).error().code, Code::invalid_parameter_combination);
    EXPECT_EQ(take({*VolumeId::parse("vol-0123456789abcdef0")}).error().code, Code::invalid_volume_not_found);
    EXPECT_EQ(take({make_volume().id}, Quiesce::yes).error().code, Code::unsupported_operation);
    expect_clean();
}

TEST_F(SnapshotsTest, AGuestIsFrozenWhereItsAgentAnswers) {
    const auto instance = launch("tiny").front().id;
    const auto root = root_of(instance).id;
    const auto said = [&](const std::string& words) {
        return log.contains(fmt::format("the file systems of {} were {}", instance.str(), words));
    };
    ASSERT_TRUE(take({root}));
    EXPECT_TRUE(said("not frozen")) << "nobody in it could";
    hypervisor.set_agent(instance, fakes::GuestAgent::present);
    EXPECT_FALSE(said("frozen"));
    ASSERT_TRUE(take({root}));
    EXPECT_EQ(hypervisor.domain(instance)->freezes, 1U);
    EXPECT_TRUE(said("frozen"));
    ASSERT_TRUE(take({root}, Quiesce::yes));
    EXPECT_EQ(hypervisor.domain(instance)->freezes, 2U);
    ASSERT_TRUE(take({root}, Quiesce::no));
    EXPECT_EQ(hypervisor.domain(instance)->freezes, 2U) << "it was not to be";
    EXPECT_EQ(taken_of(root).size(), 4U);
    expect_clean();
}

TEST_F(SnapshotsTest, AnAgentThatHangsOrRefusesHoldsUpOnlyWhoInsists) {
    const auto instance = launch("tiny").front().id;
    const auto root = root_of(instance).id;
    const auto before = root_of(instance).layer;
    for (const auto& [agent, code] : {std::pair(fakes::GuestAgent::hangs, Code::unsupported_operation),
                                      std::pair(fakes::GuestAgent::refuses, Code::hypervisor_failed)}) {
        hypervisor.set_agent(instance, agent);
        const auto refused = take({root}, Quiesce::yes);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, code);
        EXPECT_THAT(refused.error().message, HasSubstr(instance.str()));
    }
    EXPECT_EQ(root_of(instance).layer, before);
    EXPECT_THAT(taken_of(root), IsEmpty());
    expect_clean();
    for (const auto agent : {fakes::GuestAgent::hangs, fakes::GuestAgent::refuses}) {
        hypervisor.set_agent(instance, agent);
        EXPECT_TRUE(take({root}));
    }
    EXPECT_EQ(hypervisor.domain(instance)->freezes, 0U);
    EXPECT_EQ(taken_of(root).size(), 2U);
    expect_clean();
}

TEST_F(SnapshotsTest, WhereTheGuestWritesDecidesAfterADeath) {
    const auto instance = launch("tiny").front();
    const auto id = root_of(instance.id).id;
    // Dead after the guest went over.
    hypervisor.script().before("snapshot", [&] {
        hypervisor.script().before("snapshot", {});
        std::vector<LiveDisks::Overlay> overlays;
        for (const auto& layer : rows(&CatalogSession::layers)) {
            if (layer.state == LayerState::creating) {
                std::string serial = id.str();
                std::erase(serial, '-');
                overlays.push_back({serial, store.source(layer.id)});
            }
        }
        EXPECT_TRUE(live.snapshot(instance.id, overlays, Quiesce::no));
        hypervisor.become_unavailable();
    });
    EXPECT_FALSE(take({id}));
    hypervisor.become_available();
    die_and_recover();
    EXPECT_EQ(taken_of(id).size(), 1U);
    EXPECT_EQ(depth(id), 3U);
    expect_clean();
    // Dead before it.
    hypervisor.script().before("snapshot", [&] { hypervisor.become_unavailable(); });
    EXPECT_FALSE(take({id}));
    hypervisor.script().before("snapshot", {});
    hypervisor.become_available();
    die_and_recover();
    EXPECT_EQ(taken_of(id).size(), 1U);
    EXPECT_EQ(depth(id), 3U);
    expect_clean();
}

TEST_F(SnapshotsTest, AnImagesCannotBeDeleted) {
    const auto of_image = rows(&CatalogSession::snapshots).front().id;
    const auto refused = snapshots.remove(me, of_image.str());
    EXPECT_EQ(refused.error().code, Code::invalid_snapshot_in_use);
    EXPECT_THAT(refused.error().message, HasSubstr("ami-"));
}

/// Whatever is done in whatever order, every snapshot and volume reads as it should and no file is left that nothing reaches.
TEST_F(SnapshotsTest, AnyOrderOfChangesKeepsEveryContent) {
    for (unsigned seed = 0; seed < 60; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&](std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random); };
        std::map<SnapshotId, std::map<unsigned, std::string>> kept;
        std::map<VolumeId, std::map<unsigned, std::string>> written;
        const auto at = [](auto& map, std::size_t index) { return std::next(map.begin(), static_cast<std::ptrdiff_t>(index)); };
        const auto fresh = make_volume();
        written[fresh.id] = {};
        for (unsigned step = 0; step < 60; ++step) {
            const auto action = pick(6);
            if (action == 0 && !kept.empty()) {
                const auto from = at(kept, pick(kept.size()));
                written[make_volume(1, from->first.str()).id] = from->second;
            } else if (action == 1 && !kept.empty()) {
                const auto gone = at(kept, pick(kept.size()));
                ASSERT_TRUE(snapshots.remove(me, gone->first.str()));
                kept.erase(gone);
            } else if (action == 2 && written.size() > 1) {
                const auto gone = at(written, pick(written.size()));
                ASSERT_TRUE(volumes.remove(me, gone->first.str()));
                written.erase(gone);
            } else if (action == 3) {
                const auto on = at(written, pick(written.size()));
                const auto flat = snapshots.flatten(on->first, progress);
                ASSERT_TRUE(flat) << describe(flat.error());
                EXPECT_LE(depth(on->first), *flat ? 3U : 100U);
            } else {
                const auto on = at(written, pick(written.size()));
                const auto block = static_cast<unsigned>(pick(5));
                const auto text = pick(4) == 0 ? std::string() : fmt::format("{}/{}", seed, step);
                on->second[block] = text;
                kept[snapshot_after_writing(on->first, block, text).id] = on->second;
            }
        }
        const auto trimmed = [](std::map<unsigned, std::string> blocks) {
            std::erase_if(blocks, [](const auto& block) { return block.second.empty(); });
            return blocks;
        };
        for (const auto& snapshot : rows(&CatalogSession::snapshots)) {
            if (kept.contains(snapshot.id)) {
                EXPECT_EQ(trimmed(store.read(snapshot.layer)), trimmed(kept[snapshot.id])) << "seed " << seed;
            }
        }
        for (const auto& [id, blocks] : written) {
            EXPECT_EQ(trimmed(store.read(volume(id).layer)), trimmed(blocks)) << "seed " << seed;
        }
        expect_clean();
        for (const auto& [id, blocks] : written) {
            ASSERT_TRUE(volumes.remove(me, id.str()));
        }
        for (const auto& [id, blocks] : kept) {
            ASSERT_TRUE(snapshots.remove(me, id.str()));
        }
        EXPECT_EQ(store.layers().size(), 1U) << "only the image's";
    }
}

TEST_F(SnapshotsTest, OnlyDeepChainsAtRestAreFlattenedAndAStartInBetweenWins) {
    const auto instance = launch("tiny").front().id;
    const auto id = root_of(instance).id;
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(take({id}));
    }
    EXPECT_THAT(*snapshots.too_deep(), IsEmpty()) << "it runs";
    ASSERT_TRUE(instances.stop(me, instance.str(), Duration{0}, Force::yes));
    EXPECT_THAT(*snapshots.too_deep(), ::testing::ElementsAre(id));
    care.script().before("merge", [&] {
        care.script().before("merge", {});
        EXPECT_TRUE(instances.start(me, instance.str(), AcceleratorRequest::automatic, progress));
    });
    EXPECT_FALSE(*snapshots.flatten(id, progress));
    EXPECT_EQ(depth(id), 6U);
    expect_clean();
    ASSERT_TRUE(instances.stop(me, instance.str(), Duration{0}, Force::yes));
    EXPECT_TRUE(*snapshots.flatten(id, progress));
    EXPECT_EQ(depth(id), 3U);
    EXPECT_EQ(taken_of(id).size(), 4U);
    expect_clean();
}

TEST_F(SnapshotsTest, ADeathWhileFlatteningIsFinishedOrUndone) {
    const auto id = make_volume().id;
    for (int i = 0; i < 5; ++i) {
        snapshot_after_writing(id, 1, fmt::format("{}", i));
    }
    const auto before = depth(id);
    care.script().fail("merge", {Code::io_error, "killed"});
    store.script().fail("remove", {Code::io_error, "killed"});
    EXPECT_FALSE(snapshots.flatten(id, progress));
    die_and_recover();
    EXPECT_EQ(depth(id), before);
    expect_clean();
    care.script().before("rebase", [&] { store.script().fail("look", {Code::io_error, "killed"}); });
    EXPECT_FALSE(snapshots.flatten(id, progress));
    store.script().relent("look");
    die_and_recover();
    EXPECT_EQ(depth(id), 3U);
    EXPECT_EQ(store.read(volume(id).layer).at(1), "4");
    expect_clean();
}

TEST_F(SnapshotsTest, DuPromisesWhatADeletionFrees) {
    Accounting accounting(catalog, storage, files);
    const auto allocated = [&] { return accounting.usage(me)->layers.count; };
    const auto id = make_volume().id;
    const auto one = snapshot_after_writing(id, 1, "one");
    const auto two = snapshot_after_writing(id, 2, "two");
    ASSERT_TRUE(volumes.remove(me, id.str()));
    for (const auto& gone : {two.id, one.id}) {
        const auto report = accounting.usage(me);
        ASSERT_TRUE(report);
        const auto row = std::find_if(report->rows.begin(), report->rows.end(), [&](const Usage& usage) { return usage.id == gone.str(); });
        ASSERT_NE(row, report->rows.end());
        const auto before = allocated();
        ASSERT_TRUE(snapshots.remove(me, gone.str()));
        EXPECT_EQ(before - allocated(), row->freed.count);
        EXPECT_GT(row->freed.count, 0U);
    }
}

TEST_F(SnapshotsTest, DuPromisesNothingOfWhatStays) {
    Accounting accounting(catalog, storage, files);
    const auto id = make_volume().id;
    const auto kept = snapshot_after_writing(id, 1, "kept");
    const auto copied = snapshot_after_writing(id, 2, "copied");
    ASSERT_TRUE(volumes.remove(me, id.str()));
    const auto usage_of = [&](const std::string& name) {
        const auto report = accounting.usage(me);
        EXPECT_TRUE(report);
        for (const Usage& row : report ? report->rows : std::vector<Usage>{}) {
            if (row.id == name) {
                return row;
            }
        }
        ADD_FAILURE() << name << " is not accounted for";
        return Usage{};
    };
    const auto of_copied = usage_of(copied.id.str());
    EXPECT_EQ(of_copied.freed, of_copied.own);
    EXPECT_GT(of_copied.freed.count, 0U);
    // The same file under a name in another region: it takes its room here as well, and gives none back.
    store.link(copied.layer);
    EXPECT_EQ(usage_of(copied.id.str()).own, of_copied.own);
    EXPECT_EQ(usage_of(copied.id.str()).freed, Bytes{});
    ASSERT_TRUE(snapshots.remove(me, copied.id.str()));
    EXPECT_GT(usage_of(kept.id.str()).freed.count, 0U);
    // A rule keeps what is deleted in the bin, bytes and all.
    const auto image = rows(&CatalogSession::images).front();
    const auto free_again = make_volume();
    EXPECT_GT(usage_of(image.id.str()).freed.count, 0U);
    for (const auto kind : {RetainedKind::snapshot, RetainedKind::image}) {
        RetentionRule rule;
        rule.kind = kind;
        rule.days = 7;
        ASSERT_TRUE(bin.create_rule(rule));
        EXPECT_EQ(usage_of(kept.id.str()).freed, Bytes{});
        EXPECT_EQ(usage_of(image.id.str()).freed, Bytes{});
    }
    EXPECT_EQ(usage_of(free_again.id.str()).freed, usage_of(free_again.id.str()).own) << "volumes know no bin";
    ASSERT_TRUE(snapshots.remove(me, kept.id.str()));
    EXPECT_EQ(usage_of(kept.id.str()).freed, Bytes{}) << "it is in the bin, and nothing takes it out by deleting";
}

TEST_F(SnapshotsTest, EveryLayerThatStaysHasAReason) {
    Accounting accounting(catalog, storage, files);
    const auto id = make_volume().id;
    const auto one = snapshot_after_writing(id, 1, "one");
    const auto explained = accounting.explain();
    ASSERT_TRUE(explained);
    EXPECT_EQ(explained->size(), store.layers().size());
    std::string all;
    for (const auto& layer : *explained) {
        EXPECT_THAT(layer.reasons, ::testing::Not(IsEmpty())) << layer.layer.str();
        for (const auto& reason : layer.reasons) {
            all += reason + "\n";
        }
    }
    EXPECT_THAT(all, ::testing::AllOf(HasSubstr(one.id.str()), HasSubstr("\"tiny\""), HasSubstr(id.str()), HasSubstr("parent of")));
}

}  // namespace
}  // namespace amivirt::testing
