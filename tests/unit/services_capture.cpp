// Images made of instances and of images, on fakes: what is in them, and what a failure or a death at any step leaves.
#include "amivirt/base/interrupt.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using fakes::FakeFile;
using fakes::FakeTree;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const std::string k_private_key = "-----BEGIN OPENSSH PRIVATE KEY-----\n";

FakeTree used_machine() {
    return {{"/etc/passwd",
             {"root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000::/srv/web:/bin/sh\nnobody:x:65534:65534::/none:/bin/false\n"
              "daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\nsync:x:4:4::/:/bin/sync\n"
              "postgres:x:105:110::/var/lib/postgresql/:/bin/bash\njenkins:x:106:110::/var/lib/jenkins:/bin/sh\n"}},
            {"/usr/sbin/no-home.key", {k_private_key}},
            {"/var/lib/postgresql/.pgpass", {"db:5432:*:me:secret\n"}},
            {"/var/lib/postgresql/.psql_history", {"ALTER USER me PASSWORD 'secret';\n"}},
            {"/var/lib/jenkins/.ssh/authorized_keys", {"ssh-ed25519 AAAA deploy\n"}},
            {"/etc/shadow", {"root:$6$salt$hash:1:0:9:7:::\nweb:!:1:0:9:7:::\n"}},
            {"/etc/machine-id", {"0123456789abcdef0123456789abcdef\n"}},
            {"/var/lib/dbus/machine-id", {"0123456789abcdef0123456789abcdef\n"}},
            {"/etc/ssh/ssh_host_ed25519_key", {k_private_key}},
            {"/etc/ssh/ssh_host_ed25519_key.pub", {"ssh-ed25519 AAAA"}},
            {"/etc/ssh/sshd_config", {"PermitRootLogin no\n"}},
            {"/etc/dropbear/dropbear_ed25519_host_key", {"key"}},
            {"/root/.ssh/authorized_keys", {"# mine\nssh-ed25519 AAAA me\n"}},
            {"/root/.bash_history", {"mysql -psecret\n"}},
            {"/srv/web/.ssh/id_rsa", {k_private_key}},
            {"/srv/web/.aws/credentials", {"[default]\n"}},
            {"/home/left/.ash_history", {"ls\n"}},
            {"/home/left/notes.pem", {"-----BEGIN CERTIFICATE-----\n"}},
            {"/var/lib/cloud/instances/i-0/user-data.txt", {"#cloud-config\n"}},
            {"/var/lib/cloud/data/instance-id", {"i-0\n"}},
            {"/var/lib/systemd/random-seed", {"noise"}},
            {"/var/lib/dhcp/dhclient.eth0.leases", {"lease {}\n"}},
            {"/var/log/syslog", {"booted\n"}},
            {"/var/log/journal/0123/system.journal", {"LPKSHHRH"}},
            {"/root/app.conf", {"customised\n"}}};
}

class CaptureTest : public Bench {
protected:
    void SetUp() override {
        clear_interrupt();
        base = import("tiny");
        instance = launch("tiny").front().id;
        guests.put(root_of(instance).layer, used_machine());
    }
    void TearDown() override { clear_interrupt(); }

    CreateImageRequest request(const std::string& name = "golden") const {
        CreateImageRequest request;
        request.instance = instance.str();
        request.name = name;
        return request;
    }
    Result<Image> create(const CreateImageRequest& request) { return capture.create(me, request, progress); }
    Image created(const CreateImageRequest& request) {
        auto image = create(request);
        EXPECT_TRUE(image) << describe(image.error());
        return image ? *image : Image{};
    }
    Snapshot snapshot(const SnapshotId& id) {
        for (const auto& row : rows(&CatalogSession::snapshots)) {
            if (row.id == id) {
                return row;
            }
        }
        ADD_FAILURE() << id.str() << " has no row";
        return {};
    }
    std::optional<Image> image_named(const std::string& name) {
        for (const auto& row : rows(&CatalogSession::images)) {
            if (row.name == name && row.state != ImageState::deregistered) {
                return row;
            }
        }
        return std::nullopt;
    }
    unsigned boots() { return hypervisor.domain(instance)->boots; }
    VolumeId attach(const std::string& device, std::uint64_t gib = 2) {
        const auto id = make_volume(gib).id;
        EXPECT_TRUE(volumes.attach(me, {id.str(), instance.str(), device, false}));
        return id;
    }
    /// Nothing of an image "golden" is there, the machine runs as before and writes to a layer of its volume.
    void expect_undone() {
        EXPECT_EQ(image_named("golden"), std::nullopt);
        for (const auto& row : rows(&CatalogSession::snapshots)) {
            EXPECT_EQ(row.volume, std::nullopt) << row.id.str() << " is left of an image that is not there";
        }
        EXPECT_EQ(state_of(instance), InstanceState::running);
        const auto attached = live.attached(instance);
        ASSERT_TRUE(attached && *attached);
        EXPECT_EQ((**attached).front().source.location, store.source(root_of(instance).layer).location);
        expect_clean();
    }

