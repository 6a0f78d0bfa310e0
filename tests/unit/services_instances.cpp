// Instances on fakes: launch, stop, start, terminate, what libvirt says, recovery, two at once.
#include <thread>

#include "amivirt/base/interrupt.hpp"
#include "amivirt/services/promises.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class InstancesTest : public Bench {
protected:
    void SetUp() override { import("tiny"); }
    RunRequest request(unsigned count = 1) {
        RunRequest wanted;
        wanted.image = "tiny";
        wanted.count = count;
        wanted.type = "t3.nano";
        return wanted;
    }
    std::vector<InstanceView> views(const InstanceQuery& query = {}) {
        auto listing = instances.describe(me, query);
        EXPECT_TRUE(listing.has_value()) << describe(listing.error());
        return listing ? std::move(listing->views) : std::vector<InstanceView>{};
    }
};

TEST_F(InstancesTest, LaunchesManyOverOneLayer) {
    const auto launched = launch("tiny", 5);
    ASSERT_EQ(launched.size(), 5U);
    std::set<std::string> macs;
    std::set<std::uint16_t> ports;
    for (const auto& instance : launched) {
        EXPECT_EQ(instance.state, InstanceState::running);
        macs.insert(instance.mac_address);
        ports.insert(ssh_forward(instance)->host_port);
        const auto domain = hypervisor.domain(instance.id);
        ASSERT_TRUE(domain && domain->spec);
        EXPECT_EQ(domain->spec->store_id, catalog.store_id());
        EXPECT_EQ(domain->spec->memory, MiB{512});
        ASSERT_EQ(domain->spec->disks.size(), 1U);
        EXPECT_THAT(domain->spec->disks.front().serial, ::testing::MatchesRegex("vol[0-9a-f]{17}"));
    }
    EXPECT_EQ(macs.size(), 5U);
    EXPECT_EQ(ports.size(), 5U);
    EXPECT_EQ(store.layers().size(), 6U);
    for (const auto& volume : rows(&CatalogSession::volumes)) {
        EXPECT_EQ(volume.state, VolumeState::in_use);
        EXPECT_EQ(*store.layers().at(volume.layer).parent, rows(&CatalogSession::layers).front().id);
    }
    expect_clean();
}

TEST_F(InstancesTest, EachOfSeveralMayHaveANameOfItsOwnWhichBecomesItsHostName) {
    auto wanted = request(2);
    wanted.names = {"only one"};
    EXPECT_EQ(instances.run(me, wanted, progress).error().code, Code::invalid_parameter_combination);
    wanted.names = {"Web Server-1", "Web Server-2"};
    ASSERT_TRUE(instances.run(me, wanted, progress));
    const auto second = instances.resolve(me, "Web Server-2");
    ASSERT_TRUE(second);
    EXPECT_THAT(*files.seed(second->id), HasSubstr("hostname: web-server-2"));
    EXPECT_THAT(*files.seed(second->id), HasSubstr("zone: locala\nreservation: " + second->reservation.str() + "\ngroup: default\n"));
    EXPECT_EQ(instances.resolve(me, "web").error().code, Code::invalid_instance_id_not_found);
}

TEST_F(InstancesTest, WhatIsChangedWhileALaunchIsUnderWayStays) {
    auto wanted = request(2);
    wanted.volume_tags = {{"kept", "yes"}};
    wanted.on_reserved = [&](const std::vector<Instance>& pending) {
        for (const auto& each : pending) {
            ASSERT_TRUE(tagging.add(me, {root_of(each.id).id.str()}, {{"team", "lab"}}));
        }
        ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
            auto row = AMIVIRT_TRY(session.instances().find(pending.front().id));
            row->host_key = "another";  // as Logins does
            return session.instances().update(*row);
        }));
    };
    const auto launched = instances.run(me, wanted, progress);
    ASSERT_TRUE(launched) << describe(launched.error());
    EXPECT_EQ(launched->front().host_key, "another");
    EXPECT_EQ(views().front().instance.host_key, "another");
    for (const auto& each : *launched) {
        EXPECT_EQ(root_of(each.id).tags, (Tags{{"kept", "yes"}, {"team", "lab"}}));
        EXPECT_EQ(root_of(each.id).state, VolumeState::in_use);
    }
    expect_clean();
}

TEST_F(InstancesTest, AStartThatFailsLeavesItsReason) {
    const auto id = launch("tiny").front().id;
    ASSERT_TRUE(instances.stop(me, id.str(), Duration{0}, Force::yes));
    hypervisor.script().fail("start", {Code::hypervisor_failed, "QEMU said no"});
    InstanceState told = InstanceState::stopped;
    ASSERT_FALSE(
        instances.start(me, id.str(), AcceleratorRequest::automatic, progress, [&](const Instance& changing) { told = changing.state; }));
    EXPECT_EQ(told, InstanceState::pending);
    const auto left = views().front().instance;
    EXPECT_EQ(left.state, InstanceState::stopped);
    EXPECT_EQ(left.state_reason_code, "Server.InternalError");
    EXPECT_THAT(left.state_reason_message, ::testing::StartsWith("Server.InternalError: "));
    EXPECT_THAT(left.state_reason_message, HasSubstr("QEMU said no"));
    const auto started = instances.start(me, id.str(), AcceleratorRequest::automatic, progress);
    ASSERT_TRUE(started);
    EXPECT_EQ(started->state_reason_code, "");
    expect_clean();
}

