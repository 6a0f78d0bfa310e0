// Networks, ports, waiting and modifying, on fakes.
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class NetworksTest : public Bench {
protected:
    void SetUp() override {
        import("tiny");
        host.on_vain_wait([&](Duration waited) { clock.advance(waited); });
    }
    RunRequest on(const std::string& choice, std::vector<PortForward> ports = {}) {
        RunRequest wanted;
        wanted.image = "tiny";
        wanted.type = "t3.nano";
        wanted.network = choice;
        wanted.ports = std::move(ports);
        return wanted;
    }
    Instance run(const RunRequest& wanted) {
        const auto launched = instances.run(me, wanted, progress);
        EXPECT_TRUE(launched) << describe(launched.error());
        return launched ? launched->front() : Instance{};
    }
    /// The launch fails so, and nothing was made.
    Error refused(const RunRequest& wanted, Code code) {
        const auto before = rows(&CatalogSession::instances).size();
        const auto launched = instances.run(me, wanted, progress);
        EXPECT_FALSE(launched);
        const Error error = launched ? Error{} : launched.error();
        EXPECT_EQ(error.code, code) << error.message;
        EXPECT_EQ(rows(&CatalogSession::instances).size(), before);
        expect_clean();
        return error;
    }
    Instance row(const InstanceId& id) { return *instances.resolve(me, id.str()); }
    InstanceView view(const InstanceId& id) {
        const auto listing = instances.describe(me, {.ids_or_names = {id.str()}, .filters = {}, .include_terminated = true, .session = {}});
        EXPECT_TRUE(listing && listing->views.size() == 1);
        return listing->views.front();
    }
};

PortForward port(std::uint16_t host, std::uint16_t guest, const std::string& address = "127.0.0.1", const std::string& protocol = "tcp") {
    return {address, host, guest, protocol};
}

TEST_F(NetworksTest, OnANetworkNothingIsForwardedAndTheAddressIsFound) {
    const auto instance = run(on("default"));
    EXPECT_EQ(row(instance.id).network, "network:default");
    EXPECT_THAT(instance.ports, IsEmpty());
    EXPECT_EQ(hypervisor.domain(instance.id)->spec->network, (NetworkChoice{NetworkChoice::Kind::network, "default"}));
    EXPECT_EQ(*instances.reach(instance), std::nullopt);
    EXPECT_THAT(view(instance.id).addresses, IsEmpty());
    networks.lease(instance.mac_address, "192.168.122.7");
    EXPECT_EQ(*instances.reach(instance), (Reach{"192.168.122.7", 22}));
    EXPECT_THAT(view(instance.id).addresses, ElementsAre("192.168.122.7"));
    ASSERT_TRUE(instances.stop(me, instance.id.str(), seconds(1), Force::no));
    EXPECT_THAT(view(instance.id).addresses, IsEmpty()) << "who is off has none";
    EXPECT_EQ(run(on("bridge:br0")).network, "bridge:br0");
    expect_clean();
}

TEST_F(NetworksTest, OnTheUserNetworkTheForwardIsTheWay) {
    const auto instance = run(on("user", {port(0, 22, "0.0.0.0")}));
    EXPECT_EQ(*instances.reach(instance), (Reach{"127.0.0.1", instance.ports.front().host_port}));
    EXPECT_EQ(networks.script().calls("addresses"), 0U);
}

TEST_F(NetworksTest, ANetworkThatIsNotThereIsRefusedBeforeAnythingIsMade) {
    EXPECT_THAT(refused(on("defualt"), Code::resource_not_found).message, HasSubstr("network:defualt"));
    refused(on("bridge:"), Code::invalid_parameter_value);
    refused(on("default", {port(0, 80)}), Code::invalid_parameter_combination);
    networks.set_active("network:default", false);
    EXPECT_THAT(refused(on("default"), Code::incorrect_state).hint, HasSubstr("net-start default"));
    networks.script().fail("check", Error(Code::hypervisor_unavailable, "gone"));
    refused(on("bridge:br0"), Code::hypervisor_unavailable);
}

TEST_F(NetworksTest, ANetworkThatWentMeanwhileFailsTheStart) {
    const auto instance = run(on("default"));
    ASSERT_TRUE(instances.stop(me, instance.id.str(), seconds(1), Force::no));
    networks.set_active("network:default", false);
    const auto started = instances.start(me, instance.id.str(), AcceleratorRequest::automatic, progress);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::incorrect_state);
    EXPECT_EQ(state_of(instance.id), InstanceState::stopped);
    expect_clean();
}

