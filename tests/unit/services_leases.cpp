// Leases on fakes: time to live, lifelines, sessions; who may end what, kills, two at once.
#include "amivirt/base/interrupt.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LeasesTest : public Bench {
protected:
    void SetUp() override { import("tiny"); }
    RunRequest request() {
        RunRequest wanted;
        wanted.image = "tiny";
        wanted.type = "t3.nano";
        return wanted;
    }
    Instance leased(Duration ttl) {
        auto wanted = request();
        wanted.ttl = ttl;
        return run(wanted);
    }
    Instance run(const RunRequest& wanted) {
        auto launched = instances.run(me, wanted, progress);
        EXPECT_TRUE(launched.has_value()) << describe(launched.error());
        return launched ? launched->front() : Instance{};
    }
    Instance bound(const Lifeline& lifeline) {
        auto wanted = request();
        wanted.lifeline = lifeline.name;
        return run(wanted);
    }
    std::vector<InstanceId> reap() {
        const auto reaped = leases.reap();
        EXPECT_TRUE(reaped.has_value()) << describe(reaped.error());
        std::vector<InstanceId> ended;
        if (reaped) {
            EXPECT_THAT(reaped->left, IsEmpty());
            for (const auto& one : reaped->terminated) {
                ended.push_back(one.id);
            }
        }
        return ended;
    }
    void change(const InstanceId& id, const std::function<void(Instance&)>& how) {
        ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
            auto instance = *AMIVIRT_TRY(session.instances().find(id));
            how(instance);
            return session.instances().update(instance);
        }));
    }
};

TEST_F(LeasesTest, AMachineGoesWhenItsTimeIsOver) {
    const auto first = leased(std::chrono::minutes(30));
    const auto second = leased(std::chrono::minutes(10));
    launch("tiny");
    EXPECT_EQ(first.expires, clock.now() + std::chrono::minutes(30));
    clock.advance(std::chrono::minutes(10) - Duration(1));
    EXPECT_THAT(reap(), IsEmpty());
    clock.advance(Duration(1));
    EXPECT_THAT(reap(), ElementsAre(second.id));
    EXPECT_THAT(reap(), IsEmpty());
    clock.advance(std::chrono::hours(1));
    EXPECT_THAT(reap(), ElementsAre(first.id));
    const auto ended = rows(&CatalogSession::instances).front();
    EXPECT_EQ(ended.state, InstanceState::terminated);
    EXPECT_EQ(ended.state_reason_code, "Client.LeaseExpired");
    EXPECT_EQ(hypervisor.domains().size(), 1U) << "the one without a lease";
    expect_clean();
}

TEST_F(LeasesTest, AStoppedOneGoesToo) {
    const auto instance = leased(std::chrono::minutes(1));
    ASSERT_TRUE(instances.stop(me, instance.id.str(), {}, Force::yes));
    clock.advance(std::chrono::minutes(1));
    EXPECT_THAT(reap(), ElementsAre(instance.id));
    expect_clean();
}

TEST_F(LeasesTest, ATimeToLiveThatIsNoneIsRefusedBeforeAnythingIsMade) {
    for (const auto ttl : {Duration(0), Duration(-5), Duration(999), Duration(std::chrono::hours(24 * 366))}) {
        auto wanted = request();
        wanted.ttl = ttl;
        EXPECT_EQ(instances.run(me, wanted, progress).error().code, Code::invalid_parameter_value) << ttl.count();
    }
    auto wanted = request();
    wanted.session = "a\nb";
    EXPECT_EQ(instances.run(me, wanted, progress).error().code, Code::invalid_parameter_value);
    wanted.session.assign(256, 'x');
    EXPECT_EQ(instances.run(me, wanted, progress).error().code, Code::invalid_parameter_value);
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
    expect_clean();
}

TEST_F(LeasesTest, WhatIsProtectedCannotBeLaunchedForATime) {
    auto wanted = request();
    wanted.termination_protected = true;
    wanted.ttl = std::chrono::minutes(5);
    const auto refused = instances.run(me, wanted, progress);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::operation_not_permitted);
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
    wanted.ttl.reset();
    EXPECT_TRUE(instances.run(me, wanted, progress));
}

TEST_F(LeasesTest, AnExtendedLeaseHoldsALittleLonger) {
    const auto instance = leased(std::chrono::minutes(1));
    clock.advance(std::chrono::seconds(59));
    const auto extended = leases.extend(me, instance.id.str(), std::chrono::minutes(1));
    ASSERT_TRUE(extended) << describe(extended.error());
    EXPECT_EQ(extended->expires, clock.now() + std::chrono::minutes(1));
    clock.advance(std::chrono::seconds(59));
    EXPECT_THAT(reap(), IsEmpty());
    ASSERT_TRUE(leases.remove(me, instance.id.str()));
    ASSERT_TRUE(leases.remove(me, instance.id.str())) << "idempotent";
    clock.advance(std::chrono::hours(24 * 400));
    EXPECT_THAT(reap(), IsEmpty());
    EXPECT_EQ(state_of(instance.id), InstanceState::running);
    EXPECT_TRUE(rows(&CatalogSession::operations).empty());
    expect_clean();
}