TEST_F(InstancesTest, AllFaultsAreToldBeforeAnythingIsMade) {
    auto wanted = request(0);
    wanted.type = "t9.huge";
    wanted.user_data = std::string(16385, 'x');
    const auto refused = instances.run(me, wanted, progress);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, ::testing::AllOf(HasSubstr("3 faults"), HasSubstr("t9.huge"), HasSubstr("16385")));
    EXPECT_TRUE(rows(&CatalogSession::instances).empty());
    expect_clean();
}

TEST_F(InstancesTest, AnImageOfAnotherArchitectureIsRefused) {
    host.set_architecture(Architecture::arm64);
    const auto refused = instances.run(me, request(), progress);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, ::testing::AllOf(HasSubstr("x86_64"), HasSubstr("arm64")));
}

TEST_F(InstancesTest, IfOneCannotStartNoneStays) {
    hypervisor.script().fail("start", {Code::hypervisor_failed, "QEMU said no"}, 3);
    const auto failed = instances.run(me, request(5), progress);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Code::hypervisor_failed);
    EXPECT_TRUE(rows(&CatalogSession::instances).empty());
    EXPECT_TRUE(rows(&CatalogSession::volumes).empty());
    EXPECT_EQ(store.layers().size(), 1U);
    expect_clean();
}

TEST_F(InstancesTest, WhoeverHasTheIdsOfALaunchThatFailsFindsItsReason) {
    hypervisor.script().fail("start", {Code::hypervisor_failed, "QEMU said no"}, 2);
    auto wanted = request(3);
    std::vector<Instance> told;
    wanted.on_reserved = [&](const std::vector<Instance>& pending) { told = pending; };
    ASSERT_FALSE(instances.run(me, wanted, progress));
    ASSERT_EQ(told.size(), 3U);
    const auto left = rows(&CatalogSession::instances);
    ASSERT_EQ(left.size(), 3U);
    for (const auto& instance : left) {
        EXPECT_EQ(instance.state, InstanceState::terminated);
        EXPECT_EQ(instance.state_reason_code, "Server.InternalError");
        EXPECT_THAT(instance.state_reason_message, HasSubstr("QEMU said no"));
    }
    EXPECT_TRUE(rows(&CatalogSession::volumes).empty());
    EXPECT_TRUE(rows(&CatalogSession::operations).empty());
    EXPECT_EQ(store.layers().size(), 1U);
}

/// What a process leaves that dies in a launch whose ids it has told.
class KilledLaunchTest : public InstancesTest {
protected:
    std::vector<InstanceId> killed(RunRequest wanted) {
        std::vector<InstanceId> told;
        wanted.on_reserved = [&](const std::vector<Instance>& pending) {
            for (const Instance& each : pending) {
                told.push_back(each.id);
            }
        };
        hypervisor.script().fail("start", {Code::hypervisor_failed, "killed"});
        hypervisor.script().fail_always("remove", {Code::hypervisor_failed, "killed"});  // no undoing
        EXPECT_FALSE(instances.run(me, wanted, progress));
        hypervisor.script().relent("remove");
        EXPECT_EQ(rows(&CatalogSession::operations).size(), 1U);
        return told;
    }
};

TEST_F(KilledLaunchTest, IsDoneAgain) {
    const auto told = killed(request(2));
    ASSERT_EQ(told.size(), 2U);
    die_and_recover();
    const auto left = rows(&CatalogSession::instances);
    ASSERT_EQ(left.size(), 2U);
    for (const auto& instance : left) {
        EXPECT_THAT(told, ::testing::Contains(instance.id));
        EXPECT_EQ(instance.state, InstanceState::running);
        InstanceQuery query;
        query.ids_or_names = {instance.id.str()};
        const auto view = instances.describe(me, query);
        ASSERT_TRUE(view);
        EXPECT_EQ(view->views.at(0).observed, DomainState::running);
    }
    for (const auto& volume : rows(&CatalogSession::volumes)) {
        EXPECT_EQ(volume.state, VolumeState::in_use);
    }
    EXPECT_TRUE(rows(&CatalogSession::operations).empty());
    for (const auto& id : told) {
        ASSERT_TRUE(instances.terminate(me, id.str()));
    }
    EXPECT_EQ(store.layers().size(), 1U);
}

