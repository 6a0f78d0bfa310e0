// Commands about networks, waiting, modifying and attaching.
#include "cli_bench.hpp"
#include "faces/cli/wait_conditions.hpp"

namespace amivirt::testing {
namespace {

using cli::Ran;
using cli::WaitFor;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class CliWaiting : public CliBench {
protected:
    void SetUp() override {
        import("tiny");
        host.on_vain_wait([&](Duration waited) { clock.advance(waited); });
    }
    std::string run(std::vector<std::string> words = {}) {
        words.insert(words.begin(), {"run", "tiny", "-o", "id"});
        EXPECT_EQ(amivirt(words), 0) << err;
        return lines().empty() ? "" : lines().front();
    }
    Json shown(const std::string& name) {
        EXPECT_EQ(amivirt({"instance", "show", name, "-o", "json"}), 0) << err;
        return json()["Reservations"][0]["Instances"][0];
    }
    Instance instance(const std::string& name) { return *instances.resolve(me, name); }
};

TEST_F(CliWaiting, WhatHasRunAndIsOffIsNotWaitedFor) {
    const auto id = instance(run()).id;
    hypervisor.guest_powers_off(id);
    const auto wait = [&](WaitFor what, Ran ran) {
        const auto waited = cli::condition_of(what).wait(services, id, ran, std::chrono::seconds(7));
        return waited ? std::nullopt : std::optional(waited.error().code);
    };
    const auto began = clock.now();
    EXPECT_EQ(wait(WaitFor::ssh, Ran::yes), Code::incorrect_instance_state);
    EXPECT_EQ(wait(WaitFor::running, Ran::yes), std::nullopt) << "it did run";
    EXPECT_LT(clock.now() - began, std::chrono::seconds(7));
    EXPECT_EQ(wait(WaitFor::ssh, Ran::perhaps), Code::timed_out) << "somebody may start it";
    EXPECT_EQ(wait(WaitFor::running, Ran::perhaps), Code::timed_out);
}

TEST_F(CliWaiting, UsageFaultsAreToldBeforeTheStoreIsOpened) {
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"instance", "wait", "web"},
                                               {"instance", "wait", "--for", "ssh"},
                                               {"instance", "wait", "web", "--for", "sshd"},
                                               {"instance", "wait", "web", "--for", "ssh", "--timeout", "soon"},
                                               {"attach"},
                                               {"attach", "a", "b"},
                                               {"attach", "a", "-o", "json"},
                                               {"run", "tiny", "--network", "bridge:"},
                                               {"run", "tiny", "--network", ""},
                                               {"run", "tiny", "-p", "localhost:1024:80"},
                                               {"instance", "modify", "web"},
                                               {"instance", "modify", "web", "--termination-protection", "maybe"},
                                               {"instance", "modify", "web", "--shutdown-behavior", "sleep"},
                                               {"instance", "modify", "web", "--ttl", "never"},
                                               {"instance", "modify", "web", "--ttl", "0s"},
                                               {"instance", "modify", "web", "--user-data", "/no/such/file"}}) {
        EXPECT_NE(amivirt(words), 0) << ::testing::PrintToString(words);
        EXPECT_EQ(opened, 0) << ::testing::PrintToString(words);
    }
}

TEST_F(CliWaiting, ANetworksAddressIsShownEverywhere) {
    const std::string id = run({"--network", "default", "--name", "web"});
    EXPECT_FALSE(shown("web").contains("PrivateIpAddress"));
    networks.lease(instance(id).mac_address, "192.168.122.7");
    const Json json = shown("web");
    EXPECT_EQ(json["PrivateIpAddress"], "192.168.122.7");
    EXPECT_EQ(json["Network"], "network:default");
    EXPECT_FALSE(json.contains("PublicIpAddress"));
    EXPECT_EQ(amivirt({"ps"}), 0);
    EXPECT_THAT(out, AllOf(HasSubstr(" 192.168.122.7:22 "), Not(HasSubstr("PORTS"))));
    EXPECT_EQ(amivirt({"instance", "show", "web"}), 0);
    EXPECT_THAT(out, AllOf(HasSubstr("network:default\n"), HasSubstr("192.168.122.7\n")));
    EXPECT_EQ(amivirt({"run", "tiny", "--network", "defualt"}), 3);
}

TEST_F(CliWaiting, PickedPortsAreInThePs) {
    const std::string id = run({"-p", "8080:80", "-p", "0:53/udp"});
    const auto picked = instance(id).ports.back().host_port;
    EXPECT_EQ(amivirt({"ps"}), 0);
    EXPECT_THAT(lines()[0], MatchesRegex("ID +NAME +IMAGE +TYPE +STATE +SSH +PORTS +AGE"));
    EXPECT_THAT(out, HasSubstr(" 127.0.0.1:8080->80, 127.0.0.1:" + std::to_string(picked) + "->53/udp "));
}