    static EbsDevice sized(std::uint64_t gib, std::optional<SnapshotId> from = {}) {
        EbsDevice ebs;
        ebs.snapshot = std::move(from);
        ebs.size = GiB{gib};
        return ebs;
    }

    Image base;
    InstanceId instance;
};

TEST_F(CaptureTest, AnImageOfAnInstanceKeepsWhatOnlyEc2AsksOfItsOwn) {
    const ImageExtras its{true, "simple", {{"abc", "devpay"}}};
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return ImageExtrasBook::write(session, base, its, clock.now()); }));
    CreateImageRequest request;
    request.instance = instance.str();
    request.name = "made";
    request.reboot = Reboot::no;
    const auto made = capture.create(me, request, progress);
    ASSERT_TRUE(made) << describe(made.error());
    EXPECT_EQ(extras.of({*made})->at(made->id), its);
}

TEST_F(CaptureTest, HasWhatTheInstanceHasAndBelongsToTheCaller) {
    const auto data = attach("/dev/sdf", 3);
    auto wanted = request();
    wanted.reboot = Reboot::no;
    wanted.description = "as it is";
    wanted.tags = {{"role", "web"}};
    const auto image = created(wanted);
    EXPECT_EQ(boots(), 1U);
    EXPECT_EQ(image.state, ImageState::available);
    EXPECT_EQ(image.owner, me);
    EXPECT_EQ(image.description, "as it is");
    EXPECT_EQ(image.tags, (Tags{{"role", "web"}}));
    EXPECT_EQ(image.source_instance, instance);
    EXPECT_EQ(image.source_image, base.id);
    EXPECT_EQ(image.source_region, "local");
    EXPECT_EQ(image.platform_details, base.platform_details);
    EXPECT_EQ(image.boot_mode, base.boot_mode);
    EXPECT_FALSE(image.permissions.everyone);
    ASSERT_THAT(image.mapping, SizeIs(2));
    EXPECT_EQ(image.mapping[0].device_name, base.root_device_name);
    EXPECT_EQ(image.mapping[1].device_name, "/dev/sdf");
    const auto& root = std::get<EbsDevice>(image.mapping[0].what);
    const auto& second = std::get<EbsDevice>(image.mapping[1].what);
    EXPECT_EQ(root.delete_on_termination, true);
    EXPECT_EQ(second.delete_on_termination, false);
    EXPECT_EQ(second.size, GiB{3});
    EXPECT_EQ(snapshot(*second.snapshot).volume, data);
    EXPECT_EQ(snapshot(*second.snapshot).description, "Created by CreateImage(" + instance.str() + ") for " + image.id.str());
    EXPECT_EQ(hypervisor.script().calls("snapshot"), 1U) << "one moment for all";
    EXPECT_EQ(image_named("golden")->id, image.id);
    expect_clean();
}

TEST_F(CaptureTest, OneOfARunningMachineLaunchesToWhatItWas) {
    store.write(root_of(instance).layer, 7, "before");
    auto wanted = request();
    wanted.reboot = Reboot::no;
    created(wanted);
    store.write(root_of(instance).layer, 7, "after");
    const auto copies = launch("golden", 2);
    ASSERT_THAT(copies, SizeIs(2));
    for (const auto& copy : copies) {
        EXPECT_EQ(store.read(root_of(copy.id).layer).at(7), "before");
    }
    EXPECT_EQ(store.read(root_of(instance).layer).at(7), "after");
    expect_clean();
}

TEST_F(CaptureTest, ByDefaultItIsShutDownAndBootedAgain) {
    const auto image = created(request());
    EXPECT_EQ(image.state, ImageState::available);
    EXPECT_EQ(hypervisor.domain(instance)->shutdown_requests, 1U);
    EXPECT_EQ(boots(), 2U);
    EXPECT_EQ(state_of(instance), InstanceState::running);
    EXPECT_EQ(hypervisor.script().calls("snapshot"), 0U) << "nothing writes while it is off";
    expect_clean();
}

TEST_F(CaptureTest, ADeafGuestsPlugIsPulled) {
    hypervisor.set_guest(instance, fakes::AcpiAnswer::ignores);
    auto wanted = request();
    wanted.grace = std::chrono::seconds(3);
    const auto before = clock.now();
    created(wanted);
    EXPECT_GE(clock.now() - before, std::chrono::seconds(3));
    EXPECT_EQ(boots(), 2U);
    wanted = request("golden-2");
    wanted.grace = Duration{0};
    const auto asked = hypervisor.domain(instance)->shutdown_requests;
    created(wanted);
    EXPECT_EQ(hypervisor.domain(instance)->shutdown_requests, asked) << "without grace it is not asked";
    expect_clean();
}

TEST_F(CaptureTest, AMachineThatEndsWhenItShutsDownIsBootedAllTheSame) {
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
        auto row = AMIVIRT_TRY(session.instances().find(instance));
        row->shutdown_behavior = ShutdownBehavior::terminate;
        return session.instances().update(*row);
    }));
    created(request());
    EXPECT_EQ(state_of(instance), InstanceState::running);
    expect_clean();
}

