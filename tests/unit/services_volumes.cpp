// Volumes on fakes: limits, attachment, growth, deletion, and what is left when the process dies in between.
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VolumesTest : public Bench {
protected:
    void SetUp() override { import("tiny"); }
    Result<Volume> attach(const VolumeId& id, const InstanceId& to, const std::string& device = {}) {
        return volumes.attach(me, {id.str(), to.str(), device, false});
    }
    /// The serials that the running domain has.
    std::vector<std::string> plugged(const InstanceId& id) {
        std::vector<std::string> serials;
        const auto attached = live.attached(id);
        EXPECT_TRUE(attached && *attached);
        for (const auto& disk : attached ? attached->value_or(std::vector<LiveDisk>{}) : std::vector<LiveDisk>{}) {
            serials.push_back(disk.serial);
        }
        return serials;
    }
    static std::string serial(const VolumeId& id) {
        std::string text = id.str();
        std::erase(text, '-');
        return text;
    }
};

TEST_F(VolumesTest, AllFaultsOfACreationAreToldAtOnce) {
    CreateVolumeRequest request;
    EXPECT_EQ(volumes.create(me, request).error().code, Code::missing_parameter);
    request.size = GiB{70000};
    request.type = VolumeType::gp2;
    request.throughput = 500;
    request.tags = {{"aws:mine", "x"}};
    const auto refused = volumes.create(me, request);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, ::testing::AllOf(HasSubstr("70000"), HasSubstr("throughput"), HasSubstr("aws:")));
    EXPECT_THAT(rows(&CatalogSession::volumes), IsEmpty());
    expect_clean();
}

TEST_F(VolumesTest, IsNoSmallerThanItsSnapshotAndKeepsItsSecret) {
    CreateVolumeRequest request;
    request.size = GiB{5};
    request.encrypted = true;
    const auto secret = volumes.create(me, request);
    ASSERT_TRUE(secret) << describe(secret.error());
    const auto taken = take({secret->id});
    ASSERT_TRUE(taken) << describe(taken.error());
    EXPECT_TRUE(taken->front().encrypted);
    request = {};
    request.snapshot = taken->front().id.str();
    request.size = GiB{4};
    EXPECT_THAT(volumes.create(me, request).error().message, ::testing::AllOf(HasSubstr("4 GiB"), HasSubstr("5 GiB")));
    request.size.reset();
    const auto copy = volumes.create(me, request);
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->size, GiB{5});
    EXPECT_TRUE(copy->encrypted);
    EXPECT_TRUE(store.layers().at(copy->layer).encrypted);
    expect_clean();
}

TEST_F(VolumesTest, IsPluggedIntoARunningMachineAndMerelyNotedForAStoppedOne) {
    const auto instance = launch("tiny").front().id;
    const auto first = make_volume().id;
    const auto second = make_volume().id;
    const auto attached = attach(first, instance);
    ASSERT_TRUE(attached) << describe(attached.error());
    EXPECT_EQ(attached->attachment->device_name, "/dev/sdf");
    EXPECT_THAT(plugged(instance), ::testing::Contains(serial(first)));
    ASSERT_TRUE(instances.stop(me, instance.str(), Duration{0}, Force::yes));
    ASSERT_TRUE(attach(second, instance));
    EXPECT_EQ(volume(second).attachment->device_name, "/dev/sdg");
    ASSERT_TRUE(instances.start(me, instance.str(), AcceleratorRequest::automatic, progress));
    EXPECT_THAT(plugged(instance), ElementsAre(serial(root_of(instance).id), serial(first), serial(second)));
    expect_clean();
}

