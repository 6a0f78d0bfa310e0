// run -- COMMAND, leases, sessions, reap and reset: what is said, the exit status, and what is left behind.
#include <fmt/format.h>

#include "amivirt/base/interrupt.hpp"
#include "cli_bench.hpp"
#include "faces/cli/one_shot_options.hpp"

namespace amivirt::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class CliOneShot : public CliBench {
protected:
    void SetUp() override {
        import("tiny");
        host.answer_ssh(22022);
    }
    /// `amivirt run tiny` with what a test adds, on a port that answers.
    int run(std::vector<std::string> options, const std::vector<std::string>& command) {
        std::vector<std::string> tokens{"run", "tiny", "--type", "t3.nano", "-p", "22022:22"};
        tokens.insert(tokens.end(), options.begin(), options.end());
        if (!command.empty()) {
            tokens.emplace_back("--");
            tokens.insert(tokens.end(), command.begin(), command.end());
        }
        return amivirt(tokens);
    }
    void refused(int status, const std::string& says) {
        EXPECT_THAT(err, HasSubstr(says));
        EXPECT_EQ(out, "");
        EXPECT_EQ(status, 2) << err;
        EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
    }
};

TEST_F(CliOneShot, TheStatusIsTheCommandsOwnAndStdoutToo) {
    shell.answer([](const ShellCommand& command) -> Result<int> { return command.words.size() == 3 ? 42 : 127; });
    EXPECT_EQ(run({"--rm", "--env", "A=b=c", "--env", "B=", "--timeout", "90s"}, {"sh", "-c", "exit 42"}), 42);
    EXPECT_EQ(out, "");
    EXPECT_EQ(err, "");
    const auto call = shell.calls().back();
    EXPECT_THAT(call.command.words, ElementsAre("sh", "-c", "exit 42"));
    EXPECT_THAT(call.command.environment, ElementsAre(Pair("A", "b=c"), Pair("B", "")));
    EXPECT_EQ(call.command.timeout, std::chrono::seconds(90));
    EXPECT_FALSE(call.command.terminal);
    EXPECT_EQ(run({"--rm"}, {"--no-such-command"}), 127) << "what follows -- is no option of ours";
    EXPECT_THAT(shell.calls().back().command.words, ElementsAre("--no-such-command"));
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
    expect_clean();
}

TEST_F(CliOneShot, WithoutRmTheMachineStaysAndIsNamed) {
    EXPECT_EQ(run({"--name", "web"}, {"true"}), 0);
    EXPECT_EQ(out, "");
    const auto stayed = rows(&CatalogSession::instances);
    ASSERT_THAT(stayed, SizeIs(1));
    EXPECT_THAT(err, HasSubstr(stayed.front().id.str()));
    EXPECT_EQ(name_tag(stayed.front().tags), "web");
}

TEST_F(CliOneShot, AsWhomAndWithWhichKey) {
    ASSERT_TRUE(key_files.write_new("/keys/mine", "a key"));
    EXPECT_EQ(run({"--rm", "--user", "bob", "-i", "/keys/mine"}, {"true"}), 0) << err;
    EXPECT_EQ(shell.calls().back().target.user, "bob");
    EXPECT_EQ(shell.calls().back().target.identity_file, "/keys/mine");
    refused(run({"--rm", "-i", "/keys/none"}, {"true"}), "\"/keys/none\" is not there");
    refused(amivirt({"run", "tiny", "-u", "bob"}), "--user is for a command");
    refused(amivirt({"run", "tiny", "-i", "mine"}), "--identity is for a command");
    expect_clean();
}

TEST_F(CliOneShot, FilesGoInAndOut) {
    EXPECT_EQ(run({"--rm", "--copy-in", "/etc/hostname:/tmp/name", "--copy-out", "/tmp/log:/tmp/amivirt-log"}, {"true"}), 0) << err;
    std::vector<std::string> calls;
    for (const auto& call : shell.calls()) {
        calls.push_back(call.what);
    }
    EXPECT_THAT(calls, ElementsAre("in /etc/hostname /tmp/name", "run true", "out /tmp/log /tmp/amivirt-log"));
    shell.script().fail("copy_out", Error(Code::login_failed, "no such file"));
    EXPECT_EQ(run({"--rm", "--copy-out", "/tmp/log:log"}, {"true"}), 1);
    EXPECT_THAT(err, HasSubstr("no such file"));
    shell.script().fail("copy_out", Error(Code::login_failed, "no such file"));
    shell.answer([](const ShellCommand&) -> Result<int> { return 9; });
    EXPECT_EQ(run({"--rm", "--copy-out", "/tmp/log:log"}, {"false"}), 9) << "the command's own comes first";
    EXPECT_THAT(err, HasSubstr("no such file"));
    expect_clean();
}