TEST_F(CaptureTest, InstanceStoreDisksOutliveTheRebootAndAreNamedInTheImage) {
    RunRequest run;
    run.image = "tiny";
    run.type = "m5d.large";
    run.mapping = {{"/dev/sdc", EphemeralDevice{0}}};
    const auto with_store = instances.run(me, run, progress);
    ASSERT_TRUE(with_store) << describe(with_store.error());
    const auto id = with_store->front().id;
    const auto made = files.script().calls("create_ephemeral");
    auto wanted = request();
    wanted.instance = id.str();
    const auto image = created(wanted);
    EXPECT_EQ(files.script().calls("create_ephemeral"), made) << "what was on it is still there";
    EXPECT_EQ(hypervisor.domain(id)->disks.size(), 2U);
    ASSERT_THAT(image.mapping, SizeIs(2));
    EXPECT_EQ(image.mapping[1], (BlockDevice{"/dev/sdc", EphemeralDevice{0}}));
    wanted = request("golden-2");
    wanted.instance = id.str();
    wanted.mapping = {{"/dev/sdc", NoDevice{}}};
    EXPECT_THAT(created(wanted).mapping, SizeIs(1));
    expect_clean();
}

TEST_F(CaptureTest, OfAStoppedMachineNothingIsBooted) {
    ASSERT_TRUE(instances.stop(me, instance.str(), Duration{0}, Force::yes));
    created(request());
    EXPECT_EQ(state_of(instance), InstanceState::stopped);
    expect_clean();
    // Switched off by itself, unnoticed: it stays off too.
    ASSERT_TRUE(instances.start(me, instance.str(), AcceleratorRequest::automatic, progress));
    hypervisor.guest_powers_off(instance);
    created(request("golden-2"));
    EXPECT_EQ(state_of(instance), InstanceState::stopped);
    EXPECT_EQ(boots(), 2U);
    expect_clean();
}

TEST_F(CaptureTest, TheRequestLeavesOutChangesAndAdds) {
    attach("/dev/sdf", 3);
    attach("/dev/sdg", 4);
    auto wanted = request();
    wanted.mapping = {{"/dev/sdf", NoDevice{}}, {"/dev/sdh", sized(7)}, {"/dev/sdy", NoDevice{}}};
    EbsDevice kept;
    kept.delete_on_termination = true;
    wanted.mapping.push_back({"/dev/sdg", kept});
    const auto image = created(wanted);
    ASSERT_THAT(image.mapping, SizeIs(3));
    EXPECT_EQ(image.mapping[1].device_name, "/dev/sdg");
    EXPECT_EQ(std::get<EbsDevice>(image.mapping[1].what).delete_on_termination, true);
    EXPECT_EQ(image.mapping[2].device_name, "/dev/sdh");
    EXPECT_EQ(std::get<EbsDevice>(image.mapping[2].what).snapshot, std::nullopt);
    EXPECT_THAT(snapshots_of(image), SizeIs(2));
    expect_clean();
}

TEST_F(CaptureTest, WhatIsWrongIsToldBeforeAnythingIsMade) {
    attach("/dev/sdf");
    const auto layers = store.layers().size();
    const auto refused = [&](const CreateImageRequest& wanted, Code code, const std::string& words) {
        const auto image = create(wanted);
        ASSERT_FALSE(image) << words;
        EXPECT_EQ(image.error().code, code) << describe(image.error());
        EXPECT_THAT(image.error().message, HasSubstr(words));
        EXPECT_EQ(store.layers().size(), layers);
        EXPECT_EQ(boots(), 1U) << words;
        expect_clean();
    };
    auto wanted = request("tiny");
    refused(wanted, Code::invalid_ami_name_duplicate, "tiny");
    refused(request("x"), Code::invalid_ami_name_malformed, "x");
    wanted = request();
    wanted.instance = "i-0123456789abcdef0";
    refused(wanted, Code::invalid_instance_id_not_found, wanted.instance);
    wanted.instance = "i-xyz";
    refused(wanted, Code::invalid_instance_id_malformed, "i-xyz");
    wanted = request();
    wanted.mapping = {{base.root_device_name, NoDevice{}}};
    refused(wanted, Code::invalid_block_device_mapping, "cannot be left out");
    wanted.mapping = {{"/dev/sdf", sized(9)}};
    refused(wanted, Code::invalid_block_device_mapping, "only DeleteOnTermination");
    wanted.mapping = {{"/dev/sdf", EphemeralDevice{0}}};
    refused(wanted, Code::invalid_block_device_mapping, "only DeleteOnTermination");
    wanted.mapping = {{"/dev/sdh", sized(1)}, {"sdh", NoDevice{}}};
    refused(wanted, Code::invalid_block_device_mapping, "more than once");
    wanted.mapping = {{"/dev/sdh", sized(1, *SnapshotId::parse("snap-0123456789abcdef0"))}};
    refused(wanted, Code::invalid_snapshot_not_found, "snap-0123456789abcdef0");
    wanted = request();
    wanted.quiesce = Quiesce::yes;
    refused(wanted, Code::invalid_parameter_combination, "frozen");
    wanted.reboot = Reboot::no;
    refused(wanted, Code::unsupported_operation, "agent");
    wanted = request();
    wanted.tags = {{"aws:x", "y"}};
    EXPECT_FALSE(create(wanted));
    EXPECT_EQ(capture.create(other, request(), progress).error().code, Code::invalid_instance_id_not_found) << "it is not theirs";
    hypervisor.become_unavailable();
    EXPECT_EQ(create(request()).error().code, Code::hypervisor_unavailable);
    hypervisor.become_available();
    expect_clean();
}