TEST_F(VolumesTest, RefusesWhatIsTakenOrIllFormed) {
    const auto instance = launch("tiny").front().id;
    const auto id = make_volume().id;
    for (const char* device : {"/dev/sda1", "sda1", "/dev/nvme0n1", "../sdb", ""}) {
        if (*device != '\0') {
            EXPECT_EQ(attach(id, instance, device).error().code, Code::invalid_parameter_value) << device;
        }
    }
    ASSERT_TRUE(attach(id, instance, "sdb"));
    EXPECT_EQ(attach(id, instance).error().code, Code::volume_in_use);
    EXPECT_EQ(volumes.remove(me, id.str()).error().code, Code::volume_in_use);
    EXPECT_EQ(attach(make_volume().id, instance, "/dev/sdb").error().code, Code::invalid_parameter_value);
    EXPECT_EQ(volumes.detach(me, root_of(instance).id.str(), Duration{0}).error().code, Code::operation_not_permitted);
    EXPECT_EQ(volumes.resolve(other, id.str()).error().code, Code::invalid_volume_not_found);
    expect_clean();
}

TEST_F(VolumesTest, AGuestThatDoesNotLetGoKeepsItsDisk) {
    const auto instance = launch("tiny").front().id;
    const auto id = make_volume().id;
    ASSERT_TRUE(attach(id, instance));
    hypervisor.script().fail("detach", {Code::timed_out, "the guest holds on"});
    EXPECT_EQ(volumes.detach(me, id.str(), Duration{0}).error().code, Code::timed_out);
    EXPECT_TRUE(volume(id).attachment);
    ASSERT_TRUE(volumes.detach(me, id.str(), Duration{0}));
    EXPECT_FALSE(volume(id).attachment);
    EXPECT_TRUE(volumes.detach(me, id.str(), Duration{0})) << "again is done";
    EXPECT_THAT(plugged(instance), ::testing::Not(::testing::Contains(serial(id))));
    expect_clean();
}

TEST_F(VolumesTest, GrowsUnderARunningGuestAndAtRestButNeverShrinks) {
    const auto instance = launch("tiny").front().id;
    const auto id = make_volume(2).id;
    ModifyVolumeRequest request;
    request.size = GiB{3};
    ASSERT_TRUE(volumes.modify(me, id.str(), request));
    EXPECT_EQ(store.layers().at(volume(id).layer).virtual_size, GiB{3}.bytes());
    ASSERT_TRUE(attach(id, instance));
    request.size = GiB{4};
    ASSERT_TRUE(volumes.modify(me, id.str(), request));
    EXPECT_EQ(hypervisor.script().calls("resize"), 1U);
    EXPECT_EQ(volume(id).size, GiB{4});
    request.size = GiB{3};
    EXPECT_EQ(volumes.modify(me, id.str(), request).error().code, Code::invalid_parameter_value);
    request = {};
    request.type = VolumeType::io1;
    EXPECT_EQ(volumes.modify(me, id.str(), request).error().code, Code::missing_parameter);
    request.iops = 100;
    ASSERT_TRUE(volumes.modify(me, id.str(), request));
    EXPECT_EQ(hypervisor.script().calls("tune"), 1U);
    EXPECT_EQ(volume(id).iops, 100U);
}

TEST_F(VolumesTest, DeleteOnTerminationHoldsAsItIsAtTheEnd) {
    const auto instance = launch("tiny").front().id;
    const auto stays = make_volume().id;
    const auto goes = make_volume().id;
    ASSERT_TRUE(attach(stays, instance, "/dev/sdb"));
    ASSERT_TRUE(attach(goes, instance, "/dev/sdc"));
    ASSERT_TRUE(volumes.set_delete_on_termination(me, instance.str(), "sdc", DeleteOnTermination::yes));
    EXPECT_EQ(volumes.set_delete_on_termination(me, instance.str(), "/dev/sdz", DeleteOnTermination::yes).error().code,
              Code::invalid_attachment_not_found);
    ASSERT_TRUE(instances.terminate(me, instance.str()));
    const auto left = rows(&CatalogSession::volumes);
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left.front().id, stays);
    EXPECT_EQ(left.front().state, VolumeState::available);
    expect_clean();
}

