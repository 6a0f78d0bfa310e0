// Keys and logins on the command line.
#include "cli_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CliLogin : public CliBench {
protected:
    /// A machine that answers SSH, called web.
    Instance web() {
        import("tiny");
        EXPECT_EQ(amivirt({"run", "tiny", "--name", "web", "-o", "id"}), 0) << err;
        Instance instance = rows(&CatalogSession::instances).front();
        host.answer_ssh(instance.ports.front().host_port);
        return instance;
    }
    std::vector<std::string> called() const {
        std::vector<std::string> all;
        for (const auto& call : shell.calls()) {
            all.push_back(call.what);
        }
        return all;
    }
};

TEST_F(CliLogin, RunMakesTheDefaultKeyUnlessToldOtherwise) {
    import("tiny");
    ASSERT_EQ(amivirt({"run", "tiny", "--no-key", "-o", "json"}), 0) << err;
    EXPECT_FALSE(json()["Instances"][0].contains("KeyName"));
    EXPECT_EQ(amivirt({"run", "tiny", "--dry-run"}), 0);
    EXPECT_THAT(rows(&CatalogSession::key_pairs), IsEmpty());
    ASSERT_EQ(amivirt({"run", "tiny", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Instances"][0]["KeyName"], "amivirt");
    EXPECT_EQ(json()["Instances"][0]["LoginUser"], "debian");
    EXPECT_EQ(key_files.text("keys/amivirt").has_value(), true);
    ASSERT_EQ(amivirt({"key", "create", "ci", "-o", "id"}), 0) << err;
    ASSERT_EQ(amivirt({"run", "tiny", "--key", "ci", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Instances"][0]["KeyName"], "ci");
    EXPECT_EQ(amivirt({"run", "tiny", "--key", "ci", "--no-key"}), 2);
    EXPECT_EQ(amivirt({"run", "tiny", "--key", "cj"}), 3);
    EXPECT_THAT(err, HasSubstr("did you mean \"ci\"?"));
}

TEST_F(CliLogin, SshAndExecPassWordsAndStatusOn) {
    const Instance instance = web();
    shell.answer([](const ShellCommand& command) -> Result<int> { return command.words.empty() ? 0 : 42; });
    EXPECT_EQ(amivirt({"ssh", "web"}), 0) << err;
    EXPECT_EQ(amivirt({"ssh", "web", "--user", "bob", "--", "ls", "-l", "a b"}), 42) << err;
    EXPECT_EQ(amivirt({"exec", instance.id.str(), "--", "true"}), 42) << err;
    EXPECT_THAT(called(), ElementsAre("run", "run ls -l a b", "run true"));
    EXPECT_EQ(shell.calls()[1].target.user, "bob");
    EXPECT_EQ(shell.calls()[2].target.identity_file, "keys/amivirt");
    EXPECT_EQ(shell.calls()[2].target.host_key, instance.host_key);
    EXPECT_EQ(amivirt({"exec", "web"}), 2) << "no command";
    EXPECT_EQ(amivirt({"exec", "wed", "--", "true"}), 3);
    shell.answer([](const ShellCommand&) -> Result<int> { return Error(Code::login_failed, "Permission denied"); });
    EXPECT_EQ(amivirt({"exec", "web", "--", "true"}), 1);
    EXPECT_THAT(err, HasSubstr("Permission denied (LoginFailed)"));
}

TEST_F(CliLogin, CopiesEitherWay) {
    web();
    EXPECT_EQ(amivirt({"cp", "a", "./b:c", "web:/tmp"}), 0) << err;
    EXPECT_EQ(amivirt({"cp", "web:/etc/motd", "web:x", "."}), 0) << err;
    EXPECT_THAT(called(), ElementsAre("in a ./b:c /tmp", "out /etc/motd x ."));
    EXPECT_EQ(amivirt({"cp", "a", "b"}), 2);
    EXPECT_EQ(amivirt({"cp", "web:a", "web:b"}), 2);
    EXPECT_EQ(amivirt({"cp", "web:a", "b", "c"}), 2);
    EXPECT_EQ(amivirt({"cp", "web:a", "other:b", "c"}), 2);
    EXPECT_EQ(amivirt({"cp", "a"}), 2);
    EXPECT_EQ(called().size(), 2U);
}

TEST_F(CliLogin, KeysInTheShapesOfEc2) {
    ASSERT_EQ(amivirt({"key", "create", "one", "--tag", "team=web"}), 0) << err;
    EXPECT_EQ(out, "private ed25519 1\n") << "nothing but the key";
    ASSERT_EQ(amivirt({"key", "create", "two", "--type", "rsa", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["KeyMaterial"], "private rsa 2\n");
    EXPECT_EQ(json()["KeyName"], "two");
    ASSERT_EQ(amivirt({"key", "create", "three", "--out", "three.pem", "-o", "json"}), 0) << err;
    EXPECT_FALSE(json().contains("KeyMaterial"));
    EXPECT_EQ(key_files.text("three.pem"), "private ed25519 3\n");
    ASSERT_EQ(amivirt({"key", "list", "--filter", "tag:team=web", "-o", "json"}), 0) << err;
    ASSERT_EQ(json()["KeyPairs"].size(), 1U);
    EXPECT_EQ(json()["KeyPairs"][0]["KeyType"], "ed25519");
    EXPECT_EQ(json()["KeyPairs"][0]["Tags"][0]["Value"], "web");
    EXPECT_EQ(json()["KeyPairs"][0]["PublicKey"], "ssh-ed25519 AAAAkey1 one");
    ASSERT_EQ(amivirt({"key", "delete", "one", "two", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["KeyPairs"].size(), 2U);
    EXPECT_EQ(amivirt({"key", "delete", "one"}), 3);
    EXPECT_EQ(amivirt({"key", "create", "x", "--type", "dsa"}), 2);
    input = "ssh-rsa AAAAmine me@desk\n";
    ASSERT_EQ(amivirt({"key", "import", "me", "-", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["KeyName"], "me");
    input = "junk";
    EXPECT_EQ(amivirt({"key", "import", "junk", "-"}), 2);
    EXPECT_THAT(err, HasSubstr("(InvalidKey.Format)"));
}

TEST_F(CliLogin, UserDataIsDoubtedNotRefused) {
    import("tiny");
    input = "#cloud-config\na: b: c\n";
    EXPECT_EQ(amivirt({"run", "tiny", "--user-data", "-", "-o", "id"}), 0) << err;
    EXPECT_THAT(err, HasSubstr("line 2, column "));
    input = "echo hello\n";
    EXPECT_EQ(amivirt({"run", "tiny", "--user-data", "-", "-o", "id"}), 0) << err;
    EXPECT_THAT(err, HasSubstr("will ignore them"));
    input = std::string("#!/bin/sh\n") + std::string(20000, '#');
    EXPECT_EQ(amivirt({"run", "tiny", "--user-data", "-", "-o", "id"}), 2);
    EXPECT_THAT(err, HasSubstr("--user-data-large"));
    EXPECT_EQ(amivirt({"run", "tiny", "--user-data", "-", "--user-data-large", "-o", "id"}), 0) << err;
}

TEST_F(CliLogin, WaitsForCloudInit) {
    import("tiny");
    const auto print = [&](const std::string& text) {
        for (const auto& instance : rows(&CatalogSession::instances)) {
            files.print(instance.id, text);
        }
    };
    EXPECT_EQ(amivirt({"run", "tiny", "--wait", "cloud-init=2s", "-o", "id"}), 6);
    EXPECT_EQ(lines().size(), 1U) << "the id all the same";
    print("tiny: user-data ended with status 3\n");
    const std::string id = lines()[0];
    EXPECT_EQ(amivirt({"instance", "wait", id, "--for", "cloud-init"}), 1) << "what failed is the guest's";
    EXPECT_THAT(err, HasSubstr("ended with status 3"));
    ASSERT_EQ(amivirt({"stop", id, "--force"}), 0) << err;
    EXPECT_EQ(amivirt({"start", id, "--wait", "cloud-init=2s"}), 6) << "that was the boot before";
    print("tiny: user-data ended with status 4\n");
    EXPECT_EQ(amivirt({"start", id, "--wait", "cloud-init=2s"}), 1);
    EXPECT_THAT(err, HasSubstr("ended with status 4"));
    ASSERT_EQ(amivirt({"stop", id, "--force"}), 0) << err;
    ASSERT_EQ(amivirt({"start", id}), 0) << err;
    print("Cloud-init v. tiny finished at Wed\n");
    EXPECT_EQ(amivirt({"start", id, "--wait", "cloud-init=2s"}), 0) << err;
}

TEST_F(CliLogin, OtherUserDataAreDoubtedAndMayBeLarge) {
    import("tiny");
    ASSERT_EQ(amivirt({"run", "tiny", "--name", "web", "-o", "id"}), 0) << err;
    ASSERT_EQ(amivirt({"stop", "web", "--force"}), 0) << err;
    input = "echo hello\n";
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--user-data", "-"}), 0) << err;
    EXPECT_THAT(err, HasSubstr("will ignore them"));
    input = "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/cloud-config\n\n- 1\n--x--\n";
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--user-data", "-"}), 0) << err;
    EXPECT_THAT(err, HasSubstr("no mapping of names to values"));
    input = std::string("#!/bin/sh\n") + std::string(20000, '#');
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--user-data", "-"}), 2);
    EXPECT_THAT(err, HasSubstr("--user-data-large"));
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--user-data", "-", "--user-data-large"}), 0) << err;
    EXPECT_EQ(rows(&CatalogSession::instances).front().user_data, input);
}

}  // namespace
}  // namespace amivirt::testing