TEST_F(KilledLaunchTest, ThatFailsTheSecondTimeIsTerminatedWithTheReason) {
    const auto told = killed(request(2));
    hypervisor.script().fail("start", {Code::hypervisor_failed, "QEMU said no"}, 2);
    die_and_recover();
    const auto left = rows(&CatalogSession::instances);
    ASSERT_EQ(left.size(), 2U);
    for (const auto& instance : left) {
        EXPECT_EQ(instance.state, InstanceState::terminated);
        EXPECT_THAT(instance.state_reason_message, HasSubstr("QEMU said no"));
    }
    EXPECT_TRUE(rows(&CatalogSession::operations).empty());
    EXPECT_EQ(store.layers().size(), 1U);
}

TEST_F(KilledLaunchTest, WaitsForLibvirt) {
    static_cast<void>(killed(request()));
    hypervisor.become_unavailable();
    const auto left = reconciler.recover();
    ASSERT_TRUE(left);
    EXPECT_EQ(left->size(), 1U);
    hypervisor.become_available();
    die_and_recover();
    EXPECT_EQ(rows(&CatalogSession::instances).front().state, InstanceState::running);
}

TEST_F(KilledLaunchTest, IsDoneAgainOnlyOnce) {
    static_cast<void>(killed(request()));
    hypervisor.script().fail_always("remove", {Code::hypervisor_failed, "killed"});
    const auto left = reconciler.recover();
    ASSERT_TRUE(left);
    EXPECT_EQ(left->size(), 1U) << "killed in the second launch, too";
    hypervisor.script().relent("remove");
    die_and_recover();
    const auto found = rows(&CatalogSession::instances);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found.front().state, InstanceState::terminated);
    EXPECT_THAT(found.front().state_reason_message, HasSubstr("broken off"));
    EXPECT_EQ(store.layers().size(), 1U);
}

TEST_F(KilledLaunchTest, WhatIsNotInTheCatalogIsNotDoneAgain) {
    auto wanted = request();
    wanted.inject = Inject::yes;
    static_cast<void>(killed(wanted));
    die_and_recover();
    EXPECT_EQ(rows(&CatalogSession::instances).front().state, InstanceState::terminated);
}

TEST_F(InstancesTest, AFullDiskUndoesTheLaunch) {
    store.script().fail("create", {Code::store_full, "no space left"}, 2);
    EXPECT_EQ(instances.run(me, request(3), progress).error().code, Code::store_full);
    EXPECT_TRUE(rows(&CatalogSession::instances).empty());
    expect_clean();
}

TEST_F(InstancesTest, AnInterruptUndoesTheLaunch) {
    hypervisor.script().before("start", [] { throw Interrupted{15}; });
    EXPECT_THROW((void)instances.run(me, request(2), progress), Interrupted);
    EXPECT_TRUE(rows(&CatalogSession::instances).empty());
    expect_clean();
}

TEST_F(InstancesTest, APortTakenBetweenLookAndBindIsReplaced) {
    ids.script_random({0, 0, 0});
    bool first = true;
    hypervisor.script().before("start", [&] {
        if (first) {
            first = false;
            const auto port = ssh_forward(rows(&CatalogSession::instances).front())->host_port;
            hypervisor.take_host_port(port);
            host.take_port(port);
        }
    });
    const auto launched = launch("tiny");
    ASSERT_EQ(launched.size(), 1U);
    const auto port = ssh_forward(launched.front())->host_port;
    EXPECT_EQ(hypervisor.domain(launched.front().id)->spec->ports.front().host_port, port);
    EXPECT_EQ(ssh_forward(rows(&CatalogSession::instances).front())->host_port, port);
    EXPECT_THAT(progress.notes(), Contains(HasSubstr("is taken, using")));
}

TEST_F(InstancesTest, OnlyAPortThatWasPickedIsReplacedAtAStart) {
    auto wanted = request();
    wanted.ports = {PortForward{"127.0.0.1", 8080, 80, "tcp"}, PortForward{"127.0.0.1", 0, 81, "tcp"}};
    const auto launched = instances.run(me, wanted, progress);
    ASSERT_TRUE(launched) << describe(launched.error());
    const auto& ports = launched->front().ports;
    ASSERT_EQ(ports.size(), 3U);
    EXPECT_TRUE(ports[0].picked && !ports[1].picked && ports[2].picked);
    const auto id = launched->front().id.str();
    const auto take = [&](std::uint16_t port) {
        host.take_port(port);
        hypervisor.take_host_port(port);
    };
    ASSERT_TRUE(instances.stop(me, id, Duration{0}, Force::yes));
    take(ports[2].host_port);
    ASSERT_TRUE(instances.start(me, id, AcceleratorRequest::automatic, progress));
    const auto after = rows(&CatalogSession::instances).front().ports;
    EXPECT_EQ(after[0], ports[0]);
    EXPECT_EQ(after[1], ports[1]);
    EXPECT_NE(after[2].host_port, ports[2].host_port);
    EXPECT_TRUE(after[2].picked);
    ASSERT_TRUE(instances.stop(me, id, Duration{0}, Force::yes));
    take(8080);
    const auto refused = instances.start(me, id, AcceleratorRequest::automatic, progress);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::insufficient_instance_capacity);
    EXPECT_THAT(refused.error().message, HasSubstr("port 8080/tcp of 127.0.0.1 is taken by another program"));
    EXPECT_EQ(rows(&CatalogSession::instances).front().ports, after);
    EXPECT_EQ(rows(&CatalogSession::instances).front().state, InstanceState::stopped);
    expect_clean();
}

