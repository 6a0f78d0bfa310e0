#include "amivirt/domain/login.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string k_shown = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHm1yPOGoYhtgxw5XwYjkmL0gLcYHM0mTdLw2mQvXo5C";

class KeyPairsTest : public Bench {
protected:
    Code code_of(const auto& result) { return result ? Code::dry_run_operation : result.error().code; }
};

TEST_F(KeyPairsTest, CreatedOnceAndTold) {
    const auto created = key_pairs.create(me, "ci", KeyType::ed25519, {{"team", "web"}});
    ASSERT_TRUE(created) << describe(created.error());
    EXPECT_EQ(created->private_key, "private ed25519 1\n");
    EXPECT_EQ(created->pair.public_key, "ssh-ed25519 AAAAkey1 ci");
    EXPECT_EQ(created->pair.tags.at("team"), "web");
    ASSERT_EQ(rows(&CatalogSession::key_pairs).size(), 1U);
    EXPECT_EQ(rows(&CatalogSession::key_pairs)[0].id, created->pair.id);
    EXPECT_EQ(code_of(key_pairs.create(me, "ci", KeyType::rsa, {})), Code::invalid_key_pair_duplicate);
    EXPECT_TRUE(key_pairs.create(other, "ci", KeyType::rsa, {})) << "names are an account's own";
}

TEST_F(KeyPairsTest, BadNamesAndTags) {
    for (const std::string& name :
         {std::string(), std::string(256, 'x'), std::string(" a"), std::string("a\nb"), std::string("\xc3\xa4")}) {
        EXPECT_EQ(code_of(key_pairs.create(me, name, KeyType::ed25519, {}, "out")), Code::invalid_parameter_value) << name;
        EXPECT_EQ(code_of(key_pairs.import(me, name, "ssh-rsa AAAA1", {})), Code::invalid_parameter_value) << name;
    }
    EXPECT_EQ(code_of(key_pairs.create(me, "a", KeyType::ed25519, {{"aws:x", ""}}, "out")), Code::invalid_parameter_value);
    EXPECT_EQ(key_files.text("out"), std::nullopt);
    EXPECT_THAT(rows(&CatalogSession::key_pairs), IsEmpty());
}

TEST_F(KeyPairsTest, FileAndPairBothOrNeither) {
    ASSERT_TRUE(key_pairs.create(me, "a", KeyType::ed25519, {}, "a.pem"));
    EXPECT_EQ(key_files.text("a.pem"), "private ed25519 1\n");
    EXPECT_EQ(code_of(key_pairs.create(me, "b", KeyType::ed25519, {}, "a.pem")), Code::invalid_parameter_value) << "never over another";
    EXPECT_EQ(code_of(key_pairs.create(me, "a", KeyType::ed25519, {}, "b.pem")), Code::invalid_key_pair_duplicate);
    EXPECT_EQ(key_files.text("b.pem"), std::nullopt);
    EXPECT_EQ(rows(&CatalogSession::key_pairs).size(), 1U);
}

TEST_F(KeyPairsTest, ImportListDelete) {
    const auto imported = key_pairs.import(me, "me", "ssh-rsa AAAA1 me@desk\n", {});
    ASSERT_TRUE(imported);
    EXPECT_EQ(imported->type, KeyType::rsa);
    EXPECT_EQ(code_of(key_pairs.import(me, "junk", "junk", {})), Code::invalid_key_format);
    ASSERT_TRUE(key_pairs.create(me, "ci", KeyType::ed25519, {{"team", "web"}}));
    ASSERT_TRUE(key_pairs.create(other, "theirs", KeyType::ed25519, {}));
    const auto names = [&](const std::vector<std::string>& words, const std::vector<Filter>& filters) {
        std::vector<std::string> found;
        const auto listing = key_pairs.describe(me, words, filters);
        EXPECT_TRUE(listing);
        for (const auto& pair : listing ? listing->records : std::vector<KeyPair>()) {
            found.push_back(pair.name);
        }
        return found;
    };
    EXPECT_THAT(names({}, {}), ElementsAre("me", "ci"));
    EXPECT_THAT(names({"ci", imported->id.str()}, {}), ElementsAre("me", "ci"));
    EXPECT_THAT(names({}, {{"tag:team", {"w*"}}}), ElementsAre("ci"));
    EXPECT_THAT(names({}, {{"key-name", {"me"}}}), ElementsAre("me"));
    EXPECT_EQ(code_of(key_pairs.describe(me, {}, {{"colour", {"red"}}})), Code::invalid_parameter_value);
    const auto missing = key_pairs.remove(me, "cj");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Code::invalid_key_pair_not_found);
    EXPECT_EQ(missing.error().hint, "did you mean \"ci\"?");
    EXPECT_EQ(code_of(key_pairs.remove(me, "theirs")), Code::invalid_key_pair_not_found);
    EXPECT_TRUE(key_pairs.remove(me, imported->id.str()));
    EXPECT_THAT(names({}, {}), ElementsAre("ci"));
}