TEST_F(VolumesTest, AMachineWithoutARootDoesNotStart) {
    const auto instance = launch("tiny").front().id;
    ASSERT_TRUE(instances.stop(me, instance.str(), Duration{0}, Force::yes));
    const auto root = root_of(instance).id;
    ASSERT_TRUE(volumes.detach(me, root.str(), Duration{0}));
    EXPECT_THAT(instances.start(me, instance.str(), AcceleratorRequest::automatic, progress).error().message, HasSubstr("/dev/sda1"));
    ASSERT_TRUE(attach(root, instance, "/dev/sda1"));
    EXPECT_TRUE(volume(root).attachment->is_root);
    EXPECT_TRUE(instances.start(me, instance.str(), AcceleratorRequest::automatic, progress));
}

TEST_F(VolumesTest, ALostLayerIsToldBeforeAnythingIsMade) {
    const auto instance = launch("tiny").front().id;
    ASSERT_TRUE(instances.stop(me, instance.str(), Duration{0}, Force::yes));
    const auto base = rows(&CatalogSession::layers).front().id;
    store.damage(base, "bytes changed");
    RunRequest request;
    request.image = "tiny";
    request.type = "t3.nano";
    EXPECT_EQ(instances.run(me, request, progress).error().code, Code::store_corrupt);
    const auto started = instances.start(me, instance.str(), AcceleratorRequest::automatic, progress);
    EXPECT_EQ(started.error().code, Code::store_corrupt);
    EXPECT_THAT(started.error().message, HasSubstr(base.str()));
    EXPECT_EQ(state_of(instance), InstanceState::stopped);
    EXPECT_EQ(rows(&CatalogSession::instances).size(), 1U);
}

TEST_F(VolumesTest, WhoDiesWhileCreatingLeavesNothing) {
    store.script().fail("create", {Code::io_error, "killed"});
    store.script().fail("remove", {Code::io_error, "killed"});
    CreateVolumeRequest request;
    request.size = GiB{1};
    EXPECT_FALSE(volumes.create(me, request));
    die_and_recover();
    EXPECT_THAT(rows(&CatalogSession::volumes), IsEmpty());
    expect_clean();
}

TEST_F(VolumesTest, WhatTheDomainHasDecidesAfterADeath) {
    const auto instance = launch("tiny").front().id;
    const auto id = make_volume().id;
    // Dead after the guest got it.
    hypervisor.script().before("attach", [&] {
        hypervisor.script().before("attach", {});
        EXPECT_TRUE(live.attach(instance, {store.source(volume(id).layer), serial(id), {}, {}}));
        hypervisor.become_unavailable();
    });
    EXPECT_EQ(attach(id, instance).error().code, Code::hypervisor_unavailable);
    hypervisor.become_available();
    die_and_recover();
    EXPECT_TRUE(volume(id).attachment);
    // Dead after the guest gave it up.
    hypervisor.script().before("detach", [&] {
        hypervisor.script().before("detach", {});
        EXPECT_TRUE(live.detach(instance, serial(id), Duration{0}));
        hypervisor.become_unavailable();
    });
    EXPECT_FALSE(volumes.detach(me, id.str(), Duration{0}));
    hypervisor.become_available();
    die_and_recover();
    EXPECT_FALSE(volume(id).attachment);
    // Dead before it.
    hypervisor.script().before("attach", [&] { hypervisor.become_unavailable(); });
    EXPECT_FALSE(attach(id, instance));
    hypervisor.script().before("attach", {});
    hypervisor.become_available();
    die_and_recover();
    EXPECT_FALSE(volume(id).attachment);
    expect_clean();
}

TEST_F(VolumesTest, AGrowthThatWasNotWrittenDownIsFoundInTheFile) {
    const auto id = make_volume(1).id;
    store.script().before("grow", [&] {
        store.script().before("grow", {});
        EXPECT_TRUE(store.grow(volume(id).layer, GiB{2}.bytes()));
        store.script().fail("grow", {Code::io_error, "killed"});
        store.script().fail("look", {Code::io_error, "killed"});
    });
    ModifyVolumeRequest request;
    request.size = GiB{2};
    (void)volumes.modify(me, id.str(), request);
    store.script().relent("look");
    die_and_recover();
    EXPECT_EQ(volume(id).size, GiB{2});
    expect_clean();
}

}  // namespace
}  // namespace amivirt::testing
