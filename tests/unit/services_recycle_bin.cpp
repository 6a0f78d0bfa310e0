// Retention rules and what they keep, on fakes with a clock that the tests move.
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Bin : public Bench {
protected:
    RetentionRule keep(RetainedKind kind, unsigned days, std::vector<std::pair<std::string, std::optional<std::string>>> tags = {}) {
        RetentionRule rule;
        rule.kind = kind;
        rule.days = days;
        rule.tags = std::move(tags);
        auto made = bin.create_rule(rule);
        EXPECT_TRUE(made) << describe(made.error());
        return made.value_or(RetentionRule{});
    }
    Deregistration deregister(const std::string& image, DeleteSnapshots deletion) {
        auto done = images.deregister(me, image, deletion);
        EXPECT_TRUE(done) << describe(done.error());
        return done.value_or(Deregistration{});
    }
    std::vector<std::string> listed(const AccountId& account) {
        const auto listing = bin.list(account);
        EXPECT_TRUE(listing);
        std::vector<std::string> all;
        for (const auto& image : listing->images) {
            all.push_back(image.name);
        }
        for (const auto& snapshot : listing->snapshots) {
            all.push_back(snapshot.id.str());
        }
        return all;
    }
    std::size_t purge() {
        const auto purged = bin.purge();
        EXPECT_TRUE(purged) << describe(purged.error());
        return purged.value_or(999);
    }
    /// Its snapshot, as a describe shows it.
    std::size_t shown_snapshots() { return snapshots.describe(me, {})->records.size(); }
};

TEST_F(Bin, RulesAreMadeListedAndDeleted) {
    const auto one = keep(RetainedKind::image, 7);
    const auto two = keep(RetainedKind::snapshot, 30, {{"keep", std::nullopt}});
    EXPECT_EQ(one.created, clock.now());
    ASSERT_THAT(*bin.rules(), SizeIs(2));
    EXPECT_EQ(bin.rules()->back().tags, two.tags);
    ASSERT_TRUE(bin.delete_rule(one.id.str()));
    ASSERT_THAT(*bin.rules(), SizeIs(1));
    EXPECT_EQ(bin.delete_rule(one.id.str()).error().code, Code::resource_not_found);
    EXPECT_EQ(bin.delete_rule("rule-1").error().code, Code::invalid_parameter_value);
    RetentionRule wrong;
    wrong.days = 366;
    EXPECT_EQ(bin.create_rule(wrong).error().code, Code::invalid_parameter_value);
    ASSERT_THAT(*bin.rules(), SizeIs(1));
}

TEST_F(Bin, ADeregisteredImageComesBackUnderItsIdAndPrivate) {
    keep(RetainedKind::image, 7);
    const auto image = import("golden");
    ASSERT_TRUE(governance.permit(me, "golden", {true, {other}}));
    const auto done = deregister("golden", DeleteSnapshots::no);
    EXPECT_EQ(done.bin, (BinStay{clock.now(), clock.now() + 24h * 7}));
    EXPECT_THAT(listed(me), ElementsAre("golden"));
    EXPECT_THAT(listed(other), IsEmpty());
    EXPECT_THAT(images.describe(me, {})->records, IsEmpty());
    const auto refused = images.resolve_for_launch(me, image.id.str());
    EXPECT_EQ(refused.error().code, Code::invalid_ami_id_unavailable);
    EXPECT_THAT(refused.error().hint, HasSubstr("restore-from-bin " + image.id.str()));
    EXPECT_EQ(snapshots.remove(me, snapshots_of(image).front().str()).error().code, Code::invalid_snapshot_in_use);

    EXPECT_EQ(bin.restore_image(other, image.id.str()).error().code, Code::invalid_ami_id_not_found);
    EXPECT_EQ(bin.restore_image(me, "goldne").error().code, Code::invalid_ami_id_not_found);
    EXPECT_EQ(bin.restore_image(me, "ami-1").error().code, Code::invalid_ami_id_malformed);
    const auto back = bin.restore_image(me, "golden");
    ASSERT_TRUE(back) << describe(back.error());
    EXPECT_EQ(back->id, image.id);
    EXPECT_EQ(back->state, ImageState::available);
    EXPECT_EQ(back->permissions, LaunchPermissions{});
    EXPECT_THAT(listed(me), IsEmpty());
    launch(image.id.str());
    EXPECT_EQ(bin.restore_image(me, image.id.str()).error().code, Code::invalid_ami_id_not_found);
    clock.advance(24h * 30);
    EXPECT_EQ(purge(), 0U);
    EXPECT_TRUE(images.resolve(me, "golden"));
    expect_clean();
}