TEST_F(InstancesTest, AFixedPortThatIsTakenIsAnErrorBeforeAnythingIsMade) {
    auto wanted = request();
    wanted.ports = {PortForward{"127.0.0.1", 8080, 80, "tcp"}};
    wanted.client_token = "once";
    const auto first = instances.run(me, wanted, progress);
    ASSERT_TRUE(first);
    EXPECT_EQ(instances.run(me, wanted, progress)->front().id, first->front().id) << "they have the port themselves";
    wanted.client_token.clear();
    wanted.dry_run = DryRun::yes;
    wanted.ports.front().address = "0.0.0.0";
    const auto told = instances.run(me, wanted, progress);
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().code, Code::invalid_parameter_value) << "a dry run, too";
    EXPECT_THAT(told.error().message, HasSubstr("is forwarded to instance \"" + first->front().id.str()));
    wanted.leaving = {first->front().id};
    EXPECT_EQ(instances.run(me, wanted, progress).error().code, Code::dry_run_operation);
    wanted = request();
    wanted.ports = {PortForward{"127.0.0.1", 8080, 80, "tcp"}};
    const auto clash = instances.run(me, wanted, progress);
    ASSERT_FALSE(clash);
    EXPECT_THAT(clash.error().message, HasSubstr("8080"));
    host.take_port(9090);
    wanted.ports.front().host_port = 9090;
    EXPECT_THAT(instances.run(me, wanted, progress).error().message, HasSubstr("9090"));
    EXPECT_EQ(instances
                  .run(
                      me,
                      [&] {
                          auto two = wanted;
                          two.count = 2;
                          return two;
                      }(),
                      progress)
                  .error()
                  .code,
              Code::invalid_parameter_combination);
    EXPECT_EQ(hypervisor.domains().size(), 1U);
    expect_clean();
}

TEST_F(InstancesTest, AClientTokenStandsForWhatWasAskedFor) {
    auto wanted = request(2);
    wanted.client_token = "once";
    wanted.asked = 3;  // there was room for two
    const auto first = instances.run(me, wanted, progress);
    wanted.count = 3;
    const auto again = instances.run(me, wanted, progress);
    ASSERT_TRUE(first && again);
    EXPECT_EQ(again->size(), 2U);
    EXPECT_EQ(first->front().id, again->front().id);
    expect_clean();
}

TEST_F(InstancesTest, OptionsAreKeptBesideTheInstance) {
    auto wanted = request(1);
    wanted.options.stop_protected = true;
    wanted.options.cpu_credits = CpuCredits::standard;
    wanted.options.metadata.hop_limit = 2;
    const auto run = instances.run(me, wanted, progress);
    ASSERT_TRUE(run);
    const auto id = run->front().id.str();
    EXPECT_EQ(instances.options(me, id).value(), wanted.options);
    EXPECT_EQ(instances.stop(me, id, Duration{0}, Force::yes).error().code, Code::operation_not_permitted);
    // A change leaves what it does not speak of, and with what cannot be now nothing is changed.
    ModifyInstanceRequest change;
    change.options.monitored = true;
    ASSERT_TRUE(instances.modify(me, id, change));
    wanted.options.monitored = true;
    EXPECT_EQ(instances.options(me, id).value(), wanted.options);
    change.options.monitored = false;
    change.options.ena_support = false;
    EXPECT_EQ(instances.modify(me, id, change).error().code, Code::incorrect_instance_state);
    change.options = {};
    change.options.hop_limit = 65;
    EXPECT_EQ(instances.modify(me, id, change).error().code, Code::invalid_parameter_value);
    EXPECT_EQ(instances.options(me, id).value(), wanted.options);
    EXPECT_EQ(instances.describe(me, {}).value().views.front().options, wanted.options);
    // All default: no record of its own.
    change.options = {};
    change.options.stop_protected = false;
    ASSERT_TRUE(instances.modify(me, id, change));
    ASSERT_TRUE(instances.stop(me, id, Duration{0}, Force::yes));
    expect_clean();
}

TEST_F(InstancesTest, OptionsThatCannotBeReadDoNotHideTheInstance) {
    const auto run = instances.run(me, request(2), progress);
    ASSERT_TRUE(run);
    const auto write = [&](const InstanceId& id, const std::string& body) {
        return catalog.write([&](CatalogSession& session) {
            return session.documents().insert({"instance-options/" + id.str(), "instance-options", me.str(), body, clock.now()});
        });
    };
    ASSERT_TRUE(write((*run)[0].id, "no JSON"));
    ASSERT_TRUE(write((*run)[1].id, R"({"monitored": true})"));  // an older program knew no more
    EXPECT_EQ(instances.options(me, (*run)[0].id.str()).error().code, Code::store_corrupt);
    const auto listing = instances.describe(me, {});
    ASSERT_TRUE(listing);
    ASSERT_EQ(listing->views.size(), 2U);
    EXPECT_EQ(listing->views[0].options, InstanceOptions());
    EXPECT_TRUE(listing->views[1].options.monitored);
    EXPECT_TRUE(listing->views[1].options.ena_support);
}