TEST_F(KeyPairsTest, TheDefaultPairIsMadeOnce) {
    const auto first = key_pairs.default_pair(me);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->name, "amivirt");
    EXPECT_EQ(key_files.text("keys/amivirt"), "private ed25519 1\n");
    EXPECT_EQ(key_pairs.default_pair(me)->id, first->id);
    EXPECT_EQ(without_comment(key_pairs.default_pair(other)->public_key), "ssh-ed25519 AAAAkey1") << "one private key for a home";
    ASSERT_TRUE(key_pairs.remove(me, "amivirt"));
    EXPECT_EQ(key_pairs.default_pair(me)->public_key, first->public_key) << "of the key that is there";
}

TEST_F(KeyPairsTest, AnotherKeyOfThatNameIsNotTakenForIt) {
    ASSERT_TRUE(key_pairs.import(me, "amivirt", "ssh-rsa AAAAmine", {}));
    const auto refused = key_pairs.default_pair(me);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::invalid_key_pair_duplicate);
    EXPECT_THAT(refused.error().hint, HasSubstr("key delete amivirt"));
}

TEST_F(KeyPairsTest, TagsLikeAllOthers) {
    const auto pair = key_pairs.create(me, "ci", KeyType::ed25519, {});
    ASSERT_TRUE(pair);
    ASSERT_TRUE(tagging.add(me, {pair->pair.id.str()}, {{"team", "web"}}));
    EXPECT_EQ(rows(&CatalogSession::key_pairs)[0].tags.at("team"), "web");
    const auto listed = tagging.describe(me, {{"resource-type", {"key-pair"}}});
    ASSERT_TRUE(listed);
    EXPECT_THAT(listed->records, ElementsAre(TagDescription{ResourceType::key_pair, pair->pair.id.str(), "team", "web"}));
    EXPECT_FALSE(tagging.add(other, {pair->pair.id.str()}, {{"team", "theirs"}}));
}

class LoginsTest : public Bench {
protected:
    Instance run(const std::string& key = {}) {
        if (rows(&CatalogSession::images).empty()) {
            import("tiny");
        }
        RunRequest request;
        request.image = "tiny";
        request.type = "t3.nano";
        request.key_name = key;
        auto launched = instances.run(me, request, progress);
        EXPECT_TRUE(launched) << describe(launched.error());
        return launched ? launched->front() : Instance{};
    }
    Result<LoginTarget> target(const Instance& instance, LoginRequest request = {}) {
        request.instance = instance.id.str();
        return logins.target(me, request);
    }
};

TEST_F(LoginsTest, ALaunchPutsKeyAndHostKeyIn) {
    ASSERT_TRUE(key_pairs.create(me, "ci", KeyType::ed25519, {}));  // key 1
    const Instance instance = run("ci");
    EXPECT_EQ(instance.key_name, "ci");
    EXPECT_EQ(instance.host_key, "ssh-ed25519 AAAAkey2");
    const std::string seed = files.seed(instance.id).value_or("");
    EXPECT_THAT(seed, HasSubstr("key: ssh-ed25519 AAAAkey1 ci\n"));
    EXPECT_THAT(seed, HasSubstr("host key: ssh-ed25519 AAAAkey2, private ed25519 2\n"));
    EXPECT_EQ(run("ci").host_key, "ssh-ed25519 AAAAkey3") << "each its own";
}