TEST_F(Bin, TheNameIsFreeMeanwhile) {
    keep(RetainedKind::image, 7);
    const auto first = import("golden");
    deregister("golden", DeleteSnapshots::no);
    import("golden");
    const auto refused = bin.restore_image(me, first.id.str());
    EXPECT_EQ(refused.error().code, Code::invalid_ami_name_duplicate);
    EXPECT_THAT(listed(me), ElementsAre("golden"));
    deregister("golden", DeleteSnapshots::no);
    EXPECT_EQ(bin.restore_image(me, "golden").error().code, Code::invalid_parameter_value) << "which of the two?";
    EXPECT_TRUE(bin.restore_image(me, first.id.str()));
}

TEST_F(Bin, SnapshotsGoAlongAndComeBack) {
    keep(RetainedKind::image, 7);
    const auto image = import("golden");
    const auto snapshot = snapshots_of(image).front();
    EXPECT_THAT(deregister("golden", DeleteSnapshots::yes).snapshots, ElementsAre(snapshot));
    EXPECT_EQ(shown_snapshots(), 0U);
    EXPECT_THAT(listed(me), ElementsAre("golden", snapshot.str()));
    EXPECT_EQ(snapshots.resolve(me, snapshot.str()).error().code, Code::invalid_snapshot_not_found);
    CreateVolumeRequest request;
    request.snapshot = snapshot.str();
    EXPECT_EQ(volumes.create(me, request).error().code, Code::invalid_snapshot_not_found);
    EXPECT_THAT(store.layers(), SizeIs(1));
    ASSERT_TRUE(bin.restore_image(me, image.id.str()));
    EXPECT_EQ(shown_snapshots(), 1U);
    EXPECT_THAT(listed(me), IsEmpty());
    launch("golden");
    expect_clean();
}

TEST_F(Bin, WhatHasExpiredGoesWithItsLayers) {
    keep(RetainedKind::image, 7);
    const auto image = import("golden");
    deregister("golden", DeleteSnapshots::yes);
    clock.advance(24h * 7 - 1ms);
    EXPECT_EQ(purge(), 0U);
    EXPECT_THAT(store.layers(), SizeIs(1));
    clock.advance(1ms);
    EXPECT_THAT(listed(me), IsEmpty()) << "purged or not, its time is over";
    EXPECT_EQ(bin.restore_image(me, image.id.str()).error().code, Code::invalid_ami_id_not_found);
    EXPECT_EQ(purge(), 2U);
    EXPECT_THAT(store.layers(), IsEmpty());
    EXPECT_THAT(rows(&CatalogSession::snapshots), IsEmpty());
    EXPECT_EQ(purge(), 0U);
    EXPECT_EQ(images.resolve(me, image.id.str()).error().code, Code::invalid_ami_id_unavailable);
    expect_clean();
}

TEST_F(Bin, SnapshotsThatWereToStayStayWhenTheirImageExpires) {
    keep(RetainedKind::image, 1);
    import("golden");
    deregister("golden", DeleteSnapshots::no);
    EXPECT_EQ(shown_snapshots(), 1U);
    clock.advance(25h);
    EXPECT_EQ(purge(), 1U);
    EXPECT_EQ(shown_snapshots(), 1U);
    ASSERT_TRUE(snapshots.remove(me, rows(&CatalogSession::snapshots).front().id.str()));
    EXPECT_THAT(store.layers(), IsEmpty());
    expect_clean();
}

TEST_F(Bin, InstancesHoldTheirLayersWhenTheBinDoesNot) {
    keep(RetainedKind::image, 1);
    import("golden");
    const auto instance = launch("golden").front().id;
    deregister("golden", DeleteSnapshots::yes);
    clock.advance(25h);
    EXPECT_EQ(purge(), 2U);
    EXPECT_THAT(store.layers(), SizeIs(2));
    ASSERT_TRUE(instances.stop(me, instance.str(), 1s, Force::yes));
    ASSERT_TRUE(instances.start(me, instance.str(), AcceleratorRequest::automatic, progress));
    ASSERT_TRUE(instances.terminate(me, instance.str()));
    EXPECT_THAT(store.layers(), IsEmpty());
    expect_clean();
}

TEST_F(Bin, ADeletedSnapshotStaysByItsTagsAndComesBack) {
    keep(RetainedKind::snapshot, 2, {{"keep", std::nullopt}});
    const auto volume = make_volume();
    auto kept = take({volume.id})->front();
    auto dropped = take({volume.id})->front();
    kept.tags = {{"keep", ""}, {"Name", "before"}};
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.snapshots().update(kept); }));
    const auto deleted = snapshots.remove(me, kept.id.str());
    ASSERT_TRUE(deleted);
    EXPECT_EQ(deleted->bin, (BinStay{clock.now(), clock.now() + 48h}));
    const auto gone = snapshots.remove(me, dropped.id.str());
    ASSERT_TRUE(gone);
    EXPECT_EQ(gone->bin, std::nullopt);
    EXPECT_EQ(shown_snapshots(), 0U);
    EXPECT_EQ(snapshots.remove(me, kept.id.str()).error().code, Code::invalid_snapshot_not_found) << "once is enough";
    EXPECT_EQ(bin.restore_snapshot(other, kept.id.str()).error().code, Code::invalid_snapshot_not_found);
    EXPECT_EQ(bin.restore_snapshot(me, dropped.id.str()).error().code, Code::invalid_snapshot_not_found);
    ASSERT_TRUE(bin.restore_snapshot(me, "before"));
    EXPECT_EQ(shown_snapshots(), 1U);
    make_volume(1, kept.id.str());
    ASSERT_TRUE(snapshots.remove(me, kept.id.str()));
    clock.advance(48h);
    EXPECT_EQ(bin.restore_snapshot(me, kept.id.str()).error().code, Code::invalid_snapshot_not_found);
    EXPECT_EQ(purge(), 1U);
    expect_clean();
}

