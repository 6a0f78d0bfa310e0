// Labs on fakes: made once, edited in place, replaced, removed; and what is left when the process dies in between.
#include "amivirt/base/interrupt.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class LabsTest : public Bench {
protected:
    void SetUp() override {
        import("tiny");
        lab.name = "shop";
        lab.file = "shop.yaml";
        LabVolume data;
        data.name = "data";
        data.line = 2;
        data.ebs.size = GiB{2};
        lab.volumes = {data};
        lab.instances = {section("db", 4), section("web", 6)};
        lab.instances[0].disks = {{"/dev/sdf", "data", {}}};
        lab.instances[1].count = 2;
        lab.instances[1].depends_on = {{"db", Readiness::running}};
    }
    static LabInstance section(const std::string& name, int line) {
        LabInstance instance;
        instance.name = name;
        instance.line = line;
        instance.image = "tiny";
        instance.type = "t3.nano";
        return instance;
    }
    Result<LabReport> up() { return labs.up(me, lab, options, progress); }
    /// What was done, as "create db".
    std::vector<std::string> done() {
        auto report = up();
        EXPECT_TRUE(report) << describe(report.error());
        return report ? actions(report->plan) : std::vector<std::string>{"failed"};
    }
    std::vector<std::string> to_do() {
        auto report = labs.examine(me, lab);
        EXPECT_TRUE(report) << describe(report.error());
        return report ? actions(report->plan) : std::vector<std::string>{"failed"};
    }
    static std::vector<std::string> actions(const LabPlan& plan) {
        std::vector<std::string> all;
        for (const auto& step : plan.steps) {
            if (step.action != LabAction::keep) {
                all.push_back(std::string(to_string(step.action)) + " " + step.name);
            }
        }
        return all;
    }
    Result<LabReport> down(KeepVolumes keep = KeepVolumes::no) { return labs.down(me, lab.name, &lab, keep, options, progress); }
    /// Living instances by their Name tag.
    std::map<std::string, Instance> machines() {
        std::map<std::string, Instance> found;
        for (auto& instance : rows(&CatalogSession::instances)) {
            if (instance.state != InstanceState::terminated) {
                EXPECT_TRUE(found.emplace(name_tag(instance.tags), instance).second) << "two of one name";
            }
        }
        return found;
    }
    std::vector<std::string> members() {
        std::vector<std::string> names;
        for (const auto& member : rows(&CatalogSession::lab_members)) {
            names.push_back(member.kind + " " + member.name);
        }
        return names;
    }
    Volume data() {
        for (const auto& volume : rows(&CatalogSession::volumes)) {
            if (name_tag(volume.tags) == "data") {
                return volume;
            }
        }
        ADD_FAILURE() << "there is no volume data";
        return {};
    }
    Lab lab;
    LabOptions options;
};

TEST_F(LabsTest, IsMadeOnceAndGoesWhole) {
    EXPECT_THAT(done(), ElementsAre("create data", "create db", "create web-1", "create web-2"));
    const auto first = machines();
    ASSERT_THAT(first, SizeIs(3));
    EXPECT_EQ(first.at("web-2").tags.at("amivirt:lab"), "shop");
    EXPECT_EQ(data().attachment->instance, first.at("db").id);
    EXPECT_THAT(members(), UnorderedElementsAre("volume data", "instance db", "instance web-1", "instance web-2"));
    EXPECT_THAT(to_do(), IsEmpty());
    EXPECT_THAT(done(), IsEmpty());
    EXPECT_EQ(machines().at("db").id, first.at("db").id);
    expect_clean();
    auto gone = down();
    ASSERT_TRUE(gone) << describe(gone.error());
    EXPECT_THAT(machines(), IsEmpty());
    EXPECT_THAT(rows(&CatalogSession::volumes), IsEmpty());
    EXPECT_THAT(members(), IsEmpty());
    gone = down();
    ASSERT_TRUE(gone);
    EXPECT_FALSE(gone->plan.changes());
    expect_clean();
}

TEST_F(LabsTest, WhatIsNotTheLabsStays) {
    launch("tiny");
    const auto mine = make_volume();
    ASSERT_THAT(done(), SizeIs(4));
    ASSERT_TRUE(down());
    EXPECT_THAT(machines(), SizeIs(1));
    EXPECT_EQ(volume(mine.id).state, VolumeState::available);
}

TEST_F(LabsTest, VolumesOutliveADown) {
    ASSERT_THAT(done(), SizeIs(4));
    const auto id = data().id;
    ASSERT_TRUE(down(KeepVolumes::yes));
    EXPECT_EQ(volume(id).state, VolumeState::available);
    EXPECT_THAT(members(), ElementsAre("volume data"));
    EXPECT_THAT(done(), ElementsAre("create db", "create web-1", "create web-2"));
    EXPECT_EQ(volume(id).attachment->instance, machines().at("db").id);
    expect_clean();
}