TEST_F(NetworksTest, AClientTokenTellsNetworksApart) {
    auto wanted = on("default");
    wanted.client_token = "once";
    const auto first = run(wanted);
    wanted.network = "network:default";
    EXPECT_EQ(run(wanted).id, first.id);
    wanted.network = "user";
    EXPECT_EQ(instances.run(me, wanted, progress).error().code, Code::idempotent_parameter_mismatch);
}

TEST_F(NetworksTest, PortsThatAnotherHasAreRefusedAlsoOnAllAddresses) {
    const auto holder = run(on("user", {port(8080, 80), port(5353, 53, "0.0.0.0", "udp")}));
    EXPECT_THAT(refused(on("user", {port(8080, 80)}), Code::invalid_parameter_value).message,
                AllOf(HasSubstr("8080"), HasSubstr(holder.id.str())));
    refused(on("user", {port(8080, 80, "0.0.0.0")}), Code::invalid_parameter_value);
    refused(on("user", {port(5353, 53, "127.0.0.1", "udp")}), Code::invalid_parameter_value);
    run(on("user", {port(5353, 53)}));  // TCP is another thing
    ASSERT_TRUE(instances.stop(me, holder.id.str(), seconds(1), Force::no));
    refused(on("user", {port(8080, 81)}), Code::invalid_parameter_value);
    ASSERT_TRUE(instances.terminate(me, holder.id.str()));
    run(on("user", {port(8080, 80)}));
}

TEST_F(NetworksTest, PortsThatCannotBeAreRefused) {
    host.take_port(8080);
    EXPECT_THAT(refused(on("user", {port(8080, 80)}), Code::invalid_parameter_value).message, HasSubstr("another program"));
    refused(on("user", {port(80, 80)}), Code::invalid_parameter_value);
    refused(on("user", {port(0, 80, "10.9.8.7")}), Code::invalid_parameter_value);
    refused(on("user", {port(9090, 80), port(9090, 81, "0.0.0.0")}), Code::invalid_parameter_value);
}

TEST_F(NetworksTest, OwnPortsAreNoObstacleWhenOneIsReplaced) {
    const auto instance = run(on("user", {port(8080, 80), port(8081, 81)}));
    ASSERT_TRUE(instances.stop(me, instance.id.str(), seconds(1), Force::no));
    const auto picked = instance.ports[0].host_port;
    hypervisor.take_host_port(picked);
    host.take_port(picked);
    const auto started = instances.start(me, instance.id.str(), AcceleratorRequest::automatic, progress);
    ASSERT_TRUE(started) << describe(started.error());
    EXPECT_EQ(started->ports[1], port(8080, 80));
    EXPECT_EQ(started->ports[2], port(8081, 81));
    EXPECT_NE(started->ports[0].host_port, picked);
    expect_clean();
}

TEST_F(NetworksTest, WaitingForSshOnANetworkWaitsForTheAddressFirst) {
    const auto instance = run(on("default"));
    const auto none = instances.wait_ssh(instance.id, seconds(3));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Code::timed_out);
    EXPECT_THAT(none.error().message, HasSubstr("got no address on network:default within 3 s"));
    networks.script().before("addresses", [&] {
        if (networks.script().calls("addresses") > 30) {
            networks.lease(instance.mac_address, "192.168.122.7");
        }
    });
    host.answer_ssh(22);
    EXPECT_TRUE(instances.wait_ssh(instance.id, seconds(60)));
}

TEST_F(NetworksTest, AFailedBootTellsQemusWordsAndTheConsolesEnd) {
    const auto instance = run(on("user"));
    const auto silent = instances.wait_ssh(instance.id, seconds(3));
    ASSERT_FALSE(silent);
    EXPECT_THAT(silent.error().message, HasSubstr("; it printed nothing on its serial console"));
    EXPECT_THAT(silent.error().hint, AllOf(HasSubstr("console.log"), Not(HasSubstr("QEMU"))));
    machine_log.say(instance.id, "qemu: first\nqemu: it hurts\n");
    files.print(instance.id, "booting\nno bootable disk\n");
    const auto failed = instances.wait_ssh(instance.id, seconds(3));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Code::timed_out);
    EXPECT_THAT(failed.error().message, HasSubstr("within 3 s; QEMU said:\n  qemu: first\n  qemu: it hurts\nits console ends with:\n  "
                                                  "booting\n  no bootable disk"));
    EXPECT_THAT(failed.error().hint, HasSubstr("QEMU's log: /var/log/fake/" + instance.id.str() + ".log"));
}

