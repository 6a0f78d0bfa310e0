// What a lab's file asks for against what there is.
#include "amivirt/domain/lab.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "domain_samples.hpp"

namespace amivirt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

LabInstance machine(const std::string& name, std::vector<std::string> needs = {}) {
    LabInstance instance;
    instance.name = name;
    instance.image = "tiny";
    for (auto& need : needs) {
        instance.depends_on.push_back({std::move(need), Readiness::running});
    }
    return instance;
}

class LabPlanTest : public ::testing::Test {
protected:
    LabPlanTest() {
        lab.name = "shop";
        lab.file = "shop.yaml";
        LabVolume data;
        data.name = "data";
        data.line = 3;
        data.ebs.size = GiB{2};
        lab.volumes = {data};
        LabInstance db = machine("db");
        db.type = "t3.nano";
        db.disks = {{"/dev/sdf", "data", {}}, {"/dev/sdg", "", {}}};
        db.disks[1].ebs.size = GiB{1};
        db.tags = {{"role", "db"}};
        lab.instances = {db};
    }
    /// As an `up` leaves it.
    void bring_up() {
        there = {};
        for (const auto& volume : lab.volumes) {
            Volume made;
            made.id = samples::id<VolumeId>(++count);
            made.size = volume.ebs.size.value_or(GiB{1});
            made.state = VolumeState::available;
            made.tags = tags_of(lab, volume);
            remember("volume", volume.name, made.id.str(), digest_of(volume));
            there.volumes.push_back(made);
        }
        for (const auto& one : machines_of(lab)) {
            const LabInstance& section = lab.instances[one.section];
            Instance made;
            made.id = samples::id<InstanceId>(++count);
            made.type = section.type;
            made.state = InstanceState::running;
            made.tags = tags_of(lab, one);
            for (const auto& disk : section.disks) {
                if (disk.volume.empty()) {
                    Volume own;
                    own.id = samples::id<VolumeId>(++count);
                    own.size = disk.ebs.size.value_or(GiB{1});
                    own.attachment = Attachment{made.id, disk.device, false, true, {}};
                    there.volumes.push_back(own);
                } else {
                    volume(disk.volume).attachment = Attachment{made.id, disk.device, false, false, {}};
                }
            }
            remember("instance", one.name, made.id.str(), digest_of(section));
            there.instances.push_back(made);
        }
    }
    void remember(const std::string& kind, const std::string& name, const std::string& resource, const std::string& digest) {
        there.members.push_back({lab_member_key("x", kind, name), "x", kind, name, resource, digest, {}});
    }
    Volume& volume(const std::string& name) {
        for (const auto& member : there.members) {
            for (auto& one : there.volumes) {
                if (member.kind == "volume" && member.name == name && one.id.str() == member.resource) {
                    return one;
                }
            }
        }
        throw std::out_of_range(name);
    }
    /// "change instance db: tag role" and so on, without what is kept.
    std::vector<std::string> steps() const { return steps_of(plan_lab(lab, there)); }
    static std::vector<std::string> steps_of(const LabPlan& plan) {
        std::vector<std::string> lines;
        for (const auto& step : plan.steps) {
            if (step.action != LabAction::keep) {
                std::string line = std::string(to_string(step.action)) + " " + step.kind + " " + step.name;
                for (const auto& reason : step.reasons) {
                    line += "; " + reason;
                }
                lines.push_back(line);
            }
        }
        return lines;
    }
    Lab lab;
    LabThere there;
    unsigned count = 0;
};

TEST(LabNames, AreFitForFilesAndHosts) {
    for (const char* fine : {"a", "web-1", "9.b_c", "Shop"}) {
        EXPECT_TRUE(check_lab_name("a lab", fine)) << fine;
    }
    for (const std::string& bad : {std::string(), std::string("-a"), std::string("a b"), std::string("a/b"), std::string("\xC3\xA4"),
                                   std::string("a\nb"), std::string(64, 'a')}) {
        EXPECT_FALSE(check_lab_name("a lab", bad)) << bad;
    }
    // What is quoted of a long one ends between two characters.
    const auto cut = check_lab_name("a lab", std::string(62, 'a') + "\xC6\x80");
    EXPECT_TRUE(cut.error().message.starts_with("\"" + std::string(62, 'a') + "\" is no name")) << cut.error().message;
    const auto whole = check_lab_name("a lab", std::string(61, 'a') + "\xC6\x80");
    EXPECT_TRUE(whole.error().message.starts_with("\"" + std::string(61, 'a') + "\xC6\x80\" is no name")) << whole.error().message;
}

