// What was told the id of before it was made: kept, kept again after a death, broken, given up.
#include "amivirt/base/interrupt.hpp"
#include "amivirt/services/promises.hpp"
#include "two_regions.hpp"

namespace amivirt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PromisesTest : public TwoRegions {
protected:
    CopyRequest copy_of(const std::string& image) {
        CopyRequest request = of(image);
        request.promise.how = "copy it";
        request.on_reserved = [this](const Image& pending) { told = pending.id; };
        return request;
    }
    /// Told, and its process dies when the first layer comes.
    ImageId cut() {
        far_carrier.script().before("bring", [] { throw Interrupted{9}; });
        EXPECT_THROW((void)far.copy(me, copy_of("tiny"), progress), Interrupted);
        far_carrier.script().before("bring", {});
        die_and_recover_both();
        return told;
    }
    std::vector<std::string> open() {
        std::vector<std::string> ids;
        const auto all = promises_there.open();
        EXPECT_TRUE(all);
        for (const auto& promise : all.value_or(std::vector<Promise>{})) {
            ids.push_back(promise.id);
            EXPECT_EQ(promise.account, me);
            EXPECT_EQ(promise.how, "copy it");
        }
        return ids;
    }

    Promises promises_there{far_catalog, clock, log};
    ImageId told;
};

TEST_F(PromisesTest, WhatWasToldStaysPendingAfterADeathAndIsMadeUnderItsId) {
    const auto id = cut();
    const auto pending = find_far(id);
    EXPECT_EQ(pending.state, ImageState::pending);
    EXPECT_THAT(pending.mapping, IsEmpty());
    EXPECT_THAT(far_rows(&CatalogSession::layers), IsEmpty());
    EXPECT_THAT(far_rows(&CatalogSession::operations), IsEmpty());
    EXPECT_THAT(open(), ElementsAre(id.str()));
    // Tagged meanwhile, and cut once more.
    auto tagged = pending;
    tagged.tags = {{"team", "lab"}};
    ASSERT_TRUE(far_catalog.write([&](CatalogSession& session) { return session.images().update(tagged); }));
    auto again = copy_of("tiny");
    again.promise.again = id;
    far_carrier.script().before("bring", [] { throw Interrupted{9}; });
    EXPECT_THROW((void)far.copy(me, again, progress), Interrupted);
    far_carrier.script().before("bring", {});
    die_and_recover_both();
    EXPECT_THAT(open(), ElementsAre(id.str()));

    const auto made = far.copy(me, again, progress);
    ASSERT_TRUE(made) << describe(made.error());
    EXPECT_EQ(made->id, id);
    EXPECT_EQ(made->created, pending.created);
    EXPECT_EQ(find_far(id).state, ImageState::available);
    EXPECT_EQ(find_far(id).tags.at("team"), "lab");
    EXPECT_THAT(open(), IsEmpty());
    EXPECT_THAT(far_rows(&CatalogSession::documents), IsEmpty());
    expect_both_clean();
    // It was kept: nobody makes it a second time.
    const auto twice = far.copy(me, again, progress);
    ASSERT_FALSE(twice);
    EXPECT_EQ(find_far(id).state, ImageState::available);
}

TEST_F(PromisesTest, ARepeatWithItsTokenIsNotTakenForAnother) {
    auto first = copy_of("tiny");
    first.image = source.id.str();
    first.client_token = "token";
    far_carrier.script().before("bring", [] { throw Interrupted{9}; });
    EXPECT_THROW((void)far.copy(me, first, progress), Interrupted);
    far_carrier.script().before("bring", {});
    die_and_recover_both();
    const auto id = told;
    auto again = first;
    again.promise.again = id;
    const auto made = far.copy(me, again, progress);
    ASSERT_TRUE(made) << describe(made.error());
    EXPECT_EQ(made->id, id);
    const auto repeated = far.copy(me, first, progress);
    ASSERT_TRUE(repeated) << describe(repeated.error());
    EXPECT_EQ(repeated->id, id);
}