TEST_F(CliWaiting, EachIsWaitedForAndTheFirstFaultIsTheStatus) {
    const std::string one = run({"--name", "one"});
    const std::string two = run({"--name", "two"});
    EXPECT_EQ(amivirt({"instance", "wait", "one", two, "--for", "running"}), 0) << err;
    EXPECT_THAT(lines(), ElementsAre(one, two));
    hypervisor.guest_powers_off(instance(two).id);
    EXPECT_EQ(amivirt({"instance", "wait", "one", "two", "nobody", "--for", "stopped", "--timeout", "2s"}), 6);
    EXPECT_THAT(lines(), ElementsAre(two));
    EXPECT_THAT(err, AllOf(HasSubstr("is not stopped within 2 s"), HasSubstr("\"nobody\" not found")));
    host.answer_ssh(ssh_forward(instance(one))->host_port);
    EXPECT_EQ(amivirt({"instance", "wait", "one", "--for", "ssh", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Reservations"][0]["Instances"][0]["InstanceId"], one);
    EXPECT_EQ(amivirt({"terminate", "one"}), 0);
    EXPECT_EQ(amivirt({"instance", "wait", one, "--for", "ssh"}), 5);
}

TEST_F(CliWaiting, AttributesAreShownAsEc2Does) {
    const std::string id = run({"--name", "web"});
    input = "ab";
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--user-data", "-"}), 5);
    EXPECT_THAT(err, HasSubstr("hint: amivirt stop " + id));
    EXPECT_EQ(amivirt({"stop", "web"}), 0);
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--user-data", "-", "--type", "t3.micro", "--shutdown-behavior", "terminate",
                       "--termination-protection", "on", "-o", "json"}),
              0)
        << err;
    EXPECT_EQ(json()["InstanceId"], id);
    EXPECT_EQ(json()["UserData"]["Value"], "YWI=");
    EXPECT_EQ(json()["InstanceType"]["Value"], "t3.micro");
    EXPECT_EQ(json()["InstanceInitiatedShutdownBehavior"]["Value"], "terminate");
    EXPECT_EQ(json()["DisableApiTermination"]["Value"], true);
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--termination-protection", "off"}), 0) << err;
    EXPECT_EQ(out, id + "\n");
    EXPECT_EQ(amivirt({"terminate", "web"}), 0) << err;
    EXPECT_EQ(amivirt({"instance", "modify", id, "--termination-protection", "on"}), 5);
}

TEST_F(CliWaiting, ATimeToLiveIsGivenAndTaken) {
    const std::string id = run({"--name", "web"});
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--ttl", "30m", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["ExpiresAt"], to_iso8601(clock.now() + std::chrono::minutes(30)));
    EXPECT_EQ(instance(id).expires, clock.now() + std::chrono::minutes(30));
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--termination-protection", "on"}), 4);
    EXPECT_THAT(err, AllOf(HasSubstr("it has a time to live"), HasSubstr("hint: amivirt instance modify " + id + " --ttl none")));
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--ttl", "none", "--termination-protection", "on", "-o", "table"}), 0) << err;
    EXPECT_THAT(out, AllOf(HasSubstr("never"), HasSubstr("from termination")));
    EXPECT_EQ(instance(id).expires, std::nullopt);
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--ttl", "1h"}), 4);
    EXPECT_THAT(err, HasSubstr("its termination protection is on"));
}

TEST_F(CliWaiting, AttachSaysHowItEnded) {
    const std::string id = run({"--name", "web"});
    EXPECT_EQ(amivirt({"attach", "web"}), 0) << err;
    EXPECT_EQ(serial_console.attached->str(), id);
    EXPECT_THAT(err, AllOf(HasSubstr("Ctrl-]"), HasSubstr("left " + id)));
    serial_console.end = SerialConsole::End::closed;
    EXPECT_EQ(amivirt({"instance", "attach", "web"}), 0) << err;
    EXPECT_THAT(err, HasSubstr(id + " is off"));
    serial_console.taken = true;
    EXPECT_EQ(amivirt({"attach", "web"}), 5);
    EXPECT_EQ(amivirt({"attach", "web", "--force"}), 0) << err;
    EXPECT_EQ(amivirt({"stop", "web"}), 0);
    EXPECT_EQ(amivirt({"attach", "web"}), 5);
}

}  // namespace
}  // namespace amivirt::testing