TEST_F(InstancesTest, AClientTokenRepeatsOrMismatches) {
    auto wanted = request(2);
    wanted.client_token = "once";
    const auto first = instances.run(me, wanted, progress);
    const auto again = instances.run(me, wanted, progress);
    ASSERT_TRUE(first && again);
    EXPECT_EQ(first->front().id, again->front().id);
    EXPECT_EQ(hypervisor.domains().size(), 2U);
    wanted.count = 1;
    EXPECT_EQ(instances.run(me, wanted, progress).error().code, Code::idempotent_parameter_mismatch);
    expect_clean();
}

TEST_F(InstancesTest, AClientTokenRepeatsWhatItsImageAndKeyPairAreGoneOf) {
    ASSERT_TRUE(key_pairs.create(me, "key", KeyType::ed25519, {}));
    const auto image = rows(&CatalogSession::images).front();
    auto wanted = request();
    wanted.image = image.id.str();
    wanted.key_name = "key";
    wanted.mapping = {*parse_block_device("/dev/sdb=" + snapshots_of(image).at(0).str())};
    wanted.client_token = "once";
    auto named = request();
    named.client_token = "by name";
    const auto first = instances.run(me, wanted, progress);
    const auto second = instances.run(me, named, progress);
    ASSERT_TRUE(first && second);
    ASSERT_TRUE(key_pairs.remove(me, "key"));
    ASSERT_TRUE(images.deregister(me, image.id.str(), DeleteSnapshots::yes));
    ASSERT_FALSE(instances.run(me, request(), progress));
    const auto again = instances.run(me, wanted, progress);
    ASSERT_TRUE(again) << describe(again.error());
    ASSERT_EQ(again->size(), 1U);
    EXPECT_EQ(again->front().id, first->front().id);
    const auto again_named = instances.run(me, named, progress);
    ASSERT_TRUE(again_named) << describe(again_named.error());
    EXPECT_EQ(again_named->front().id, second->front().id);
    EXPECT_EQ(hypervisor.domains().size(), 2U);

    auto dry = wanted;
    dry.dry_run = DryRun::yes;
    EXPECT_EQ(instances.run(me, dry, progress).error().code, Code::dry_run_operation);
    auto other = wanted;
    other.type = "t3.small";
    EXPECT_EQ(instances.run(me, other, progress).error().code, Code::idempotent_parameter_mismatch);
    other = wanted;
    other.image = "ami-0123456789abcdef0";
    EXPECT_EQ(instances.run(me, other, progress).error().code, Code::idempotent_parameter_mismatch);
    other.client_token = "another";
    EXPECT_EQ(instances.run(me, other, progress).error().code, Code::invalid_ami_id_not_found);
    expect_clean();
}

TEST_F(InstancesTest, ADryRunMakesNothing) {
    auto wanted = request();
    wanted.dry_run = DryRun::yes;
    EXPECT_EQ(instances.run(me, wanted, progress).error().code, Code::dry_run_operation);
    EXPECT_TRUE(rows(&CatalogSession::instances).empty());
}

TEST_F(InstancesTest, AMappingAddsVolumesThatMayOutliveTheInstance) {
    auto wanted = request();
    wanted.mapping = {*parse_block_device("/dev/sdb=:20"), *parse_block_device("/dev/sdc=:5:true")};
    const auto launched = instances.run(me, wanted, progress);
    ASSERT_TRUE(launched);
    const auto shown = views();
    ASSERT_EQ(shown.front().volumes.size(), 3U);
    EXPECT_TRUE(shown.front().volumes[0].attachment->is_root);
    EXPECT_EQ(shown.front().volumes[1].size, GiB{20});
    ASSERT_TRUE(instances.terminate(me, launched->front().id.str()));
    const auto left = rows(&CatalogSession::volumes);
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left.front().size, GiB{20});
    EXPECT_EQ(left.front().state, VolumeState::available);
    expect_clean();
}