TEST_F(PromisesTest, WhatCannotBeKeptIsToldByTheObject) {
    const auto id = cut();
    promises_there.broken({id.str(), me, ""}, Error(Code::store_full, "the disk is full"));
    EXPECT_EQ(find_far(id).state, ImageState::failed);
    EXPECT_EQ(find_far(id).state_reason, "the disk is full");
    EXPECT_THAT(open(), IsEmpty());
    EXPECT_THAT(far_rows(&CatalogSession::documents), IsEmpty());
    expect_both_clean();
    // One that fails at once leaves no promise either.
    far_carrier.script().fail("bring", Error(Code::store_full, "full"));
    auto other = copy_of("tiny");
    other.name = "other";
    ASSERT_FALSE(far.copy(me, other, progress));
    EXPECT_EQ(find_far(told).state, ImageState::failed);
    EXPECT_THAT(far_rows(&CatalogSession::documents), IsEmpty());
    expect_both_clean();
    // And what is made is not broken any more.
    const auto made = far.copy(me, of("tiny"), progress);
    ASSERT_TRUE(made) << describe(made.error());
    promises_there.broken({made->id.str(), me, ""}, Error(Code::store_full, "full"));
    EXPECT_EQ(find_far(made->id).state, ImageState::available);
}

TEST_F(PromisesTest, NobodyElsesIdIsMade) {
    auto request = copy_of("tiny");
    request.promise.again = source.id;
    const auto made = far.copy(me, request, progress);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::invalid_parameter_value);
    expect_both_clean();
}

TEST_F(PromisesTest, OneThatNobodyIsAtCanBeGivenUp) {
    const auto id = cut();
    const auto done = far_images.deregister(me, id.str(), DeleteSnapshots::yes);
    ASSERT_TRUE(done) << describe(done.error());
    EXPECT_THAT(far_rows(&CatalogSession::images), IsEmpty());
    EXPECT_THAT(far_rows(&CatalogSession::documents), IsEmpty());
    EXPECT_THAT(open(), IsEmpty());
    expect_both_clean();
}

TEST_F(PromisesTest, ACopiedSnapshotIsPendingWithoutALayer) {
    const auto taken = seal_volume(1, "text");
    CopySnapshotRequest request{taken.id.str(), "local", "", false, {}};
    request.promise.how = "copy it";
    std::vector<Snapshot> seen;
    request.on_reserved = [&](const Snapshot& pending) { seen.push_back(pending); };
    far_carrier.script().before("bring", [] { throw Interrupted{9}; });
    EXPECT_THROW((void)far.copy_snapshot(me, request, progress), Interrupted);
    far_carrier.script().before("bring", {});
    die_and_recover_both();
    ASSERT_THAT(seen, SizeIs(1));
    const auto id = seen.front().id;
    ASSERT_THAT(far_rows(&CatalogSession::snapshots), SizeIs(1));
    EXPECT_EQ(far_rows(&CatalogSession::snapshots).front().state, SnapshotState::pending);
    EXPECT_TRUE(far_rows(&CatalogSession::snapshots).front().layer.empty());
    EXPECT_THAT(far_rows(&CatalogSession::layers), IsEmpty());
    EXPECT_THAT(open(), ElementsAre(id.str()));
    request.promise.again = id;
    const auto made = far.copy_snapshot(me, request, progress);
    ASSERT_TRUE(made) << describe(made.error());
    EXPECT_EQ(made->id, id);
    EXPECT_EQ(far_rows(&CatalogSession::snapshots).front().state, SnapshotState::completed);
    EXPECT_EQ(far_rows(&CatalogSession::snapshots).front().layer, taken.layer);
    EXPECT_THAT(open(), IsEmpty());
    expect_both_clean();
    // One that fails is told by its state, stands on nothing, and can be deleted.
    far_carrier.script().fail("rewrite", Error(Code::store_full, "full"));
    request.promise.again.reset();
    request.encrypted = true;
    ASSERT_FALSE(far.copy_snapshot(me, request, progress));
    const auto failed = far_rows(&CatalogSession::snapshots).back();
    EXPECT_EQ(failed.state, SnapshotState::error);
    EXPECT_EQ(failed.state_message, "full");
    EXPECT_TRUE(failed.layer.empty());
    expect_both_clean();
}

}  // namespace
}  // namespace amivirt::testing