TEST(LabCycles, AreNamedAsAPath) {
    EXPECT_THAT(find_cycle({}), IsEmpty());
    EXPECT_THAT(find_cycle({machine("a", {"b", "c"}), machine("b", {"c"}), machine("c")}), IsEmpty());
    EXPECT_THAT(find_cycle({machine("a", {"a"})}), ElementsAre("a", "a"));
    EXPECT_THAT(find_cycle({machine("x", {"a"}), machine("a", {"b"}), machine("b", {"c"}), machine("c", {"a"})}),
                ElementsAre("a", "b", "c", "a"));
    EXPECT_THAT(find_cycle({machine("a", {"nobody"})}), IsEmpty());
    std::vector<LabInstance> chain;
    for (int i = 0; i < 20'000; ++i) {
        chain.push_back(machine(std::to_string(i), {std::to_string(i + 1)}));
    }
    EXPECT_THAT(find_cycle(chain), IsEmpty()) << "a long chain takes no stack";
}

TEST(LabReadiness, RoundTrips) {
    for (const auto value : {Readiness::running, Readiness::ssh, Readiness::cloud_init}) {
        EXPECT_EQ(parse_readiness(to_string(value)).value(), value);
    }
    EXPECT_THAT(parse_readiness("shh").error().hint, HasSubstr("ssh"));
}

TEST_F(LabPlanTest, EverythingIsMadeOnce) {
    EXPECT_THAT(steps(), ElementsAre("create volume data", "create instance db"));
    EXPECT_TRUE(plan_lab(lab, there).changes());
    bring_up();
    EXPECT_THAT(steps(), IsEmpty());
    EXPECT_FALSE(plan_lab(lab, there).changes());
}

TEST_F(LabPlanTest, ACountNamesItsMachines) {
    lab.instances = {machine("web")};
    lab.instances[0].count = 3;
    EXPECT_THAT(steps(), ElementsAre("create volume data", "create instance web-1", "create instance web-2", "create instance web-3"));
    bring_up();
    lab.instances[0].count = 2;
    EXPECT_THAT(steps(), ElementsAre("remove instance web-3; it is no longer in the file"));
}

TEST_F(LabPlanTest, TagsAndSizesAndDisksChangeInPlace) {
    bring_up();
    there.instances[0].tags["by hand"] = "x";
    lab.instances[0].tags["role"] = "main";
    lab.volumes[0].ebs.size = GiB{3};
    lab.instances[0].disks[1].ebs.size = GiB{2};
    LabDisk more{"/dev/sdh", "", {}};
    more.ebs.size = GiB{5};
    lab.instances[0].disks.push_back(more);
    EXPECT_THAT(steps(),
                ElementsAre("change volume data; it grows from 2 to 3 GiB",
                            "change instance db; tags by hand, role; disk /dev/sdg grows from 1 to 2 GiB; disk /dev/sdh is added"));
    const auto plan = plan_lab(lab, there);
    EXPECT_EQ(plan.steps[1].change.tags, (Tags{{"Name", "db"}, {"amivirt:lab", "shop"}, {"role", "main"}}));
    EXPECT_THAT(plan.steps[1].change.attach, ElementsAre(more));
    EXPECT_EQ(plan.steps[1].change.growths.at(0).size, GiB{2});
}

TEST_F(LabPlanTest, WhatCannotChangeIsReplaced) {
    bring_up();
    lab.instances[0].type = "t3.small";
    lab.instances[0].user_data = "#!/bin/sh\n";
    lab.instances[0].ports = {PortForward{}};
    lab.instances[0].disks.pop_back();
    EXPECT_THAT(steps(), ElementsAre("replace instance db; ports was edited; type is t3.nano, not t3.small; user_data was edited; "
                                     "disk sdg is no longer in the file"));
    bring_up();
    lab.instances[0].image = "other";
    EXPECT_THAT(steps(), ElementsAre("replace instance db; image was edited"));
}