TEST_F(CliOneShot, ATimeoutIsSix) {
    shell.script().fail("run", Error(Code::timed_out, "the command took longer than 10 s"));
    EXPECT_EQ(run({"--rm", "--timeout", "10s"}, {"sleep", "99"}), 6);
    EXPECT_THAT(err, HasSubstr("\"sleep\" did not end within 10 s (TimedOut)"));
    expect_clean();
}

TEST_F(CliOneShot, BadWordsAreToldBeforeAnythingIsMade) {
    refused(amivirt({"run", "tiny", "uname"}), "unexpected \"uname\"");
    refused(amivirt({"run", "tiny", "more", "--", "true"}), "unexpected \"more\"");
    refused(amivirt({"run", "--rm", "--", "true"}), "needs IMAGE before \"--\"");
    refused(amivirt({"run", "tiny", "--rm", "--"}), "no command after \"--\"");
    refused(amivirt({"run", "tiny", "--rm"}), "--rm is for a command");
    refused(amivirt({"run", "tiny", "--env", "A=b"}), "--env is for a command");
    refused(amivirt({"run", "tiny", "--timeout", "5s"}), "--timeout is for a command");
    refused(run({"--no-wait"}, {"true"}), "--no-wait and a command");
    refused(run({"--wait", "running"}, {"true"}), "waits for SSH");
    refused(run({"--user-data", "-"}, {"true"}), "standard input is the command's");
    refused(run({"-n", "2"}, {"true"}), "one machine, not on 2");
    refused(run({"--env", "1A=b"}, {"true"}), "--env: \"1A=b\" is not KEY=VALUE");
    refused(run({"--env", "A=1", "--env", "A=2"}, {"true"}), "A is given twice");
    refused(run({"--timeout", "0"}, {"true"}), "no time at all");
    refused(run({"--timeout", "soon"}, {"true"}), "--timeout: Invalid duration \"soon\"");
    refused(run({"--copy-in", "/etc/hostname"}, {"true"}), "is not SRC:DST");
    refused(run({"--copy-in", "/no/such:x"}, {"true"}), "there is no \"/no/such\"");
    refused(run({"--copy-out", "x:/no/such/file"}, {"true"}), "there is no folder \"/no/such\"");
    for (const std::string ttl : {"", "0", "-5m", "5x", "m", "999d", "99999999999999999999d", "1.5h"}) {
        refused(amivirt({"run", "tiny", "--ttl=" + ttl}), fmt::format("--ttl: time to live \"{}\" is not in 1s..365d", ttl));
    }
    refused(amivirt({"run", "tiny", "--session="}), "--session: session \"\"");
    environment["AMIVIRT_SESSION"] = "a\x01";
    refused(amivirt({"run", "tiny"}), "AMIVIRT_SESSION");
    EXPECT_THAT(shell.calls(), IsEmpty());
}

TEST_F(CliOneShot, ParsesPairs) {
    EXPECT_EQ(cli::parse_file_copy("a:/b")->to, "/b");
    for (const std::string bad : {"", ":", "a:", ":b", "a", "a:b:c"}) {
        EXPECT_FALSE(cli::parse_file_copy(bad)) << bad;
    }
    EXPECT_EQ(cli::parse_environment("_A1=x")->second, "x");
    for (const std::string bad : {"", "=", "A", "A-B=x", "9=x", " A=x"}) {
        EXPECT_FALSE(cli::parse_environment(bad)) << bad;
    }
}

TEST_F(CliOneShot, ALaunchEndsWhatIsOverAndReapPrintsIt) {
    ASSERT_EQ(amivirt({"run", "tiny", "--type", "t3.nano", "--ttl", "30m", "-o", "id"}), 0) << err;
    const auto first = lines().front();
    clock.advance(std::chrono::minutes(31));
    ASSERT_EQ(amivirt({"run", "tiny", "--type", "t3.nano", "--ttl", "1h", "-o", "id"}), 0) << err;
    const auto second = lines().front();
    EXPECT_EQ(state_of(*InstanceId::parse(first)), InstanceState::terminated);
    EXPECT_EQ(amivirt({"reap"}), 0);
    EXPECT_EQ(out, "");
    clock.advance(std::chrono::hours(1));
    EXPECT_EQ(amivirt({"ps", "-o", "id"}), 0);
    EXPECT_THAT(out, HasSubstr(second)) << "a command that does not launch ends nothing";
    EXPECT_EQ(amivirt({"reap", "-o", "json"}), 0);
    EXPECT_EQ(json()["TerminatingInstances"][0]["InstanceId"], second);
    EXPECT_EQ(json()["TerminatingInstances"][0]["CurrentState"]["Name"], "terminated");
    EXPECT_EQ(amivirt({"reap", "now"}), 2);
    ASSERT_EQ(amivirt({"run", "tiny", "--type", "t3.nano", "-o", "id"}), 0) << err;
    const auto stopped = lines().front();
    ASSERT_EQ(amivirt({"run", "tiny", "--type", "t3.nano", "--ttl", "30m", "-o", "id"}), 0) << err;
    const auto third = lines().front();
    ASSERT_EQ(amivirt({"stop", stopped, "--force"}), 0) << err;
    clock.advance(std::chrono::minutes(31));
    ASSERT_EQ(amivirt({"start", stopped}), 0) << err;
    EXPECT_EQ(state_of(*InstanceId::parse(third)), InstanceState::terminated) << "a start launches, too";
}

