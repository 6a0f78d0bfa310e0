// Reset on fakes: everything goes, whatever protects it; what may stay stays; kills, and others at work.
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ResetTest : public Bench {
protected:
    /// One of everything.
    void SetUp() override {
        image = import("tiny");
        const auto running = launch("tiny", 2);
        protect(running.front().id);
        ASSERT_TRUE(instances.stop(me, running.back().id.str(), {}, Force::yes));
        const auto ended = launch("tiny").front();
        ASSERT_TRUE(instances.terminate(me, ended.id.str()));
        make_volume();
        ASSERT_TRUE(take({root_of(running.front().id).id}));
        ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
            KeyPair pair;
            pair.id = make_id<KeyPairId>(ids);
            pair.owner = other;
            pair.name = "key";
            AMIVIRT_TRY(session.key_pairs().insert(pair));
            AMIVIRT_TRY(session.lab_members().insert({lab_member_key("lab", "volume", "data"), "lab", "volume", "data", "vol", "", {}}));
            RetentionRule rule;
            rule.id = make_id<RetentionRuleId>(ids);
            AMIVIRT_TRY(session.retention_rules().insert(rule));
            AMIVIRT_TRY(session.downloads().insert({"http://127.0.0.1/x", "x", "etag", clock.now()}));
            RegionPolicy policy;
            policy.block_public_access = true;
            return session.set_policy(policy);
        }));
    }
    void protect(const InstanceId& id) {
        ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
            auto instance = *AMIVIRT_TRY(session.instances().find(id));
            instance.termination_protected = true;
            AMIVIRT_TRY(session.instances().update(instance));
            auto row = *AMIVIRT_TRY(session.images().find(image.id));
            row.protection = DeregistrationProtection::enabled;
            return session.images().update(row);
        }));
    }
    bool blocks_public_access() {
        RegionPolicy policy;
        EXPECT_TRUE(catalog.read([&](CatalogSession& session) -> Result<void> {
            policy = AMIVIRT_TRY(session.policy());
            return {};
        }));
        return policy.block_public_access;
    }
    void expect_nothing_but(std::size_t image_count) {
        EXPECT_THAT(rows(&CatalogSession::images), SizeIs(image_count));
        EXPECT_THAT(rows(&CatalogSession::snapshots), SizeIs(image_count));
        EXPECT_THAT(rows(&CatalogSession::layers), SizeIs(image_count));
        EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
        EXPECT_THAT(rows(&CatalogSession::volumes), IsEmpty());
        EXPECT_THAT(rows(&CatalogSession::key_pairs), IsEmpty());
        EXPECT_THAT(rows(&CatalogSession::lab_members), IsEmpty());
        EXPECT_THAT(rows(&CatalogSession::retention_rules), IsEmpty());
        EXPECT_THAT(rows(&CatalogSession::downloads), IsEmpty());
        EXPECT_THAT(hypervisor.domains(), IsEmpty());
        expect_clean();
    }
    Image image;
};

TEST_F(ResetTest, EverythingGoesWhateverProtectsIt) {
    const auto report = reset.run(KeepImages::no);
    ASSERT_TRUE(report) << describe(report.error());
    EXPECT_THAT(report->terminated, SizeIs(2));
    EXPECT_EQ(report->images, 1U);
    EXPECT_EQ(report->snapshots, 2U);
    EXPECT_EQ(report->volumes, 1U);
    EXPECT_EQ(report->key_pairs, 1U);
    EXPECT_FALSE(blocks_public_access());
    expect_nothing_but(0);
    const auto again = reset.run(KeepImages::no);
    ASSERT_TRUE(again) << describe(again.error());
    EXPECT_THAT(again->terminated, IsEmpty());
}

TEST_F(ResetTest, ImagesMayStayAndCanBeLaunched) {
    ASSERT_TRUE(images.deregister(me, import("gone", "other content").id.str(), DeleteSnapshots::no));
    const auto report = reset.run(KeepImages::yes);
    ASSERT_TRUE(report) << describe(report.error());
    EXPECT_EQ(report->snapshots, 2U) << "its own, and the one of the deregistered image";
    EXPECT_TRUE(blocks_public_access());
    expect_nothing_but(1);
    EXPECT_EQ(rows(&CatalogSession::images).front().id, image.id);
    launch("tiny");
    expect_clean();
}

TEST_F(ResetTest, WaitsForOthersAndNamesThem) {
    auto operation = operations.begin(OperationKind::import_image, {"ami-00000000000000001"}, Duration{0},
                                      [](CatalogSession&, Operation&) -> Result<void> { return {}; });
    ASSERT_TRUE(operation);
    const auto refused = reset.run(KeepImages::no);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::busy);
    EXPECT_THAT(refused.error().message, HasSubstr("ami-00000000000000001"));
    EXPECT_THAT(rows(&CatalogSession::images), SizeIs(1));
    ASSERT_TRUE((*operation)->finish([](CatalogSession&) -> Result<void> { return {}; }));
    ASSERT_TRUE(reset.run(KeepImages::no));
    expect_nothing_but(0);
}

TEST_F(ResetTest, TheSameAgainFinishesAKilledOne) {
    store.script().fail("remove", Error(Code::io_error, "killed here"));
    ASSERT_FALSE(reset.run(KeepImages::no));
    die_and_recover();
    ASSERT_TRUE(reset.run(KeepImages::no));
    expect_nothing_but(0);
}

TEST_F(ResetTest, LibvirtDownDeletesNothing) {
    hypervisor.script().fail("remove", Error(Code::hypervisor_unavailable, "libvirt is down"));
    const auto refused = reset.run(KeepImages::no);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::hypervisor_unavailable);
    EXPECT_THAT(rows(&CatalogSession::images), SizeIs(1));
    die_and_recover();
    ASSERT_TRUE(reset.run(KeepImages::no));
    expect_nothing_but(0);
}

}  // namespace
}  // namespace amivirt::testing