TEST_F(LabsTest, AnEditChangesWhatDiffersAndNoMore) {
    ASSERT_THAT(done(), SizeIs(4));
    const auto before = machines();
    lab.instances[0].tags["role"] = "main";
    lab.volumes[0].ebs.size = GiB{3};
    LabDisk more{"/dev/sdg", "", {}};
    more.ebs.size = GiB{1};
    lab.instances[0].disks.push_back(more);
    EXPECT_THAT(done(), ElementsAre("change data", "change db"));
    EXPECT_EQ(machines().at("db").tags.at("role"), "main");
    EXPECT_EQ(machines().at("db").id, before.at("db").id);
    EXPECT_EQ(data().size, GiB{3});
    EXPECT_THAT(done(), IsEmpty());
    EXPECT_THAT(rows(&CatalogSession::volumes), SizeIs(5));
    // What goes with the machine does so, and what was added to it, too.
    lab.instances[1].type = "t3.small";
    EXPECT_THAT(done(), ElementsAre("replace web-1", "replace web-2"));
    EXPECT_NE(machines().at("web-1").id, before.at("web-1").id);
    EXPECT_EQ(machines().at("web-1").type, "t3.small");
    lab.instances.erase(lab.instances.begin() + 1);
    EXPECT_THAT(done(), UnorderedElementsAre("remove web-1", "remove web-2"));
    ASSERT_TRUE(down());
    EXPECT_THAT(rows(&CatalogSession::volumes), IsEmpty());
    EXPECT_THAT(members(), IsEmpty());
    expect_clean();
}

TEST_F(LabsTest, AVolumeMovesAndAReplacedMachineGetsItBack) {
    ASSERT_THAT(done(), SizeIs(4));
    lab.instances[0].user_data = "#!/bin/sh\n";
    EXPECT_THAT(done(), ElementsAre("replace db"));
    EXPECT_EQ(data().attachment->instance, machines().at("db").id);
    lab.instances[1].count = 1;
    lab.instances[1].disks = std::move(lab.instances[0].disks);
    lab.instances[0].disks.clear();
    EXPECT_THAT(done(), UnorderedElementsAre("change db", "change web", "remove web-2"));
    EXPECT_EQ(data().attachment->instance, machines().at("web").id);
    EXPECT_THAT(done(), IsEmpty());
    expect_clean();
}

TEST_F(LabsTest, WhatWasTerminatedByHandIsMadeAgain) {
    ASSERT_THAT(done(), SizeIs(4));
    ASSERT_TRUE(instances.terminate(me, machines().at("web-1").id.str()));
    ASSERT_TRUE(instances.stop(me, machines().at("web-2").id.str(), Duration{0}, Force::yes));
    EXPECT_THAT(to_do(), ElementsAre("create web-1", "start web-2"));
    EXPECT_THAT(done(), ElementsAre("create web-1", "start web-2"));
    EXPECT_EQ(machines().at("web-2").state, InstanceState::running);
    EXPECT_THAT(to_do(), IsEmpty());
    expect_clean();
}

TEST_F(LabsTest, AllFaultsAreToldAndNothingIsMade) {
    lab.instances[0].image = "tinny";
    lab.instances[0].ports = {{"127.0.0.1", 8080, 80, "tcp"}};
    lab.instances[1].type = "t9.huge";
    lab.instances[1].key = "nobody";
    lab.instances[1].count = 1;
    lab.instances[1].ports = {{"127.0.0.1", 8081, 80, "tcp"}};
    lab.instances[1].depends_on = {{"db", Readiness::cloud_init}};
    lab.keys = {{"admin", 9, "no key"}};
    host.take_port(8081);
    const auto refused = up();
    ASSERT_FALSE(refused);
    const auto text = describe(refused.error());
    EXPECT_THAT(text, AllOf(HasSubstr("shop.yaml:4: instances.db: image \"tinny\" not found"), HasSubstr("t9.huge"),
                            HasSubstr("shop.yaml:6: instances.web: key pair \"nobody\" not found"), HasSubstr("port 8081"),
                            HasSubstr("shop.yaml:9: keys.admin: this is no public key")));
    EXPECT_THAT(members(), IsEmpty());
    EXPECT_THAT(machines(), IsEmpty());
    EXPECT_THAT(rows(&CatalogSession::volumes), IsEmpty());
    expect_clean();
}