TEST_F(NetworksTest, APanicEndsTheWaitAnOldOneDoesNot) {
    const auto instance = run(on("user"));
    const auto panics = [&] {
        const auto waited = instances.wait_ssh(instance.id, seconds(5));
        EXPECT_FALSE(waited);
        const bool panicked = waited.error().code == Code::incorrect_instance_state;
        EXPECT_TRUE(!panicked || waited.error().message.find("panicked") != std::string::npos) << waited.error().message;
        return panicked;
    };
    EXPECT_FALSE(panics());
    files.print(instance.id, "[    2.1] Kernel panic - not syncing: no init\n");
    EXPECT_TRUE(panics()) << "also one before the wait began";
    files.print(instance.id, "[    0.000000] Linux version 6.1.0\n");
    EXPECT_FALSE(panics()) << "it began again by itself";
    files.print(instance.id, "[    2.1] Kernel panic - not syncing: no init again\n");
    EXPECT_TRUE(panics());
    ASSERT_TRUE(instances.reboot(me, instance.id.str(), Force::yes));
    EXPECT_FALSE(panics()) << "it was rebooted";
    files.print(instance.id, "[    2.1] Kernel panic - not syncing: no init still\n");
    EXPECT_TRUE(panics());
    ASSERT_TRUE(instances.stop(me, instance.id.str(), Duration(0), Force::yes));
    ASSERT_TRUE(instances.start(me, instance.id.str(), AcceleratorRequest::automatic, progress));
    EXPECT_FALSE(panics()) << "that was another boot";
}

TEST_F(NetworksTest, WaitingForAStateEndsWhenItCannotCome) {
    const auto instance = run(on("user"));
    EXPECT_TRUE(instances.wait_state(me, instance.id, InstanceState::running, seconds(1)));
    const auto late = instances.wait_state(me, instance.id, InstanceState::stopped, seconds(2));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Code::timed_out);
    EXPECT_THAT(late.error().message, HasSubstr("is not stopped within 2 s: it is running"));
    hypervisor.guest_powers_off(instance.id);
    EXPECT_TRUE(instances.wait_state(me, instance.id, InstanceState::stopped, seconds(1)));
    ASSERT_TRUE(instances.terminate(me, instance.id.str()));
    EXPECT_TRUE(instances.wait_state(me, instance.id, InstanceState::terminated, seconds(1)));
    for (const auto state : {InstanceState::running, InstanceState::stopped}) {
        EXPECT_EQ(instances.wait_state(me, instance.id, state, seconds(1)).error().code, Code::incorrect_instance_state);
    }
    EXPECT_EQ(instances.wait_state(other, instance.id, InstanceState::running, seconds(1)).error().code,
              Code::invalid_instance_id_not_found);
}

TEST_F(NetworksTest, WaitingOutlastsALibvirtThatIsAwayForAMoment) {
    const auto instance = run(on("user"));
    hypervisor.script().fail("observe", Error(Code::hypervisor_unavailable, "restarting"));
    EXPECT_TRUE(instances.wait_state(me, instance.id, InstanceState::running, seconds(5)));
    hypervisor.script().fail_always("observe", Error(Code::hypervisor_unavailable, "gone"));
    EXPECT_EQ(instances.wait_state(me, instance.id, InstanceState::running, seconds(5)).error().code, Code::hypervisor_unavailable);
    hypervisor.script().relent("observe");
}