TEST_F(LoginsTest, AnUnknownKeyIsToldBeforeAnythingIsMade) {
    import("tiny");
    RunRequest request;
    request.image = "tiny";
    request.key_name = "cj";
    const auto refused = instances.run(me, request, progress);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::invalid_key_pair_not_found);
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
    expect_clean();
}

TEST_F(LoginsTest, TheKeyBelongsToWhatAClientTokenRepeats) {
    import("tiny");
    ASSERT_TRUE(key_pairs.create(me, "a", KeyType::ed25519, {}));
    ASSERT_TRUE(key_pairs.create(me, "b", KeyType::ed25519, {}));
    RunRequest request;
    request.image = "tiny";
    request.key_name = "a";
    request.client_token = "once";
    const auto first = instances.run(me, request, progress);
    ASSERT_TRUE(first);
    EXPECT_EQ(instances.run(me, request, progress)->front().id, first->front().id);
    request.key_name = "b";
    EXPECT_EQ(instances.run(me, request, progress).error().code, Code::idempotent_parameter_mismatch);
}

TEST_F(LoginsTest, WhereAndAsWhom) {
    const Instance instance = run();
    const auto found = target(instance);
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->instance, instance.id.str());
    EXPECT_EQ(found->user, "debian") << "as inspection found";
    EXPECT_EQ(found->address, "127.0.0.1");
    EXPECT_EQ(found->port, instance.ports.front().host_port);
    EXPECT_EQ(found->host_key, instance.host_key);
    EXPECT_EQ(found->identity_file, "");
    EXPECT_EQ(target(instance, {.instance = {}, .user = "bob", .identity_file = {}})->user, "bob");
}

TEST_F(LoginsTest, TheDefaultPairsFileAndMissingFiles) {
    ASSERT_TRUE(key_pairs.default_pair(me));
    const Instance instance = run("amivirt");
    EXPECT_EQ(target(instance)->identity_file, "keys/amivirt");
    const auto missing = target(instance, {.instance = {}, .user = {}, .identity_file = "no.pem"});
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().message, HasSubstr("\"no.pem\" is not there"));
}

TEST_F(LoginsTest, AnImageThatTakesNoHostKeyShowsItsOwn) {
    const Instance instance = run();
    files.print(instance.id, "-----BEGIN SSH HOST KEY KEYS-----\n" + k_shown + " root@tiny\n-----END SSH HOST KEY KEYS-----\n");
    EXPECT_EQ(target(instance)->host_key, k_shown);
    EXPECT_EQ(rows(&CatalogSession::instances)[0].host_key, k_shown) << "written down";
}

TEST_F(LoginsTest, AHostKeyThatAPersonAcceptedIsTheOneFromThenOn) {
    const Instance instance = run();
    files.print(instance.id, "-----BEGIN SSH HOST KEY KEYS-----\n" + k_shown + "\n-----END SSH HOST KEY KEYS-----\n");
    LoginRequest accepting;
    accepting.accept_new_host_key = AcceptNewHostKey::yes;
    EXPECT_EQ(target(instance, accepting).error().code, Code::login_failed) << "it shows none";
    host_keys.show(instance.ports.front().host_port, "ssh-ed25519 AAAAchanged");
    EXPECT_EQ(target(instance, accepting)->host_key, "ssh-ed25519 AAAAchanged");
    host_keys.show(instance.ports.front().host_port, "ssh-ed25519 AAAAimpostor");
    EXPECT_EQ(target(instance)->host_key, "ssh-ed25519 AAAAchanged");
}

TEST_F(LoginsTest, NeverWithoutAHostKey) {
    Instance instance = run();
    instance.host_key.clear();  // as of a launch by an older amivirt
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.instances().update(instance); }));
    const auto refused = target(instance);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::login_failed);
    EXPECT_THAT(refused.error().hint, HasSubstr("--accept-new-host-key"));
}