TEST_F(LabsTest, APortOfAMachineThatGoesIsFree) {
    lab.instances[0].ports = {{"127.0.0.1", 8080, 80, "tcp"}};
    ASSERT_THAT(done(), SizeIs(4));
    host.take_port(8080);  // by the machine itself
    hypervisor.script().before("remove", [&] { host.release_port(8080); });
    lab.instances[0].user_data = "#!/bin/sh\n";
    EXPECT_THAT(done(), ElementsAre("replace db"));
    EXPECT_EQ(machines().at("db").ports.back().host_port, 8080);
    // Of another's machine it is not.
    RunRequest foreign;
    foreign.image = "tiny";
    foreign.ports = {{"127.0.0.1", 8090, 80, "tcp"}};
    ASSERT_TRUE(instances.run(me, foreign, progress));
    lab.instances[0].ports[0].host_port = 8090;
    lab.instances[0].ports[0].address = "0.0.0.0";
    const auto refused = up();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("port 8090/tcp of 0.0.0.0 is forwarded to instance \"i-"));
}

TEST_F(LabsTest, AMachineOutlivesItsCount) {
    lab.instances[1].count = 1;
    done();
    const auto only = machines().at("web").id;
    lab.instances[1].disks = {{"/dev/sdg", "", {}}};  // added later: it has a record of its own
    lab.instances[1].disks[0].ebs.size = GiB{1};
    EXPECT_THAT(done(), ElementsAre("change web"));
    lab.instances[1].count = 2;
    EXPECT_THAT(done(), ElementsAre("change web-1", "create web-2"));
    EXPECT_EQ(machines().at("web-1").id, only);
    EXPECT_THAT(members(), UnorderedElementsAre("volume data", "instance db", "instance web-1", "instance web-2", "disk web-1:/dev/sdg"));
    EXPECT_THAT(to_do(), IsEmpty());
    lab.instances[1].count = 1;
    EXPECT_THAT(done(), ElementsAre("change web", "remove web-2"));
    EXPECT_EQ(machines().at("web").id, only);
    EXPECT_THAT(to_do(), IsEmpty());
    // Another edit at once: replaced, and nothing is left of the old name.
    lab.instances[1].count = 2;
    lab.instances[1].type = "t3.small";
    done();
    EXPECT_NE(machines().at("web-1").id, only);
    EXPECT_THAT(members(), UnorderedElementsAre("volume data", "instance db", "instance web-1", "instance web-2"));
    EXPECT_THAT(to_do(), IsEmpty());
    expect_clean();
}

TEST_F(LabsTest, UserDataMayBeLarge) {
    lab.instances[0].user_data = "#!/bin/sh\n" + std::string(20000, '#');
    done();
    EXPECT_EQ(machines().at("db").user_data, lab.instances[0].user_data);
    lab.instances[0].user_data.resize((1U << 20U) + 1);
    EXPECT_THAT(up().error().message, HasSubstr("user data is limited to 1048576 bytes"));
}

TEST_F(LabsTest, AVolumeAttachedElsewhereIsNotTakenAway) {
    ASSERT_THAT(done(), SizeIs(4));
    const auto id = data().id;
    ASSERT_TRUE(volumes.detach(me, id.str(), Duration{1000}));
    EXPECT_THAT(done(), ElementsAre("change db")) << "what was detached by hand comes back";
    ASSERT_TRUE(volumes.detach(me, id.str(), Duration{1000}));
    const auto foreign = launch("tiny").front();
    ASSERT_TRUE(volumes.attach(me, {id.str(), foreign.id.str(), "", false}));
    const auto refused = up();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::volume_in_use);
}

TEST_F(LabsTest, OneThatFailsKeepsBackWhatDependsOnIt) {
    lab.instances.push_back(section("alone", 8));
    hypervisor.script().fail("start", {Code::hypervisor_failed, "no"});
    lab.instances[1].count = 1;
    lab.instances[2].depends_on = {{"web", Readiness::running}};
    lab.instances.push_back(section("other", 9));
    lab.instances[3].depends_on = {{"db", Readiness::running}};
    EXPECT_FALSE(up());
    EXPECT_THAT(machines(), IsEmpty()) << "all depend on db";
    EXPECT_THAT(members(), Not(IsEmpty()));
    expect_clean();
    EXPECT_THAT(done(), ElementsAre("create db", "create web", "create alone", "create other"));
    EXPECT_THAT(done(), IsEmpty());
}

TEST_F(LabsTest, DependentsWaitForSsh) {
    lab.instances[1].depends_on = {{"db", Readiness::ssh}};
    lab.instances[1].count = 1;
    host.on_vain_wait([&](Duration waited) {
        clock.advance(waited);
        const auto there = machines();
        EXPECT_THAT(there, SizeIs(1)) << "web waits for db";
        if (clock.now() > fakes::ManualClock::k_start + std::chrono::seconds(20)) {
            host.answer_ssh(ssh_forward(there.at("db"))->host_port);
        }
    });
    EXPECT_THAT(done(), SizeIs(3));
    EXPECT_THAT(machines(), SizeIs(2));
}