TEST_F(NetworksTest, WaitingForALaunchThatFailsSaysSo) {
    RunRequest wanted = on("user");
    std::optional<Error> told;
    wanted.on_reserved = [&](const std::vector<Instance>& pending) {
        // Goes on waiting in another process; here: until the launch has been undone.
        hypervisor.script().fail("start", Error(Code::hypervisor_failed, "no"));
        hypervisor.script().before("observe", [&, id = pending.front().id] {
            ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.instances().erase(id); }));
        });
        const auto waited = instances.wait_state(me, pending.front().id, InstanceState::running, seconds(5));
        hypervisor.script().before("observe", {});
        ASSERT_FALSE(waited);
        told = waited.error();
    };
    EXPECT_FALSE(instances.run(me, wanted, progress));
    ASSERT_TRUE(told);
    EXPECT_EQ(told->code, Code::incorrect_instance_state);
    EXPECT_THAT(told->message, HasSubstr("its launch failed"));
}

TEST_F(NetworksTest, ModifyNeedsAStoppedInstanceForTypeAndUserData) {
    const auto instance = run(on("user"));
    const std::string id = instance.id.str();
    for (const ModifyInstanceRequest& request :
         {ModifyInstanceRequest{.type = "t3.micro"}, ModifyInstanceRequest{.user_data = "#!/bin/sh"}}) {
        const auto changed = instances.modify(me, id, request);
        ASSERT_FALSE(changed);
        EXPECT_EQ(changed.error().code, Code::incorrect_instance_state);
    }
    // One fault, and nothing is changed.
    EXPECT_FALSE(instances.modify(me, id, {.type = "t3.micro", .termination_protected = true}));
    EXPECT_FALSE(row(instance.id).termination_protected);
    const auto running = instances.modify(me, id, {.shutdown_behavior = ShutdownBehavior::terminate, .termination_protected = true});
    ASSERT_TRUE(running) << describe(running.error());
    EXPECT_TRUE(running->termination_protected);
    EXPECT_EQ(running->shutdown_behavior, ShutdownBehavior::terminate);
    EXPECT_EQ(instances.terminate(me, id).error().code, Code::operation_not_permitted);
    expect_clean();

    ASSERT_TRUE(instances.stop(me, id, seconds(1), Force::no));
    const auto seed = files.seed(instance.id);
    const auto changed = instances.modify(me, id, {.type = "t3.micro", .user_data = "#!/bin/sh\necho changed\n"});
    ASSERT_TRUE(changed) << describe(changed.error());
    EXPECT_EQ(changed->user_data, "#!/bin/sh\necho changed\n");
    EXPECT_NE(files.seed(instance.id), seed);
    ASSERT_TRUE(instances.start(me, id, AcceleratorRequest::automatic, progress));
    EXPECT_EQ(hypervisor.domain(instance.id)->spec->memory, types.find("t3.micro")->memory);
    expect_clean();
}

TEST_F(NetworksTest, ModifyRefusesWhatIsNonsense) {
    const auto instance = run(on("user"));
    ASSERT_TRUE(instances.stop(me, instance.id.str(), seconds(1), Force::no));
    EXPECT_FALSE(instances.modify(me, instance.id.str(), {.type = "t9.none"}));
    EXPECT_FALSE(instances.modify(me, instance.id.str(), {.user_data = std::string(16385, 'x')}));
    EXPECT_EQ(instances.modify(other, instance.id.str(), {.type = "t3.nano"}).error().code, Code::invalid_instance_id_not_found);
    ASSERT_TRUE(instances.terminate(me, instance.id.str()));
    EXPECT_EQ(instances.modify(me, instance.id.str(), {.termination_protected = true}).error().code, Code::incorrect_instance_state);
    expect_clean();
}

TEST_F(NetworksTest, ModifyKilledAtAnyPointIsFinished) {
    const auto instance = run(on("user"));
    ASSERT_TRUE(instances.stop(me, instance.id.str(), seconds(1), Force::no));
    files.script().fail("create", Error(Code::io_error, "the disk is full"));
    const auto changed = instances.modify(me, instance.id.str(), {.user_data = "#!/bin/sh\necho new\n"});
    ASSERT_FALSE(changed);
    EXPECT_EQ(instances.start(me, instance.id.str(), AcceleratorRequest::automatic, progress).error().code, Code::busy)
        << "not with a seed that says something else than the catalog";
    die_and_recover();
    EXPECT_EQ(row(instance.id).user_data, "#!/bin/sh\necho new\n");
    EXPECT_THAT(*files.seed(instance.id), HasSubstr("echo new"));
    ASSERT_TRUE(instances.start(me, instance.id.str(), AcceleratorRequest::automatic, progress));
    expect_clean();
}

}  // namespace
}  // namespace amivirt::testing