TEST_F(InstancesTest, StopAsksThenPullsThePlugAndStartGoesOnFromTheSameVolume) {
    const auto id = launch("tiny").front().id;
    const auto volume = rows(&CatalogSession::volumes).front().id;
    auto stopped = instances.stop(me, id.str(), std::chrono::seconds(60), Force::no);
    ASSERT_TRUE(stopped) << describe(stopped.error());
    EXPECT_EQ(stopped->state, InstanceState::stopped);
    EXPECT_EQ(stopped->state_reason_code, "Client.UserInitiatedShutdown");
    EXPECT_EQ(hypervisor.script().calls("power_off"), 0U);
    EXPECT_TRUE(instances.stop(me, id.str(), std::chrono::seconds(60), Force::no)) << "again is done";
    EXPECT_EQ(instances.reboot(me, id.str(), Force::no).error().code, Code::incorrect_instance_state);
    const auto started = instances.start(me, id.str(), AcceleratorRequest::automatic, progress);
    ASSERT_TRUE(started);
    EXPECT_EQ(started->state, InstanceState::running);
    EXPECT_EQ(rows(&CatalogSession::volumes).front().id, volume);

    hypervisor.set_guest(id, fakes::AcpiAnswer::ignores);
    ASSERT_TRUE(instances.stop(me, id.str(), std::chrono::seconds(25), Force::no));
    EXPECT_EQ(hypervisor.script().calls("power_off"), 1U);
    EXPECT_GE(hypervisor.domain(id)->shutdown_requests, 3U) << "pressed again while booting";
    expect_clean();
}

TEST_F(InstancesTest, AnInterruptedStopLeavesItRunning) {
    const auto id = launch("tiny").front().id;
    hypervisor.set_guest(id, fakes::AcpiAnswer::ignores);
    clock.after(std::chrono::seconds(3), [] { throw Interrupted{2}; });
    EXPECT_THROW((void)instances.stop(me, id.str(), std::chrono::seconds(60), Force::no), Interrupted);
    EXPECT_EQ(state_of(id), InstanceState::running);
    expect_clean();
}

TEST_F(InstancesTest, AStartThatFailsLeavesItStopped) {
    const auto id = launch("tiny").front().id;
    ASSERT_TRUE(instances.stop(me, id.str(), Duration{0}, Force::yes));
    hypervisor.script().fail("start", {Code::hypervisor_failed, "QEMU said no"});
    EXPECT_EQ(instances.start(me, id.str(), AcceleratorRequest::automatic, progress).error().code, Code::hypervisor_failed);
    EXPECT_EQ(state_of(id), InstanceState::stopped);
    expect_clean();
}

TEST_F(InstancesTest, TerminateIsIdempotentAndShownForAnHour) {
    const auto id = launch("tiny").front().id;
    ASSERT_TRUE(instances.terminate(me, id.str()));
    EXPECT_TRUE(instances.terminate(me, id.str()));
    EXPECT_TRUE(views().empty());
    InstanceQuery all;
    all.include_terminated = true;
    EXPECT_EQ(views(all).size(), 1U);
    clock.advance(std::chrono::minutes(61));
    EXPECT_TRUE(views(all).empty());
    EXPECT_EQ(instances.terminate(me, id.str()).error().code, Code::invalid_instance_id_not_found);
    expect_clean();
}

TEST_F(InstancesTest, WhatLibvirtSeesIsWrittenDown) {
    const auto ids_of = launch("tiny", 3);
    hypervisor.guest_powers_off(ids_of[0].id);
    hypervisor.crash(ids_of[1].id);
    const auto shown = views();
    ASSERT_EQ(shown.size(), 3U);
    EXPECT_EQ(shown[0].instance.state_reason_code, "Client.InstanceInitiatedShutdown");
    EXPECT_EQ(shown[1].instance.state_reason_code, "Server.InternalError");
    EXPECT_EQ(shown[2].instance.state, InstanceState::running);
    EXPECT_EQ(state_of(ids_of[1].id), InstanceState::stopped);
    EXPECT_EQ(hypervisor.script().calls("observe"), 3U) << "one call for all, and one for each that changed, once it is claimed";
    expect_clean();
}

TEST_F(InstancesTest, AGuestMayTerminateItself) {
    auto wanted = request();
    wanted.shutdown_behavior = ShutdownBehavior::terminate;
    const auto id = instances.run(me, wanted, progress)->front().id;
    hypervisor.guest_powers_off(id);
    EXPECT_TRUE(views().empty());
    EXPECT_EQ(state_of(id), InstanceState::terminated);
    expect_clean();
}

TEST_F(InstancesTest, AGuestThatWasAskedToGoDoesNotTerminateItself) {
    auto wanted = request();
    wanted.shutdown_behavior = ShutdownBehavior::terminate;
    const auto id = instances.run(me, wanted, progress)->front().id;
    hypervisor.set_guest(id, fakes::AcpiAnswer::ignores);
    clock.after(std::chrono::seconds(3), [] { throw Interrupted{2}; });
    EXPECT_THROW((void)instances.stop(me, id.str(), std::chrono::seconds(60), Force::no), Interrupted);
    EXPECT_EQ(state_of(id), InstanceState::running);
    EXPECT_EQ(views().size(), 1U) << "looked at while it goes down";
    hypervisor.guest_powers_off(id);
    ASSERT_EQ(views().size(), 1U);
    EXPECT_EQ(state_of(id), InstanceState::stopped) << "the stop that broke off has shut it down";
    EXPECT_EQ(views().front().instance.state_reason_code, "Client.UserInitiatedShutdown");

    ASSERT_TRUE(instances.start(me, id.str(), AcceleratorRequest::automatic, progress));
    EXPECT_EQ(views().front().instance.state_reason_code, "");
    hypervisor.guest_powers_off(id);
    EXPECT_TRUE(views().empty());
    EXPECT_EQ(state_of(id), InstanceState::terminated);
    expect_clean();
}