TEST_F(CaptureTest, ATerminatedMachineAndInstanceStoreHaveNoImage) {
    ASSERT_TRUE(instances.terminate(me, instance.str()));
    EXPECT_EQ(create(request()).error().code, Code::incorrect_instance_state);
    ImportRequest import_request;
    stager.add("/disks/store.qcow2", fakes::FakeDisk{"store", "qcow2", Bytes{300U << 20U}, std::nullopt});
    import_request.source = "/disks/store.qcow2";
    import_request.name = "store";
    import_request.root_device_type = RootDeviceType::instance_store;
    ASSERT_TRUE(images.import(me, import_request, progress));
    auto wanted = request();
    wanted.instance = launch("store").front().id.str();
    const auto refused = create(wanted);
    EXPECT_EQ(refused.error().code, Code::unsupported_operation);
    EXPECT_THAT(refused.error().message, HasSubstr("'ebs' root device type"));
    expect_clean();
}

TEST_F(CaptureTest, GeneralizedItHasNoIdentityAndTheInstanceKeepsIts) {
    auto wanted = request();
    wanted.generalize = Generalize::yes;
    // The machine is on again before the long work begins.
    guests.script().before("visit", [&] { EXPECT_EQ(hypervisor.domain(instance)->state, DomainState::running); });
    const auto image = created(wanted);
    const auto layer = snapshot(snapshots_of(image).front()).layer;
    const auto tree = guests.tree(layer);
    EXPECT_EQ(tree.at("/etc/machine-id").content, "");
    EXPECT_EQ(tree.at("/var/log/syslog").content, "");
    for (const char* gone :
         {"/var/lib/dbus/machine-id", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key.pub",
          "/etc/dropbear/dropbear_ed25519_host_key", "/root/.bash_history", "/home/left/.ash_history", "/var/lib/postgresql/.psql_history",
          "/var/lib/cloud/data/instance-id", "/var/lib/cloud/instances/i-0/user-data.txt", "/var/lib/systemd/random-seed",
          "/var/lib/dhcp/dhclient.eth0.leases", "/var/log/journal/0123/system.journal"}) {
        EXPECT_FALSE(tree.contains(gone)) << gone;
    }
    for (const char* kept :
         {"/root/app.conf", "/etc/ssh/sshd_config", "/root/.ssh/authorized_keys", "/srv/web/.aws/credentials", "/etc/shadow"}) {
        EXPECT_EQ(tree.at(kept).content, used_machine().at(kept).content) << kept;
    }
    EXPECT_EQ(guests.tree(root_of(instance).layer).at("/etc/machine-id").content, used_machine().at("/etc/machine-id").content);
    EXPECT_EQ(state_of(instance), InstanceState::running);
    const auto copy = launch("golden").front();
    EXPECT_EQ(guests.tree(root_of(copy.id).layer).at("/etc/machine-id").content, "");
    expect_clean();
    // The layers go when nothing stands on them any more.
    ASSERT_TRUE(instances.terminate(me, copy.id.str()));
    ASSERT_TRUE(instances.terminate(me, instance.str()));
    ASSERT_TRUE(images.deregister(me, "golden", DeleteSnapshots::yes));
    expect_clean();
    EXPECT_EQ(store.layers().size(), 1U);
}

TEST_F(CaptureTest, WhatCannotBeGeneralizedIsNoImage) {
    auto wanted = request();
    wanted.generalize = Generalize::yes;
    guests.see_platform("windows");
    EXPECT_EQ(create(wanted).error().code, Code::unsupported_operation);
    expect_undone();
    guests.see_platform("linux");
    EbsDevice locked;
    locked.encrypted = true;
    RunRequest run;
    run.image = "tiny";
    run.mapping = {{base.root_device_name, locked}};
    const auto secret = instances.run(me, run, progress);
    ASSERT_TRUE(secret) << describe(secret.error());
    wanted.instance = secret->front().id.str();
    const auto refused = create(wanted);
    EXPECT_EQ(refused.error().code, Code::unsupported_operation);
    EXPECT_THAT(refused.error().message, HasSubstr("encrypted"));
    wanted.generalize = Generalize::no;
    const auto image = created(wanted);
    EXPECT_EQ(std::get<EbsDevice>(image.mapping[0].what).encrypted, true);
    EXPECT_EQ(capture.lint(me, "golden", progress).error().code, Code::unsupported_operation);
    expect_clean();
}