TEST_F(LoginsTest, OnlyWhatRuns) {
    const Instance instance = run();
    ASSERT_TRUE(instances.stop(me, instance.id.str(), Duration(0), Force::yes));
    EXPECT_EQ(target(instance).error().code, Code::incorrect_instance_state);
    EXPECT_EQ(logins.wait(me, instance.id.str(), std::chrono::minutes(1), progress).error().code, Code::incorrect_instance_state);
    Instance missing;
    missing.id = *InstanceId::parse("i-00000000000000000");
    EXPECT_EQ(target(missing).error().code, Code::invalid_instance_id_not_found);
}

TEST_F(LoginsTest, WaitingIsToldOnlyWhereThereIsSomethingToWaitFor) {
    const Instance instance = run();
    host.on_vain_wait([&](Duration waited) { clock.advance(waited); });
    EXPECT_EQ(logins.wait(me, instance.id.str(), std::chrono::seconds(20), progress).error().code, Code::timed_out);
    EXPECT_THAT(progress.notes(), ElementsAre(HasSubstr("waiting for SSH of " + instance.id.str())));
    host.answer_ssh(instance.ports.front().host_port);
    EXPECT_TRUE(logins.wait(me, instance.id.str(), std::chrono::seconds(20), progress));
    EXPECT_EQ(progress.notes().size(), 1U);
}

class CloudInitTest : public LoginsTest {};

TEST_F(CloudInitTest, ItsEndAndItsFaults) {
    const Instance instance = run();
    EXPECT_EQ(cloud_init.wait(instance.id, std::chrono::seconds(5)).error().code, Code::timed_out);
    files.print(instance.id, "cloud-init[3]: cc_scripts_user.py[WARNING]: Failed to run module scripts-user\n");
    EXPECT_EQ(cloud_init.wait(instance.id, std::chrono::seconds(5)).error().code, Code::timed_out) << "not before it has ended";
    files.print(instance.id, "cloud-init[3]: Cloud-init v. 22.4.2 finished at Wed\n");
    const auto failed = cloud_init.wait(instance.id, std::chrono::seconds(5));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Code::guest_failed);
    EXPECT_THAT(failed.error().message, HasSubstr("Failed to run module scripts-user"));
    EXPECT_THAT(failed.error().hint, HasSubstr(files.paths(instance.id).console));
    const Instance good = run();
    files.print(good.id, "cloud-init[3]: Cloud-init v. 22.4.2 finished at Wed\n");
    EXPECT_TRUE(cloud_init.wait(good.id, std::chrono::seconds(5)));
}

TEST_F(CloudInitTest, AnEarlierBootIsNoNews) {
    const Instance instance = run();
    const auto waited = [&] {
        const auto done = cloud_init.wait(instance.id, std::chrono::seconds(5));
        return done ? std::string("finished") : std::string(facts(done.error().code).name);
    };
    const auto again = [&] {
        ASSERT_TRUE(instances.stop(me, instance.id.str(), Duration(0), Force::yes));
        ASSERT_TRUE(instances.start(me, instance.id.str(), AcceleratorRequest::automatic, progress));
    };
    files.print(instance.id, "Failed to run module scripts-user\nCloud-init v. 22.4.2 finished at Wed\n");
    EXPECT_EQ(waited(), "GuestFailed");
    again();
    EXPECT_EQ(waited(), "TimedOut") << "this boot has not come so far";
    files.print(instance.id, "Cloud-init v. 22.4.2 finished at Thu\n");
    EXPECT_EQ(waited(), "finished");
    again();
    EXPECT_EQ(waited(), "TimedOut");
    files.print(instance.id, "Cloud-init v. 22.4.2 finished at Fri\n");
    ASSERT_TRUE(instances.reboot(me, instance.id.str(), Force::no));
    EXPECT_EQ(waited(), "TimedOut");
    files.print(instance.id, "[    2.1] Kernel panic - not syncing: no init\n");
    EXPECT_EQ(waited(), "IncorrectInstanceState");
}