/// Another daemon was asked than the one that runs it.
TEST_F(InstancesTest, WhatLibvirtKnowsNothingOfLosesNothing) {
    types.add({"m1.small", 1, MiB{1740}, 2, GiB{1}});
    auto wanted = request();
    wanted.type = "m1.small";
    wanted.mapping = {*parse_block_device("/dev/sdb=ephemeral0")};
    const auto launched = instances.run(me, wanted, progress);
    ASSERT_TRUE(launched) << describe(launched.error());
    const auto id = launched->front().id;
    ASSERT_THAT(files.ephemeral_disks(id).value(), SizeIs(1));
    ASSERT_TRUE(hypervisor.remove(id));
    EXPECT_EQ(views().size(), 1U);
    EXPECT_EQ(state_of(id), InstanceState::stopped);
    EXPECT_THAT(files.ephemeral_disks(id).value(), SizeIs(1)) << "its guest may run, and write to it";
    ASSERT_TRUE(instances.terminate(me, id.str()));
    expect_clean();

    ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
        auto image = AMIVIRT_TRY(session.images().list()).records.front();
        image.root_device_type = RootDeviceType::instance_store;
        return session.images().update(image);
    }));
    const auto on_instance_store = launch("tiny").front().id;
    ASSERT_TRUE(hypervisor.remove(on_instance_store));
    EXPECT_EQ(views().size(), 1U);
    EXPECT_EQ(state_of(on_instance_store), InstanceState::running) << "its root would be gone";
    ASSERT_TRUE(instances.terminate(me, on_instance_store.str()));
    expect_clean();
}

TEST_F(InstancesTest, WhoeverWantsItOtherwiseTakesBackWhatWasPromised) {
    Promises promises(catalog, clock, log);
    const auto id = launch("tiny").front().id;
    promises.keep({id.str(), me, "start it"});
    ASSERT_TRUE(instances.stop(me, id.str(), Duration{0}, Force::yes, [](const Instance&) {}));
    EXPECT_THAT(promises.open().value(), SizeIs(1)) << "who tells somebody promises anew";
    promises.keep({id.str(), me, "stop it"});
    ASSERT_TRUE(instances.start(me, id.str(), AcceleratorRequest::automatic, progress));
    EXPECT_THAT(promises.open().value(), IsEmpty());
    promises.keep({id.str(), me, "start it"});
    ASSERT_TRUE(instances.start(me, id.str(), AcceleratorRequest::automatic, progress)) << "it runs already";
    EXPECT_THAT(promises.open().value(), IsEmpty());
}

TEST_F(InstancesTest, WhenLibvirtCannotBeAskedNothingIsGuessed) {
    const auto id = launch("tiny").front().id;
    hypervisor.become_unavailable();
    const auto listing = instances.describe(me, {});
    ASSERT_TRUE(listing);
    EXPECT_EQ(listing->hypervisor_error->code, Code::hypervisor_unavailable);
    EXPECT_FALSE(listing->views.front().observed);
    EXPECT_EQ(state_of(id), InstanceState::running);
    EXPECT_EQ(instances.terminate(me, id.str()).error().code, Code::hypervisor_unavailable);
    hypervisor.become_available();
    // The failed terminate is an operation without a living owner: the next command finishes it.
    const auto left = reconciler.recover();
    ASSERT_TRUE(left);
    EXPECT_TRUE(left->empty());
    EXPECT_EQ(state_of(id), InstanceState::terminated);
    expect_clean();
}

TEST_F(InstancesTest, WithoutLibvirtALaunchMakesNothing) {
    hypervisor.become_unavailable();
    EXPECT_EQ(instances.run(me, request(2), progress).error().code, Code::hypervisor_unavailable);
    EXPECT_TRUE(rows(&CatalogSession::instances).empty());
    EXPECT_TRUE(rows(&CatalogSession::operations).empty());
    EXPECT_EQ(store.layers().size(), 1U);
}

TEST_F(InstancesTest, ADeadLaunchIsUndoneOnceLibvirtAnswers) {
    hypervisor.script().before("start", [&] { hypervisor.become_unavailable(); });
    EXPECT_FALSE(instances.run(me, request(2), progress));
    liveness.kill_all();
    auto left = reconciler.recover();
    ASSERT_TRUE(left);
    EXPECT_EQ(left->size(), 1U) << "not yet, and it says so";
    EXPECT_EQ(rows(&CatalogSession::instances).size(), 2U);
    hypervisor.become_available();
    left = reconciler.recover();
    ASSERT_TRUE(left);
    EXPECT_TRUE(left->empty());
    EXPECT_TRUE(rows(&CatalogSession::instances).empty());
    expect_clean();
}