/// Every call of a port that the making of an image makes, failed once: no image, and the machine as it was.
TEST_F(CaptureTest, AFailureAtAnyStepLeavesNothing) {
    attach("/dev/sdf");
    struct Step {
        fakes::CallScript& script;
        const char* name;
        unsigned nth;
        Reboot reboot;
    };
    const std::vector<Step> steps{{hypervisor.script(), "request_shutdown", 1, Reboot::yes},
                                  {hypervisor.script(), "attached", 1, Reboot::yes},
                                  {hypervisor.script(), "attached", 1, Reboot::no},
                                  {store.script(), "create", 1, Reboot::yes},
                                  {store.script(), "create", 2, Reboot::yes},
                                  {store.script(), "persist", 1, Reboot::no},
                                  {hypervisor.script(), "snapshot", 1, Reboot::no},
                                  {store.script(), "seal", 1, Reboot::yes},
                                  {store.script(), "seal", 2, Reboot::no},
                                  {store.script(), "create", 3, Reboot::no},
                                  {guests.script(), "visit", 1, Reboot::yes},
                                  {guests.script(), "glob", 3, Reboot::no},
                                  {guests.script(), "remove", 2, Reboot::no},
                                  {guests.script(), "write", 1, Reboot::yes},
                                  {store.script(), "seal", 3, Reboot::no}};
    for (const auto& step : steps) {
        SCOPED_TRACE(fmt::format("{} {}", step.name, step.nth));
        auto wanted = request();
        wanted.generalize = Generalize::yes;
        wanted.reboot = step.reboot;
        step.script.fail(step.name, {Code::store_full, "no space left"}, step.nth);
        const auto image = create(wanted);
        ASSERT_FALSE(image);
        EXPECT_EQ(image.error().code, Code::store_full);
        expect_undone();
    }
    created(request());
}

TEST_F(CaptureTest, AGuestThatRunsOnIsFrozenWhereItsAgentAnswers) {
    auto wanted = request("frozen");
    wanted.reboot = Reboot::no;
    wanted.quiesce = Quiesce::yes;
    for (const auto agent : {fakes::GuestAgent::absent, fakes::GuestAgent::hangs}) {
        hypervisor.set_agent(instance, agent);
        EXPECT_EQ(create(wanted).error().code, Code::unsupported_operation);
        expect_undone();
    }
    hypervisor.set_agent(instance, fakes::GuestAgent::present);
    created(wanted);
    EXPECT_EQ(hypervisor.domain(instance)->freezes, 1U);
    wanted.name = "as it was";
    wanted.quiesce = Quiesce::no;
    created(wanted);
    EXPECT_EQ(hypervisor.domain(instance)->freezes, 1U);
    expect_clean();
}

/// The process dies wherever it asks something of the outside, at each such call; the next one finds no image, and the machine runs.
TEST_F(CaptureTest, ADeathAtAnyCallIsUndone) {
    attach("/dev/sdf");
    struct Step {
        fakes::CallScript& script;
        const char* name;
        Reboot reboot;
        unsigned least;  ///< calls of it
    };
    const std::vector<Step> steps{{hypervisor.script(), "request_shutdown", Reboot::yes, 1},
                                  {hypervisor.script(), "attached", Reboot::yes, 1},
                                  {hypervisor.script(), "snapshot", Reboot::no, 1},
                                  {hypervisor.script(), "start", Reboot::yes, 1},
                                  {store.script(), "create", Reboot::yes, 3},
                                  {store.script(), "create", Reboot::no, 3},  // the third is the generalized layer's
                                  {store.script(), "persist", Reboot::no, 1},
                                  {store.script(), "seal", Reboot::no, 3},
                                  {guests.script(), "visit", Reboot::no, 1},
                                  {guests.script(), "remove", Reboot::no, 5},
                                  {guests.script(), "write", Reboot::yes, 2},
                                  {catalog.script(), "commit", Reboot::yes, 4},
                                  {catalog.script(), "commit", Reboot::no, 3}};
    for (const auto& step : steps) {
        unsigned nth = 0;
        for (bool lived = false; !lived;) {
            SCOPED_TRACE(fmt::format("{} {}", step.name, ++nth));
            auto wanted = request();
            wanted.generalize = Generalize::yes;
            wanted.reboot = step.reboot;
            unsigned calls = 0;
            step.script.before(step.name, [&] {
                if (++calls == nth) {
                    hypervisor.become_unavailable();  // nothing is undone by the dead
                    store.script().fail_always("remove", {Code::io_error, "dead"});
                    catalog.script().fail_always("commit", {Code::io_error, "dead"});
                    throw Interrupted{9};
                }
            });
            try {
                const auto image = create(wanted);
                ASSERT_TRUE(image) << describe(image.error());
                lived = true;
            } catch (const Interrupted&) {
            }
            step.script.before(step.name, {});
            hypervisor.become_available();
            store.script().relent("remove");
            catalog.script().relent("commit");
            if (lived) {
                EXPECT_LT(calls, nth) << "it outlived its own death";
                ASSERT_TRUE(images.deregister(me, "golden", DeleteSnapshots::yes));
                continue;
            }
            die_and_recover();
            expect_undone();
            if (::testing::Test::HasFailure()) {
                return;
            }
        }
        EXPECT_GT(nth, step.least) << step.name;
    }
}