TEST_F(Bin, WithoutItsImagesRuleASnapshotMayStillStayByItsOwn) {
    keep(RetainedKind::snapshot, 2);
    const auto image = import("golden");
    const auto done = deregister("golden", DeleteSnapshots::yes);
    EXPECT_EQ(done.bin, std::nullopt);
    EXPECT_THAT(listed(me), ElementsAre(snapshots_of(image).front().str()));
    EXPECT_EQ(bin.restore_image(me, image.id.str()).error().code, Code::invalid_ami_id_not_found);
    ASSERT_TRUE(bin.restore_snapshot(me, snapshots_of(image).front().str()));
    expect_clean();
}

TEST_F(Bin, ASnapshotStaysAsLongAsItsImageAtLeast) {
    keep(RetainedKind::snapshot, 1);
    keep(RetainedKind::image, 7);
    const auto image = import("golden");
    deregister("golden", DeleteSnapshots::yes);
    clock.advance(48h);
    EXPECT_EQ(purge(), 0U);
    EXPECT_TRUE(bin.restore_image(me, image.id.str()));
    expect_clean();
}

TEST_F(Bin, WhatIsRestoredBetweenLookAndPurgeStays) {
    keep(RetainedKind::image, 7);
    const auto image = import("golden");
    deregister("golden", DeleteSnapshots::yes);
    const auto stay = clock.now() + 24h * 7;
    clock.advance(24h * 8);
    bool done = false;
    catalog.script().before("write", [&] {
        if (std::exchange(done, true)) {
            return;
        }
        // As a process would that looked at its clock in time.
        EXPECT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
            auto row = *AMIVIRT_TRY(session.images().find(image.id));
            EXPECT_EQ(row.bin->expires, stay);
            row.state = ImageState::available;
            row.bin.reset();
            auto snapshot = *AMIVIRT_TRY(session.snapshots().find(snapshots_of(image).front()));
            snapshot.bin.reset();
            AMIVIRT_TRY(session.snapshots().update(snapshot));
            return session.images().update(row);
        }));
    });
    EXPECT_EQ(purge(), 0U);
    launch("golden");
    expect_clean();
}

TEST_F(Bin, WhatTwoDeletedImagesSharedGoesWithTheLast) {
    const auto first = import("first");
    keep(RetainedKind::image, 7);
    EbsDevice ebs;
    ebs.snapshot = snapshots_of(first).at(0);
    ImportRequest with_it;
    with_it.name = "second";
    with_it.source = "/disks/first.qcow2";
    with_it.mapping = {{"/dev/sdf", ebs}};
    ASSERT_TRUE(images.import(me, with_it, progress));
    EXPECT_THAT(deregister("first", DeleteSnapshots::yes).snapshots, IsEmpty()) << "the second names it";
    clock.advance(24h);
    EXPECT_THAT(deregister("second", DeleteSnapshots::yes).snapshots, SizeIs(2));
    clock.advance(24h * 8);
    purge();
    EXPECT_THAT(rows(&CatalogSession::snapshots), IsEmpty());
    EXPECT_THAT(rows(&CatalogSession::layers), IsEmpty());
}

TEST_F(Bin, AKilledPurgeIsFinishedByTheNextCommand) {
    keep(RetainedKind::image, 1);
    import("golden");
    deregister("golden", DeleteSnapshots::yes);
    clock.advance(25h);
    store.script().fail("remove", {Code::io_error, "killed"});
    EXPECT_FALSE(bin.purge());
    EXPECT_THAT(rows(&CatalogSession::operations), SizeIs(1));
    EXPECT_THAT(rows(&CatalogSession::snapshots), IsEmpty());
    die_and_recover();
    EXPECT_THAT(store.layers(), IsEmpty());
    expect_clean();
}

TEST_F(Bin, AnUnreadableImageKeepsEverySnapshot) {
    keep(RetainedKind::image, 1);
    import("golden");
    const auto other_image = import("unreadable", "other bytes");
    deregister("golden", DeleteSnapshots::yes);
    clock.advance(25h);
    catalog.make_unreadable(other_image.id.str());
    purge();
    EXPECT_THAT(rows(&CatalogSession::snapshots), SizeIs(2)) << "it may be its snapshot, too";
    EXPECT_THAT(store.layers(), SizeIs(2));
}

}  // namespace
}  // namespace amivirt::testing