TEST_F(InstancesTest, DomainsOfOursThatNoRecordKnowsAreRemovedAndOthersAreLeft) {
    const std::string orphan = "i-000000000000000ff";
    const std::string foreign = "i-000000000000000fe";
    const std::string of_a_copy = "i-000000000000000fd";
    hypervisor.add_domain(orphan, catalog.store_id(), DomainState::running);
    ASSERT_TRUE(files.create(*InstanceId::parse(orphan), "seed"));
    hypervisor.add_domain(of_a_copy, catalog.store_id(), DomainState::running);
    hypervisor.add_domain(foreign, "another store", DomainState::running);
    hypervisor.add_domain("somebody", "", DomainState::running);
    EXPECT_TRUE(views().empty());
    const auto left = hypervisor.domains();
    EXPECT_FALSE(left.contains(orphan));
    EXPECT_TRUE(left.contains(of_a_copy)) << "a copied store has the same id, and none of its files here";
    EXPECT_TRUE(left.contains(foreign));
    EXPECT_TRUE(left.contains("somebody"));
}

TEST_F(InstancesTest, AnUnreadableRecordIsReportedAndItsMachineLeftAlone) {
    const auto launched = launch("tiny", 2);
    catalog.make_unreadable(launched[0].id.str());
    const auto listing = instances.describe(me, {});
    ASSERT_TRUE(listing) << describe(listing.error());
    EXPECT_EQ(listing->unreadable.size(), 1U);
    EXPECT_EQ(listing->views.size(), 1U);
    EXPECT_EQ(hypervisor.domains().size(), 2U);
}

TEST_F(InstancesTest, ASecondCallerWaitsOrIsToldWhoIsBusy) {
    const auto id = launch("tiny").front().id;
    hypervisor.set_guest(id, fakes::AcpiAnswer::ignores);
    std::optional<Error> busy;
    // In the middle of the stop's waiting another process wants to start it, and runs out of patience.
    clock.after(std::chrono::seconds(1), [&] {
        const auto refused = instances.start(me, id.str(), AcceleratorRequest::automatic, progress);
        if (!refused) {
            busy = refused.error();
        }
    });
    ASSERT_TRUE(instances.stop(me, id.str(), std::chrono::seconds(300), Force::no));
    ASSERT_TRUE(busy);
    EXPECT_EQ(busy->code, Code::busy);
    EXPECT_THAT(busy->message, ::testing::AllOf(HasSubstr("busy running StopInstances"), HasSubstr(id.str()), HasSubstr("4711")));
    EXPECT_EQ(state_of(id), InstanceState::stopped);
    expect_clean();
}

TEST_F(InstancesTest, ManyLaunchesAtOnceDoNotCollide) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 5; ++k) {
                const auto launched = launch("tiny", 3);
                ASSERT_EQ(launched.size(), 3U);
                EXPECT_TRUE(instances.terminate(me, launched.front().id.str()));
            }
        });
    }
    threads.clear();
    EXPECT_EQ(hypervisor.domains().size(), 40U);
    expect_clean();
}

TEST_F(InstancesTest, WaitingForSshEndsWithAnAnswerATimeOutOrAPowerOff) {
    const auto instance = launch("tiny").front();
    host.on_vain_wait([&](Duration waited) { clock.advance(waited); });
    auto waited = instances.wait_ssh(instance.id, std::chrono::seconds(12));
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error().code, Code::timed_out);
    EXPECT_THAT(waited.error().message, HasSubstr("12 s"));
    host.answer_ssh(ssh_forward(instance)->host_port);
    EXPECT_TRUE(instances.wait_ssh(instance.id, std::chrono::seconds(12)));
    const auto other_instance = launch("tiny").front();
    host.on_vain_wait([&](Duration) { hypervisor.guest_powers_off(other_instance.id); });
    files.print(other_instance.id, "booting\r\n\x1B[1;31mkernel panic\x1B[0m: no root\r\n\r\n");
    const auto off = instances.wait_ssh(other_instance.id, std::chrono::seconds(12));
    ASSERT_FALSE(off);
    EXPECT_EQ(off.error().code, Code::incorrect_instance_state);
    EXPECT_THAT(off.error().message,
                HasSubstr("switched itself off before SSH answered; its console ends with:\n  booting\n  kernel panic: no root"));
}

TEST_F(InstancesTest, ATerminateProtectedInstanceStays) {
    const auto instance = launch("tiny").front();
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
        auto changed = instance;
        changed.termination_protected = true;
        return session.instances().update(changed);
    }));
    EXPECT_EQ(instances.terminate(me, instance.id.str()).error().code, Code::operation_not_permitted);
    EXPECT_EQ(state_of(instance.id), InstanceState::running);
    expect_clean();
}

TEST_F(InstancesTest, OthersDoNotSeeMine) {
    const auto id = launch("tiny").front().id;
    const auto listing = instances.describe(other, {});
    ASSERT_TRUE(listing);
    EXPECT_TRUE(listing->views.empty());
    EXPECT_EQ(instances.terminate(other, id.str()).error().code, Code::invalid_instance_id_not_found);
}

}  // namespace
}  // namespace amivirt::testing