TEST_F(CaptureTest, AGuestThatWasAskedIsAwaitedAndBootedAgain) {
    hypervisor.set_guest(instance, fakes::AcpiAnswer::ignores);
    hypervisor.script().before("request_shutdown", [&] { hypervisor.become_unavailable(); });
    EXPECT_EQ(create(request()).error().code, Code::hypervisor_unavailable);
    hypervisor.script().before("request_shutdown", {});
    hypervisor.become_available();
    // It goes off while the next command waits for it.
    const auto went = clock.now() + std::chrono::seconds(5);
    hypervisor.script().before("attached", [&] {
        if (clock.now() >= went) {
            hypervisor.guest_powers_off(instance);
            hypervisor.script().before("attached", {});
        }
    });
    die_and_recover();
    EXPECT_GE(clock.now(), went);
    EXPECT_EQ(boots(), 2U);
    expect_undone();
}

TEST_F(CaptureTest, AMachineThatCannotBeBootedAgainIsStoppedAndItsImageStays) {
    hypervisor.script().fail("start", {Code::hypervisor_failed, "QEMU said no"});
    const auto image = created(request());
    EXPECT_EQ(image.state, ImageState::available);
    EXPECT_EQ(state_of(instance), InstanceState::stopped);
    EXPECT_THAT(progress.notes(), Contains(AllOf(HasSubstr(instance.str()), HasSubstr("QEMU said no"))));
    expect_clean();
    ASSERT_TRUE(instances.start(me, instance.str(), AcceleratorRequest::automatic, progress));
    expect_clean();
}

TEST_F(CaptureTest, AnInterruptUndoesItAndBootsTheMachine) {
    auto wanted = request();
    hypervisor.script().before("request_shutdown", [&] {
        hypervisor.script().before("request_shutdown", {});
        throw Interrupted{2};
    });
    EXPECT_THROW((void)create(wanted), Interrupted);
    expect_undone();
}

TEST_F(CaptureTest, TwoAtOnceAreOneAfterTheOther) {
    bool second_refused = false;
    hypervisor.script().before("snapshot", [&] {
        hypervisor.script().before("snapshot", {});
        auto again = request("golden-2");
        again.reboot = Reboot::no;
        const auto refused = create(again);
        second_refused = !refused && refused.error().code == Code::busy;
        EXPECT_EQ(create(request("tiny")).error().code, Code::busy);
    });
    auto wanted = request();
    wanted.reboot = Reboot::no;
    created(wanted);
    EXPECT_TRUE(second_refused);
    created(request("golden-2"));
    expect_clean();
}

TEST_F(CaptureTest, LintNamesWhatShouldNotBeShared) {
    auto wanted = request();
    wanted.reboot = Reboot::no;
    const auto image = created(wanted);
    const auto report = capture.lint(me, "golden", progress);
    ASSERT_TRUE(report) << describe(report.error());
    EXPECT_EQ(report->image.id, image.id);
    std::vector<std::string> found;
    for (const auto& finding : report->findings) {
        found.push_back(fmt::format("{} {} {}", to_string(finding.severity), finding.rule, finding.path));
    }
    EXPECT_THAT(found,
                ElementsAre("high authorized-keys /root/.ssh/authorized_keys", "high authorized-keys /var/lib/jenkins/.ssh/authorized_keys",
                            "high credentials /srv/web/.aws/credentials", "high credentials /var/lib/postgresql/.pgpass",
                            "high password /etc/shadow", "high private-key /srv/web/.ssh/id_rsa",
                            "high ssh-host-key /etc/dropbear/dropbear_ed25519_host_key", "high ssh-host-key /etc/ssh/ssh_host_ed25519_key",
                            "medium cloud-init-state /var/lib/cloud", "medium history /home/left/.ash_history",
                            "medium history /root/.bash_history", "medium history /var/lib/postgresql/.psql_history",
                            "medium machine-id /etc/machine-id", "medium machine-id /var/lib/dbus/machine-id",
                            "low dhcp-lease /var/lib/dhcp/dhclient.eth0.leases", "low log /var/log/journal/0123/system.journal",
                            "low log /var/log/syslog", "low random-seed /var/lib/systemd/random-seed",
                            "low ssh-host-key /etc/ssh/ssh_host_ed25519_key.pub"));
    EXPECT_EQ(capture.lint(other, "golden", progress).error().code, Code::invalid_ami_id_not_found);
    expect_clean();
}