TEST_F(LabsTest, ADependencyThatIsNeverReadyTimesOut) {
    lab.instances[1].depends_on = {{"db", Readiness::ssh}};
    options.patience = std::chrono::seconds(15);
    host.on_vain_wait([&](Duration waited) { clock.advance(waited); });
    const auto failed = up();
    ASSERT_FALSE(failed);
    EXPECT_THAT(describe(failed.error()), HasSubstr("did not answer SSH"));
    EXPECT_THAT(machines(), SizeIs(1));
    EXPECT_TRUE(rows(&CatalogSession::operations).empty());
}

TEST_F(LabsTest, KeysAreImportedAndGoWithTheLab) {
    lab.keys = {{"admin", 9, "ssh-ed25519 AAAA"}};
    lab.instances[0].key = "admin";
    EXPECT_THAT(done(), ElementsAre("create admin", "create data", "create db", "create web-1", "create web-2"));
    ASSERT_THAT(rows(&CatalogSession::key_pairs), SizeIs(1));
    EXPECT_EQ(rows(&CatalogSession::key_pairs)[0].public_key, "ssh-ed25519 AAAA");
    lab.keys[0].public_key = "ssh-ed25519 AAAAB";
    EXPECT_THAT(done(), ElementsAre("replace admin"));
    EXPECT_EQ(rows(&CatalogSession::key_pairs).at(0).public_key, "ssh-ed25519 AAAAB");
    ASSERT_TRUE(down());
    EXPECT_THAT(rows(&CatalogSession::key_pairs), IsEmpty());
    expect_clean();
}

TEST_F(LabsTest, APlanTellsWhatWouldBeRefused) {
    EXPECT_TRUE(labs.plan(me, lab, options));
    lab.instances[0].image = "tinny";
    const auto refused = labs.plan(me, lab, options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::invalid_ami_id_not_found);
    EXPECT_TRUE(labs.examine(me, lab)) << "its status can be told all the same";
}

TEST_F(LabsTest, AnothersLabOfThatNameIsAnother) {
    ASSERT_THAT(done(), SizeIs(4));
    const auto report = labs.down(other, "shop", nullptr, KeepVolumes::no, options, progress);
    ASSERT_TRUE(report) << describe(report.error());
    EXPECT_FALSE(report->plan.changes());
    EXPECT_THAT(machines(), SizeIs(3));
}

TEST_F(LabsTest, IsBusyWhileAnotherIsAtIt) {
    auto held = operations.begin(OperationKind::change_lab, {"lab:" + me.str() + "/shop"}, Duration{0},
                                 [](CatalogSession&, Operation&) -> Result<void> { return {}; });
    ASSERT_TRUE(held);
    const auto refused = up();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::busy);
    EXPECT_THAT(refused.error().message, HasSubstr("ChangeLab"));
    EXPECT_TRUE(labs.examine(me, lab)) << "looking needs no claim";
}

TEST_F(LabsTest, InterruptedAnywhereTheNextUpGoesOn) {
    const auto interrupt_at = [&](fakes::CallScript& script, const std::string& step, unsigned nth) {
        script.before(step, [nth, seen = 0U]() mutable {
            if (++seen == nth) {
                throw Interrupted{2};
            }
        });
    };
    for (const auto& [script, step] : std::vector<std::pair<fakes::CallScript*, std::string>>{{&store.script(), "create"},
                                                                                              {&store.script(), "persist"},
                                                                                              {&hypervisor.script(), "start"},
                                                                                              {&hypervisor.script(), "attach"}}) {
        for (unsigned nth = 1; nth <= 3; ++nth) {
            SCOPED_TRACE(step + " " + std::to_string(nth));
            interrupt_at(*script, step, nth);
            bool interrupted = false;
            try {
                (void)up();
            } catch (const Interrupted&) {
                interrupted = true;
            }
            script->before(step, {});
            expect_clean();
            const auto report = up();
            ASSERT_TRUE(report) << describe(report.error());
            EXPECT_EQ(report->plan.changes(), interrupted);
            EXPECT_THAT(machines(), SizeIs(3));
            EXPECT_THAT(to_do(), IsEmpty());
            const auto gone = down();
            ASSERT_TRUE(gone) << describe(gone.error());
            EXPECT_THAT(rows(&CatalogSession::volumes), IsEmpty());
            EXPECT_THAT(machines(), IsEmpty());
            EXPECT_THAT(members(), IsEmpty());
            expect_clean();
        }
    }
}

}  // namespace
}  // namespace amivirt::testing