TEST_F(LeasesTest, OnlyItsOwnerChangesALease) {
    const auto instance = leased(std::chrono::minutes(1));
    EXPECT_EQ(leases.extend(other, instance.id.str(), std::chrono::minutes(1)).error().code, Code::invalid_instance_id_not_found);
    EXPECT_EQ(leases.remove(other, instance.id.str()).error().code, Code::invalid_instance_id_not_found);
    EXPECT_EQ(leases.extend(me, instance.id.str(), Duration(0)).error().code, Code::invalid_parameter_value);
    ASSERT_TRUE(instances.terminate(me, instance.id.str()));
    EXPECT_EQ(leases.extend(me, instance.id.str(), std::chrono::minutes(1)).error().code, Code::incorrect_instance_state);
    EXPECT_EQ(leases.remove(me, instance.id.str()).error().code, Code::incorrect_instance_state);
}

TEST_F(LeasesTest, ProtectionAndALeaseContradictEachOther) {
    const auto kept = launch("tiny").front();
    change(kept.id, [](Instance& instance) { instance.termination_protected = true; });
    const auto refused = leases.extend(me, kept.id.str(), std::chrono::minutes(1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::operation_not_permitted);
    EXPECT_THAT(refused.error().message, HasSubstr(kept.id.str()));

    const auto instance = leased(std::chrono::minutes(1));
    const auto protect = [&](const Instance& what) { return instances.modify(me, what.id.str(), {.termination_protected = true}); };
    const auto also_refused = protect(instance);
    ASSERT_FALSE(also_refused);
    EXPECT_EQ(also_refused.error().code, Code::operation_not_permitted);
    EXPECT_THAT(also_refused.error().message, HasSubstr("it has a time to live"));
    EXPECT_THAT(also_refused.error().hint, HasSubstr("--ttl none"));
    // Both at once: what is meant counts, not what was.
    const auto lease = [](std::optional<Duration> ttl) { return NewLease{ttl}; };
    const Duration minute = std::chrono::minutes(1);
    ASSERT_TRUE(instances.modify(me, kept.id.str(), {.termination_protected = false, .lease = lease(minute)}));
    EXPECT_FALSE(protect(kept));
    EXPECT_FALSE(instances.modify(me, kept.id.str(), {.termination_protected = true, .lease = lease(minute)}));
    const auto changed = instances.modify(me, kept.id.str(), {.termination_protected = true, .lease = lease(std::nullopt)});
    ASSERT_TRUE(changed) << describe(changed.error());
    EXPECT_EQ(changed->expires, std::nullopt);
    {
        const Lifeline lifeline = *leases.hold();
        const auto used = bound(lifeline);
        EXPECT_EQ(protect(used).error().code, Code::operation_not_permitted) << "it goes with its command";
        ASSERT_TRUE(instances.terminate(me, used.id.str()));
    }

    const auto next = leased(std::chrono::minutes(1));
    change(instance.id, [](Instance& row) { row.termination_protected = true; });  // an old store's
    clock.advance(std::chrono::minutes(2));
    const auto reaped = leases.reap();
    ASSERT_TRUE(reaped);
    ASSERT_EQ(reaped->left.size(), 1U);
    EXPECT_EQ(reaped->left.front().code, Code::operation_not_permitted);
    EXPECT_THAT(reaped->left.front().message, HasSubstr(instance.id.str()));
    ASSERT_EQ(reaped->terminated.size(), 1U) << "one that must stay does not keep the others";
    EXPECT_EQ(reaped->terminated.front().id, next.id);
    EXPECT_EQ(state_of(instance.id), InstanceState::running);
    expect_clean();
}

TEST_F(LeasesTest, WhatAnotherIsAtWorkOnIsLeftToIt) {
    const auto instance = leased(std::chrono::minutes(1));
    clock.advance(std::chrono::minutes(1));
    auto operation = operations.begin(OperationKind::stop_instances, {instance.id.str()}, Duration{0},
                                      [](CatalogSession&, Operation&) -> Result<void> { return {}; });
    ASSERT_TRUE(operation);
    EXPECT_THAT(reap(), IsEmpty());
    EXPECT_EQ(state_of(instance.id), InstanceState::running);
    ASSERT_TRUE((*operation)->finish([](CatalogSession&) -> Result<void> { return {}; }));
    EXPECT_THAT(reap(), ElementsAre(instance.id));
    expect_clean();
}

TEST_F(LeasesTest, ALifelineHoldsAsLongAsItsProcess) {
    auto lifeline = leases.hold();
    ASSERT_TRUE(lifeline);
    const auto instance = bound(*lifeline);
    clock.advance(std::chrono::hours(24 * 100));
    EXPECT_THAT(reap(), IsEmpty());
    EXPECT_EQ(state_of(instance.id), InstanceState::running);
    liveness.kill_all();
    EXPECT_THAT(reap(), ElementsAre(instance.id));
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty()) << "it leaves no record";
    expect_clean();
}