TEST_F(CaptureTest, ACleanedImageIsANewOneAndTheOldStays) {
    const auto image = created(request());
    const auto report = capture.clean(me, "golden", "golden-clean", progress);
    ASSERT_TRUE(report) << describe(report.error());
    ASSERT_TRUE(report->cleaned);
    EXPECT_THAT(report->findings, Not(IsEmpty()));
    EXPECT_EQ(report->cleaned->source_image, image.id);
    EXPECT_EQ(report->cleaned->state, ImageState::available);
    const auto again = capture.lint(me, "golden-clean", progress);
    ASSERT_TRUE(again) << describe(again.error());
    EXPECT_THAT(again->findings, IsEmpty());
    EXPECT_THAT(capture.lint(me, "golden", progress)->findings, SizeIs(report->findings.size()));
    const auto tree = guests.tree(snapshot(snapshots_of(*report->cleaned).front()).layer);
    EXPECT_EQ(tree.at("/root/app.conf").content, "customised\n");
    EXPECT_EQ(tree.at("/etc/shadow").content, "root:!:1:0:9:7:::\nweb:!:1:0:9:7:::\n");
    expect_clean();
    // What is clean is not made again.
    const auto nothing = capture.clean(me, "golden-clean", "golden-cleaner", progress);
    ASSERT_TRUE(nothing) << describe(nothing.error());
    EXPECT_EQ(nothing->cleaned, std::nullopt);
    EXPECT_EQ(image_named("golden-cleaner"), std::nullopt);
    expect_clean();
    // The old one's snapshot goes, the new one is whole.
    ASSERT_TRUE(images.deregister(me, "golden", DeleteSnapshots::yes));
    EXPECT_THAT(launch("golden-clean"), SizeIs(1));
    expect_clean();
}

TEST_F(CaptureTest, AFailedCleaningLeavesNothing) {
    created(request());
    const auto before = rows(&CatalogSession::snapshots).size();
    EXPECT_EQ(capture.clean(me, "golden", "tiny", progress).error().code, Code::invalid_ami_name_duplicate);
    EXPECT_EQ(capture.clean(me, "none", "clean", progress).error().code, Code::invalid_ami_id_not_found);
    for (const auto& [script, name] : std::vector<std::pair<fakes::CallScript*, const char*>>{
             {&store.script(), "create"}, {&guests.script(), "visit"}, {&guests.script(), "remove"}, {&store.script(), "seal"}}) {
        SCOPED_TRACE(name);
        script->fail(name, {Code::store_full, "no space left"});
        EXPECT_EQ(capture.clean(me, "golden", "clean", progress).error().code, Code::store_full);
        EXPECT_EQ(image_named("clean"), std::nullopt);
        EXPECT_EQ(rows(&CatalogSession::snapshots).size(), before);
        expect_clean();
    }
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
        auto row = AMIVIRT_TRY(session.images().find(image_named("golden")->id));
        row->permissions.everyone = true;
        return session.images().update(*row);
    }));
    EXPECT_EQ(capture.clean(other, "golden", "clean", progress).error().code, Code::auth_failure);
    EXPECT_EQ(image_named("clean"), std::nullopt);
}

TEST_F(CaptureTest, VolumesThatNobodyLooksIntoAreNamed) {
    attach("/dev/sdf");
    auto wanted = request();
    wanted.reboot = Reboot::no;
    wanted.generalize = Generalize::yes;
    const auto image = created(wanted);
    const auto id = image.id.str();
    EXPECT_THAT(progress.notes(), ElementsAre("only the root of " + id + " is generalized, not its other volume /dev/sdf"));
    ASSERT_TRUE(capture.lint(me, "golden", progress));
    EXPECT_THAT(progress.notes(), Contains("only the root of " + id + " is looked into, not its other volume /dev/sdf"));
    ASSERT_TRUE(capture.clean(me, "golden", "clean", progress));
    EXPECT_THAT(progress.notes(), Contains("only the root of " + id + " is cleaned, not its other volume /dev/sdf"));
    ASSERT_TRUE(capture.diff(me, "golden", "clean", progress));
    EXPECT_THAT(progress.notes(), Contains("only the root of " + id + " is compared, not its other volume /dev/sdf"));
}