TEST_F(CliOneShot, ReapTellsWhatMustStay) {
    ASSERT_EQ(amivirt({"run", "tiny", "--type", "t3.nano", "--ttl", "30m"}), 0);
    ASSERT_TRUE(catalog.write([](CatalogSession& session) -> Result<void> {
        auto instance = AMIVIRT_TRY(session.instances().list()).records.front();
        instance.termination_protected = true;
        return session.instances().update(instance);
    }));
    clock.advance(std::chrono::hours(1));
    EXPECT_EQ(amivirt({"reap"}), 4);
    EXPECT_THAT(err, HasSubstr("OperationNotPermitted"));
    EXPECT_EQ(amivirt({"run", "tiny", "--type", "t3.nano"}), 0) << "that keeps nobody from launching";
    EXPECT_THAT(err, HasSubstr("termination protection"));
}

TEST_F(CliOneShot, ASessionIsListedAndEndedTogether) {
    environment["AMIVIRT_SESSION"] = "job 7";
    ASSERT_EQ(amivirt({"run", "tiny", "--type", "t3.nano", "-n", "2"}), 0) << err;
    ASSERT_EQ(amivirt({"run", "tiny", "--type", "t3.nano", "--session", "other", "-o", "id"}), 0) << err;
    const auto theirs = lines().front();
    environment.clear();
    EXPECT_EQ(amivirt({"ps", "--session", "job 7", "-o", "json"}), 0);
    ASSERT_THAT(json()["Reservations"][0]["Instances"], SizeIs(2));
    EXPECT_EQ(json()["Reservations"][0]["Instances"][0]["Session"], "job 7");
    EXPECT_EQ(amivirt({"terminate", "--session", "job 7"}), 0) << err;
    EXPECT_THAT(lines(), SizeIs(2));
    EXPECT_EQ(amivirt({"ps", "-o", "id"}), 0);
    EXPECT_THAT(lines(), ElementsAre(theirs));
    EXPECT_EQ(amivirt({"terminate", "--session", "job 7"}), 0) << "nothing left is what was wanted";
    EXPECT_EQ(out, "");
    EXPECT_EQ(amivirt({"terminate", "--session="}), 2) << "an unset variable of a script is not everything";
    EXPECT_EQ(amivirt({"terminate"}), 2);
    EXPECT_EQ(amivirt({"terminate", "--session", "other", theirs}), 2);
    EXPECT_EQ(state_of(*InstanceId::parse(theirs)), InstanceState::running);
}

TEST_F(CliOneShot, TheLeaseIsShown) {
    ASSERT_EQ(amivirt({"run", "tiny", "--type", "t3.nano", "--ttl", "30m", "--session", "job", "-o", "json"}), 0) << err;
    const std::string id = json()["Instances"][0]["InstanceId"];
    const std::string expires = json()["Instances"][0]["ExpiresAt"];
    EXPECT_EQ(expires, to_iso8601(clock.now() + std::chrono::minutes(30)));
    ASSERT_EQ(amivirt({"instance", "show", id}), 0);
    EXPECT_THAT(out, AllOf(HasSubstr(expires), HasSubstr("job")));
}

TEST_F(CliOneShot, ResetWantsToBeSure) {
    EXPECT_EQ(amivirt({"reset"}), 2);
    EXPECT_THAT(err, HasSubstr("amivirt reset --yes"));
    EXPECT_EQ(amivirt({"reset", "--keep-images"}), 2);
    EXPECT_EQ(opened, 0);
    EXPECT_THAT(rows(&CatalogSession::images), SizeIs(1));
}

TEST_F(CliOneShot, ResetTellsWhatWent) {
    launch("tiny", 2);
    EXPECT_EQ(amivirt({"reset", "--yes", "--keep-images", "-o", "json"}), 0) << err;
    EXPECT_THAT(json()["TerminatingInstances"], SizeIs(2));
    EXPECT_EQ(json()["Deleted"]["Images"], 0);
    EXPECT_THAT(rows(&CatalogSession::images), SizeIs(1));
    EXPECT_EQ(amivirt({"reset", "--yes"}), 0) << err;
    EXPECT_EQ(out, "");
    EXPECT_THAT(err, HasSubstr("0 instances terminated; 1 image, 1 snapshot, 0 volumes and 0 key pairs deleted"));
    EXPECT_THAT(rows(&CatalogSession::images), IsEmpty());
    expect_clean();
}

}  // namespace
}  // namespace amivirt::testing