TEST_F(CloudInitTest, AMachineThatGoesOff) {
    const Instance instance = run();
    hypervisor.guest_powers_off(instance.id);
    EXPECT_EQ(cloud_init.wait(instance.id, std::chrono::seconds(5)).error().code, Code::incorrect_instance_state);
}

class InjectionTest : public Bench {
protected:
    fakes::FakeTree tree{{"/etc/passwd", {"root:x:0:0::/root:/bin/sh\nbob:x:1000:1001::/home/bob:/bin/sh\n"}},
                         {"/home/bob/.ssh/authorized_keys", {"ssh-rsa AAAAold bob"}},
                         {"/etc/ssh/sshd_config", {""}},
                         {"/etc/hostname", {"old\n"}},
                         {"/etc/systemd/system/x.service", {""}}};
    RunRequest request;

    Result<std::vector<Instance>> run(const std::string& user) {
        const Image image = import("plain");
        EXPECT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
            auto row = AMIVIRT_TRY(session.images().find(image.id));
            row->default_user = user;
            return session.images().update(*row);
        }));
        const auto layers = rows(&CatalogSession::layers);
        guests.put(layers.front().id, tree);
        EXPECT_TRUE(key_pairs.create(me, "ci", KeyType::ed25519, {}));
        request.image = "plain";
        request.key_name = "ci";
        request.inject = Inject::yes;
        request.names = {"Web 1"};
        return instances.run(me, request, progress);
    }
};

TEST_F(InjectionTest, KeysNameHostKeyAndScript) {
    request.user_data = "#!/bin/sh\necho hello\n";
    const auto launched = run("bob");
    ASSERT_TRUE(launched) << describe(launched.error());
    const auto files_now = guests.tree(root_of(launched->front().id).layer);
    const auto& keys = files_now.at("/home/bob/.ssh/authorized_keys");
    EXPECT_EQ(keys.content, "ssh-rsa AAAAold bob\nssh-ed25519 AAAAkey1 ci\n");
    EXPECT_EQ(keys.mode, 0600U);
    EXPECT_EQ(keys.uid, 1000U);
    EXPECT_EQ(keys.gid, 1001U);
    EXPECT_EQ(files_now.at("/home/bob/.ssh").mode, 0700U);
    EXPECT_EQ(files_now.at("/etc/hostname").content, "web-1\n");
    EXPECT_EQ(files_now.at("/etc/ssh/ssh_host_ed25519_key").content, "private ed25519 2\n");
    EXPECT_EQ(files_now.at("/etc/ssh/ssh_host_ed25519_key").mode, 0600U);
    EXPECT_EQ(files_now.at("/var/lib/amivirt/first-boot").content, request.user_data);
    EXPECT_EQ(files_now.at("/etc/systemd/system/multi-user.target.wants/amivirt-first-boot.service").target,
              "/etc/systemd/system/amivirt-first-boot.service");
    EXPECT_EQ(guests.tree(rows(&CatalogSession::layers).front().id).at("/etc/hostname").content, "old\n") << "the image stays as it is";
}

TEST_F(InjectionTest, RootWhereTheUserIsNotThere) {
    const auto launched = run("nobody-there");
    ASSERT_TRUE(launched) << describe(launched.error());
    EXPECT_EQ(guests.tree(root_of(launched->front().id).layer).at("/root/.ssh/authorized_keys").content, "ssh-ed25519 AAAAkey1 ci\n");
}

TEST_F(InjectionTest, WhatFailsLeavesNothing) {
    request.user_data = "#!/bin/sh\n";
    tree.erase("/etc/systemd/system/x.service");
    const auto refused = run("bob");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unsupported_operation);
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
    expect_clean();
}

TEST_F(InjectionTest, OnlyScripts) {
    request.user_data = "#cloud-config\n{}\n";
    const auto refused = run("bob");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::invalid_parameter_combination);
}

}  // namespace
}  // namespace amivirt::testing