TEST_F(CaptureTest, DiffTellsFilesPackagesAndUsers) {
    auto tree = used_machine();
    const auto status = [](const std::string& version) {
        return fmt::format("Package: nginx\nStatus: install ok installed\nArchitecture: amd64\nVersion: {}\n", version);
    };
    tree["/var/lib/dpkg/status"] = {status("1.0"), EntryKind::file, 0644, 0, 0, 1};
    tree["/etc/localtime"] = {"", EntryKind::link, 0777, 0, 0, 1, "/usr/share/zoneinfo/UTC"};
    tree["/etc/hostname"] = {"web-1\n", EntryKind::file, 0644, 0, 0, 1};
    tree["/etc/hosts"] = {"::1 a\n", EntryKind::file, 0644, 0, 0, 1, {}, 7};
    guests.put(root_of(instance).layer, tree);
    auto wanted = request("before");
    wanted.reboot = Reboot::no;
    created(wanted);
    tree["/var/lib/dpkg/status"] = {status("2.0"), EntryKind::file, 0644, 0, 0, 2};
    tree["/etc/passwd"].content += "new:x:1001:1001::/home/new:/bin/sh\n";
    tree["/etc/localtime"].target = "/usr/share/zoneinfo/CET";
    tree["/root/app.conf"] = {"customisEd\n", EntryKind::file, 0644, 0, 0, 2};   // same size, other time
    tree["/etc/ssh/sshd_config"].modified = 2;                                   // touched only
    tree["/etc/hostname"] = {"web-2\n", EntryKind::file, 0644, 0, 0, 1, {}, 8};  // same size and time, as reproducible builds have them
    tree["/etc/hosts"] = {"::1 b\n", EntryKind::file, 0644, 0, 0, 1, {}, 7};     // by the kernel's own time nobody wrote to it
    tree["/etc/shadow"].mode = 0600;
    tree["/etc/machine-id"].uid = 5;
    tree.erase("/root/.bash_history");
    tree["/srv/web/index.html"] = {"hello\n"};
    guests.put(root_of(instance).layer, tree);
    wanted.name = "after";
    created(wanted);
    const auto diff = capture.diff(me, "before", "after", progress);
    ASSERT_TRUE(diff) << describe(diff.error());
    EXPECT_THAT(diff->added, ElementsAre("/srv/web/index.html"));
    EXPECT_THAT(diff->removed, ElementsAre("/root/.bash_history"));
    using Changed = ImageDiff::Changed;
    EXPECT_THAT(diff->changed,
                ElementsAre(Changed{"/etc/hostname", {"content"}}, Changed{"/etc/localtime", {"target"}},
                            Changed{"/etc/machine-id", {"owner"}}, Changed{"/etc/passwd", {"content"}}, Changed{"/etc/shadow", {"mode"}},
                            Changed{"/root/app.conf", {"content"}}, Changed{"/var/lib/dpkg/status", {"content"}}));
    EXPECT_THAT(diff->packages, ElementsAre(ImageDiff::Versions{"nginx", "1.0", "2.0"}));
    EXPECT_THAT(diff->users, ElementsAre(ImageDiff::Versions{"new", "", "1001:1001:/home/new:/bin/sh"}));
    const auto visits = guests.script().calls("visit");
    EXPECT_TRUE(capture.diff(me, "after", "after", progress)->none());
    EXPECT_EQ(guests.script().calls("visit"), visits) << "the same disk need not be opened";
    EXPECT_EQ(capture.diff(me, "before", "none", progress).error().code, Code::invalid_ami_id_not_found);
    guests.script().fail("checksums", {Code::tool_failed, "broke off"});
    EXPECT_EQ(capture.diff(me, "before", "after", progress).error().code, Code::tool_failed);
}

TEST_F(CaptureTest, DiffReadsFilesOfOneTimeInImagesThatWereBuiltApart) {
    import("apart", "other bytes");
    auto tree = used_machine();
    const auto root_layer = [&](const char* name) { return snapshot(snapshots_of(*images.resolve(me, name)).front()).layer; };
    guests.put(root_layer("tiny"), tree);
    tree["/root/app.conf"].content = "customisEd\n";
    guests.put(root_layer("apart"), tree);
    const auto diff = capture.diff(me, "tiny", "apart", progress);
    ASSERT_TRUE(diff) << describe(diff.error());
    EXPECT_THAT(diff->changed, ElementsAre(ImageDiff::Changed{"/root/app.conf", {"content"}}));
    // Two of one base: only what somebody wrote to is read.
    auto wanted = request("derived");
    wanted.reboot = Reboot::no;
    created(wanted);
    const auto asked = guests.script().calls("checksums");
    guests.put(root_of(instance).layer, tree);
    ASSERT_TRUE(capture.diff(me, "tiny", "derived", progress));
    EXPECT_EQ(guests.script().calls("checksums"), asked);
}

TEST_F(CaptureTest, PackagesOfOtherManagersAreComparedOrSaidNotToBe) {
    auto tree = used_machine();
    tree["/var/lib/rpm/rpmdb.sqlite"] = {"SQLite"};
    guests.put(root_of(instance).layer, tree);
    auto wanted = request("before");
    wanted.reboot = Reboot::no;
    created(wanted);
    store.write(root_of(instance).layer, 7, "more");
    wanted.name = "after";
    created(wanted);
    const auto unknown = capture.diff(me, "before", "after", progress);
    ASSERT_TRUE(unknown) << describe(unknown.error());
    EXPECT_TRUE(unknown->packages_unknown);
    guests.see_packages(std::map<std::string, std::string>{{"bash", "5.1-1"}});
    unsigned asked = 0;
    guests.script().before("packages", [&] { ++asked; });
    const auto known = capture.diff(me, "before", "after", progress);
    ASSERT_TRUE(known) << describe(known.error());
    EXPECT_FALSE(known->packages_unknown);
    EXPECT_THAT(known->packages, IsEmpty());
    EXPECT_EQ(asked, 2U);
    tree.erase("/var/lib/rpm/rpmdb.sqlite");
    tree["/var/lib/dpkg/status"] = {"Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2\n"};
    guests.put(root_of(instance).layer, tree);
    wanted.name = "debian";
    created(wanted);
    const auto different = capture.diff(me, "before", "debian", progress);
    ASSERT_TRUE(different) << describe(different.error());
    EXPECT_THAT(different->packages, ElementsAre(ImageDiff::Versions{"bash", "5.1-1", "5.2"}));
}

}  // namespace
}  // namespace amivirt::testing