TEST_F(LabPlanTest, ADiskCannotShrinkButMayHaveBeenGrownByHand) {
    lab.instances[0].disks[1].ebs.size = GiB{4};
    bring_up();
    there.volumes[1].size = GiB{9};
    EXPECT_THAT(steps(), IsEmpty());
    lab.instances[0].disks[1].ebs.size = GiB{3};
    EXPECT_THAT(steps(), ElementsAre("replace instance db; disk /dev/sdg cannot shrink from 9 to 3 GiB"));
}

TEST_F(LabPlanTest, ALabsVolumeIsNeverReplaced) {
    bring_up();
    lab.volumes[0].ebs.size = GiB{1};
    lab.volumes[0].ebs.encrypted = true;
    const auto plan = plan_lab(lab, there);
    EXPECT_THAT(plan.faults, ElementsAre(HasSubstr("shop.yaml:3: volumes.data: vol-"), HasSubstr("has 2 GiB and cannot shrink to 1")));
}

TEST_F(LabPlanTest, AVolumeMovesToAnotherMachine) {
    bring_up();
    LabInstance other = machine("other");
    other.disks = {lab.instances[0].disks[0]};
    lab.instances[0].disks.erase(lab.instances[0].disks.begin());
    lab.instances.push_back(other);
    EXPECT_THAT(steps(), ElementsAre("change instance db; volume data is detached", "create instance other"));
    EXPECT_THAT(plan_lab(lab, there).steps[1].change.detach, ElementsAre(volume("data").id));
    lab.instances.pop_back();
    lab.volumes.clear();
    EXPECT_THAT(steps(), ElementsAre("change instance db; volume data is detached", "remove volume data; it is no longer in the file"));
}

TEST_F(LabPlanTest, WhatWentByHandIsMadeAgainAndWhatStoppedStarts) {
    bring_up();
    const auto id = there.instances[0].id.str();
    there.instances[0].state = InstanceState::terminated;
    EXPECT_THAT(steps(), ElementsAre("create instance db; " + id + " is terminated"));
    there.instances[0].state = InstanceState::stopped;
    EXPECT_THAT(steps(), ElementsAre("start instance db; it is stopped"));
    there.instances.clear();
    EXPECT_THAT(steps(), ElementsAre("create instance db; " + id + " is gone"));
}

TEST_F(LabPlanTest, AnotherKeyIsReplacedAndAForeignOneIsAFault) {
    lab.keys = {{"admin", 7, "ssh-ed25519 AAAA"}};
    KeyPair pair;
    pair.id = samples::id<KeyPairId>(1);
    pair.name = "admin";
    there.key_pairs = {pair};
    EXPECT_THAT(plan_lab(lab, there).faults,
                ElementsAre("shop.yaml:7: keys.admin: there is a key pair of that name, and it is not this lab's"));
    remember("key", "admin", pair.id.str(), digest_of(lab.keys[0]));
    EXPECT_THAT(plan_lab(lab, there).faults, IsEmpty());
    EXPECT_EQ(plan_lab(lab, there).steps[0].action, LabAction::keep);
    lab.keys[0].public_key = "ssh-ed25519 BBBB";
    EXPECT_EQ(plan_lab(lab, there).steps[0].action, LabAction::replace);
}

TEST_F(LabPlanTest, RemovalTakesTheYoungestFirstAndMayKeepVolumes) {
    bring_up();
    EXPECT_THAT(steps_of(plan_removal("shop", there, KeepVolumes::no)), ElementsAre("remove instance db", "remove volume data"));
    EXPECT_THAT(steps_of(plan_removal("shop", there, KeepVolumes::yes)), ElementsAre("remove instance db"));
    EXPECT_FALSE(plan_removal("shop", {}, KeepVolumes::no).changes());
}

}  // namespace
}  // namespace amivirt