TEST_F(LeasesTest, ARecoveryMaySweepADeadLifelineBeforeTheReaperComes) {
    auto lifeline = leases.hold();
    ASSERT_TRUE(lifeline);
    const auto instance = bound(*lifeline);
    ASSERT_TRUE(reconciler.recover());
    EXPECT_THAT(reap(), IsEmpty()) << "a living one is not swept";
    die_and_recover();
    EXPECT_THAT(liveness.locks(), IsEmpty());
    EXPECT_THAT(reap(), ElementsAre(instance.id));
    expect_clean();
}

TEST_F(LeasesTest, AKilledLaunchOfOneIsUndoneOnce) {
    auto lifeline = leases.hold();
    ASSERT_TRUE(lifeline);
    auto wanted = request();
    wanted.lifeline = lifeline->name;
    wanted.on_reserved = [&](const std::vector<Instance>& pending) {
        liveness.kill_all();
        EXPECT_THAT(reap(), IsEmpty()) << "its launch holds it: " << pending.front().id.str();
        throw Interrupted{2};
    };
    EXPECT_THROW((void)instances.run(me, wanted, progress), Interrupted);
    ASSERT_TRUE(reconciler.recover());
    EXPECT_THAT(reap(), IsEmpty());
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
    expect_clean();
}

TEST_F(LeasesTest, ATerminateFromElsewhereIsTold) {
    auto lifeline = leases.hold();
    ASSERT_TRUE(lifeline);
    const auto instance = bound(*lifeline);
    const auto ended = instances.terminate(me, instance.id.str());
    ASSERT_TRUE(ended) << describe(ended.error());
    EXPECT_EQ(ended->state, InstanceState::terminated);
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
    ASSERT_TRUE(instances.terminate_anyway(instance.id)) << "what is not there is done";
}

TEST_F(LeasesTest, LibvirtDownLeavesItForLater) {
    const auto instance = leased(std::chrono::minutes(1));
    clock.advance(std::chrono::minutes(1));
    hypervisor.script().fail("remove", Error(Code::hypervisor_unavailable, "libvirt is down"));
    const auto reaped = leases.reap();
    ASSERT_TRUE(reaped);
    ASSERT_EQ(reaped->left.size(), 1U);
    EXPECT_EQ(reaped->left.front().code, Code::hypervisor_unavailable);
    EXPECT_THAT(reaped->terminated, IsEmpty());
    die_and_recover();
    EXPECT_EQ(state_of(instance.id), InstanceState::terminated);
    expect_clean();
}

TEST_F(LeasesTest, AClientTokenTellsLeasesApart) {
    auto wanted = request();
    wanted.client_token = "token";
    wanted.ttl = std::chrono::minutes(5);
    wanted.session = "job-1";
    const auto first = run(wanted);
    EXPECT_EQ(run(wanted).id, first.id);
    for (const auto& change :
         std::vector<std::function<void(RunRequest&)>>{[](RunRequest& r) { r.ttl = std::chrono::minutes(6); },
                                                       [](RunRequest& r) { r.ttl.reset(); }, [](RunRequest& r) { r.session = "job-2"; }}) {
        auto different = wanted;
        change(different);
        EXPECT_EQ(instances.run(me, different, progress).error().code, Code::idempotent_parameter_mismatch);
    }
    wanted.lifeline = "op-00000000000000001";
    EXPECT_EQ(instances.run(me, wanted, progress).error().code, Code::invalid_parameter_combination);
}

TEST_F(LeasesTest, ASessionIsAskedForByName) {
    auto wanted = request();
    wanted.session = "job-*";
    const auto first = run(wanted);
    wanted.session = "job-1";
    run(wanted);
    launch("tiny");
    InstanceQuery query;
    query.session = "job-*";  // a name, not a pattern
    const auto listing = instances.describe(me, query);
    ASSERT_TRUE(listing);
    ASSERT_EQ(listing->views.size(), 1U);
    EXPECT_EQ(listing->views.front().instance.id, first.id);
}

}  // namespace
}  // namespace amivirt::testing
